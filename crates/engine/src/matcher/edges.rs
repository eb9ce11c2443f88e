//! Whether a place that was found begins and ends where its term's mode lets it.

use crate::MatchMode;
use crate::boundary::is_word_boundary;
use crate::fold::{Folder, OriginalSpan};

/// Which ends of a span are word boundaries.
#[derive(Clone, Copy)]
pub(super) struct Edges {
    pub(super) start: bool,
    pub(super) end: bool,
}

impl Edges {
    /// Judged on the caller's text; inside an expansion (the `s` of ß) on the folded text.
    pub(super) fn of(text: &str, folder: &Folder<'_>, span: OriginalSpan, start: usize, end: usize) -> Self {
        let on_text = is_word_boundary(text, span.start);
        let start = if span.clean_start {
            on_text
        } else {
            on_folded(folder, start)
        };
        let on_text = is_word_boundary(text, span.end);
        let end = if span.clean_end {
            on_text
        } else {
            on_folded(folder, end)
        };
        Self { start, end }
    }

    #[inline]
    pub(super) fn fit(self, mode: MatchMode) -> bool {
        match mode {
            MatchMode::Prefix => self.start,
            MatchMode::Suffix => self.end,
            MatchMode::Substring => true,
            _ => self.start && self.end,
        }
    }
}

#[cold]
fn on_folded(folder: &Folder<'_>, at: usize) -> bool {
    let (kept, base) = folder.kept();
    is_word_boundary(kept, at - base)
}
