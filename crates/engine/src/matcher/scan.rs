//! One pass over one text, in windows.

use super::collect::{Collector, Place};
use super::{Entry, Evidence, FindOptions, Hit, Matcher};
use crate::boundary::is_word_boundary;
use crate::fold::{Folder, OriginalSpan};
use crate::{Interrupt, Level, MatchError, MatchMode};

/// Bytes of text folded and matched before the next question whether to stop.
pub(crate) const WINDOW: usize = 64 * 1024;

/// Places found before the next question whether to stop.
const INTERRUPT_EVERY: usize = 64 * 1024;

/// Slots as a set, for the inner loop.
struct Slots<'o>(Option<&'o [u16]>);

impl Slots<'_> {
    fn has(&self, slot: u16) -> bool {
        self.0.is_none_or(|list| list.contains(&slot))
    }
}

impl Matcher {
    pub(super) fn scan(
        &self,
        text: &str,
        options: &FindOptions,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<Hit>, MatchError> {
        self.scan_in_windows(text, options, WINDOW, false, interrupt)
    }

    /// Stops at the first hit found, whichever it is.
    pub(super) fn any(&self, text: &str, slot: u16, interrupt: Interrupt<'_>) -> Result<bool, MatchError> {
        let options = FindOptions {
            slots: Some(vec![slot]),
            suppressed: false,
            limit: 1,
            places: 0,
        };
        let hits = self.scan_in_windows(text, &options, WINDOW, true, interrupt)?;
        Ok(!hits.is_empty())
    }

    /// The scan with a given window, in bytes; the hits do not depend on it.
    pub(super) fn scan_in_windows(
        &self,
        text: &str,
        options: &FindOptions,
        window: usize,
        any: bool,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<Hit>, MatchError> {
        let mut collector = Collector::new(text, options);
        let Some(patterns) = &self.patterns else {
            return Ok(Vec::new());
        };
        let Some(mut state) = patterns.start() else {
            return Ok(Vec::new());
        };
        let slots = Slots(options.slots.as_deref());
        // Without allow entries the first place decides `any`.
        let any = any && !self.entries.iter().any(|e| e.allow && slots.has(e.slot));
        let mut folder = Folder::new(text);
        let mut places = 0usize;
        while !folder.done() {
            if interrupt() {
                return Err(MatchError::Interrupted);
            }
            let fresh = folder.folded_end();
            folder.advance(window.max(1));
            let (kept, base) = folder.kept();
            let bytes = kept.as_bytes().get(fresh - base..).unwrap_or(&[]);
            let mut failed = None;
            patterns.scan(&mut state, bytes, |pattern, end| {
                let end = fresh + end;
                let start = end - patterns.length(pattern);
                let Some(span) = folder.original_span(start, end) else {
                    return true;
                };
                let mut checked = None;
                for &entry in self.entries_of(pattern) {
                    let Some(entry) = self.entries.get(entry as usize) else {
                        continue;
                    };
                    if !slots.has(entry.slot) {
                        continue;
                    }
                    let edges = *checked.get_or_insert_with(|| Edges::of(text, &folder, span, start, end));
                    let Some(place) = place(text, entry, span, edges) else {
                        continue;
                    };
                    places += 1;
                    if let Err(error) = collector.add(place) {
                        failed = Some(error);
                        return false;
                    }
                    if places.is_multiple_of(INTERRUPT_EVERY) && interrupt() {
                        failed = Some(MatchError::Interrupted);
                        return false;
                    }
                }
                !(any && collector.pending() > 0)
            });
            if let Some(error) = failed {
                return Err(error);
            }
            if any && collector.pending() > 0 {
                break;
            }
            folder.forget_before(folder.folded_end().saturating_sub(patterns.longest()));
            let (_, base) = folder.kept();
            let horizon = if folder.done() {
                usize::MAX
            } else {
                folder.original_of(base)
            };
            collector.settle(horizon, interrupt)?;
            if collector.full() {
                break;
            }
        }
        collector.settle(usize::MAX, interrupt)?;
        Ok(collector.finish())
    }
}

/// Which ends of a span are word boundaries.
#[derive(Clone, Copy)]
struct Edges {
    start: bool,
    end: bool,
}

impl Edges {
    /// Judged on the caller's text; inside an expansion (the `s` of ß) on the folded text.
    fn of(text: &str, folder: &Folder<'_>, span: OriginalSpan, start: usize, end: usize) -> Self {
        let (kept, base) = folder.kept();
        let on_text = is_word_boundary(text, span.start);
        let start = if span.clean_start {
            on_text
        } else {
            is_word_boundary(kept, start - base)
        };
        let on_text = is_word_boundary(text, span.end);
        let end = if span.clean_end {
            on_text
        } else {
            is_word_boundary(kept, end - base)
        };
        Self { start, end }
    }
}

fn place(text: &str, entry: &Entry, span: OriginalSpan, edges: Edges) -> Option<Place> {
    let stands = match entry.mode {
        MatchMode::Word => edges.start && edges.end,
        MatchMode::Prefix => edges.start,
        MatchMode::Suffix => edges.end,
        MatchMode::Substring => true,
    };
    if !stands {
        return None;
    }
    let literal = text.get(span.start..span.end) == Some(&*entry.text);
    if entry.level == Level::Literal && !literal {
        return None;
    }
    let level = if literal { Level::Literal } else { Level::Folded };
    Some(Place {
        start: span.start,
        end: span.end,
        slot: entry.slot,
        item: entry.id,
        allow: entry.allow,
        weight: entry.weight,
        evidence: Evidence { level, factor: 1.0 },
    })
}
