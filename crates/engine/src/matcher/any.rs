//! Is there a hit at all? For terms that are found by their patterns alone, in texts of one window, without what a list of
//! hits needs: a tenth of the time of a row of 350 bytes. Everything else is left to `scan`.

use super::finder::Finder;
use super::scan::{Asked, Edges, WINDOW};
use super::{FindOptions, Layer, Matcher};
use crate::compiled::Image;
use crate::fold::Folder;
use crate::{Interrupt, Level, MatchError};

impl Matcher {
    /// Stops at the first hit found, whichever it is.
    pub(super) fn any(&self, text: &str, slot: u16, interrupt: Interrupt<'_>) -> Result<bool, MatchError> {
        if text.len() <= WINDOW && self.layers.iter().all(|layer| layer.is_plain(slot)) {
            if interrupt() {
                return Err(MatchError::Interrupted);
            }
            return Ok(self.any_plain(text, slot));
        }
        let options = FindOptions {
            limit: 1,
            ..FindOptions::default()
        };
        let hits = self.scan_in_windows(text, &Asked::any(&options, &[slot]), WINDOW, interrupt)?;
        Ok(!hits.is_empty())
    }

    fn any_plain(&self, text: &str, slot: u16) -> bool {
        let mut folder = Folder::new(text);
        folder.advance(WINDOW);
        let images = || self.layers.iter().map(|layer| layer.part.image());
        let kinds = images().fold(0, |kinds, image| kinds | image.facts_of(Some(&[slot])).kinds);
        let window = Finder::default().window(kinds, text, &folder, folder.folded_end());
        self.layers.iter().any(|layer| {
            let image = layer.part.image();
            let facts = image.facts_of(Some(&[slot]));
            !window.search(&image, facts, |pattern, start, end| {
                !layer.counts(&image, text, &folder, slot, pattern, (start, end))
            })
        })
    }
}

impl Layer {
    /// Are all items of the slot found by their patterns, and does none of them suppress others?
    fn is_plain(&self, slot: u16) -> bool {
        let image = self.part.image();
        image.facts_of(Some(&[slot])).stages == 0
            && !self.part.extras.has_rules()
            && !image.allow_slots().any(|allow| allow == slot)
    }

    /// Is a pattern that stands at `start..end` of the folded text a hit of the slot?
    fn counts(
        &self,
        image: &Image<'_>,
        text: &str,
        folder: &Folder<'_>,
        slot: u16,
        pattern: u32,
        (start, end): (usize, usize),
    ) -> bool {
        let Some(span) = folder.original_span(start, end) else {
            return false;
        };
        let edges = Edges::of(text, folder, span, start, end);
        let entries = image.targets(pattern).filter_map(|number| image.entry(number));
        entries.filter(|entry| entry.slot == slot).any(|entry| {
            let is_as_written = || text.as_bytes().get(span.start..span.end) == Some(entry.text);
            edges.fit(entry.mode)
                && (entry.level != Level::Literal || !entry.mode.compares() || is_as_written())
                && self.removed.binary_search(&(slot, entry.id)).is_err()
                && text.is_char_boundary(span.start)
                && text.is_char_boundary(span.end)
        })
    }
}
