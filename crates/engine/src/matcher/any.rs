//! Is there a hit at all? For terms that are found by their patterns alone, in texts of one window, without what a list of
//! hits needs: a tenth of the time of a row of 350 bytes. `scan` does everything else, and what is found here.

use super::edges::Edges;
use super::finder::Finder;
use super::scan::{Asked, WINDOW};
use super::{FindOptions, Layer, Matcher};
use crate::compiled::Image;
use crate::fold::Folder;
use crate::{Interrupt, Level, MatchError};

impl Matcher {
    /// Stops at the first hit found, whichever it is.
    pub(super) fn any(&self, text: &str, slot: u16, interrupt: Interrupt<'_>) -> Result<bool, MatchError> {
        let slots = Some(&[slot][..]);
        let has_allow = |layer: &Layer| layer.part.image().allow_slots().any(|allow| allow == slot);
        match self.any_pattern(text, slots, interrupt)? {
            Some(found) if !found || !self.layers.iter().any(has_allow) => Ok(found),
            _ => {
                let options = FindOptions {
                    limit: 1,
                    ..FindOptions::default()
                };
                let hits = self.scan_in_windows(text, &Asked::any(&options, slots), WINDOW, interrupt)?;
                Ok(!hits.is_empty())
            }
        }
    }

    /// Does an item of the slots stand in the text, or an allow entry? `None`: their patterns alone do not decide that, or the
    /// text is longer than a window.
    pub(super) fn any_pattern(
        &self,
        text: &str,
        slots: Option<&[u16]>,
        interrupt: Interrupt<'_>,
    ) -> Result<Option<bool>, MatchError> {
        if text.len() > WINDOW || !self.layers.iter().all(|layer| layer.is_plain(slots)) {
            return Ok(None);
        }
        if interrupt() {
            return Err(MatchError::Interrupted);
        }
        let mut folder = Folder::new(text);
        folder.advance(WINDOW);
        let images = || self.layers.iter().map(|layer| layer.part.image());
        let kinds = images().fold(0, |kinds, image| kinds | image.facts_of(slots).kinds);
        let window = Finder::default().window(kinds, text, &folder, folder.folded_end());
        Ok(Some(self.layers.iter().any(|layer| {
            let image = layer.part.image();
            !window.search(&image, image.facts_of(slots), |pattern, start, end| {
                !layer.counts(&image, text, &folder, slots, pattern, (start, end))
            })
        })))
    }
}

impl Layer {
    /// Are all items of the slots found by their patterns?
    fn is_plain(&self, slots: Option<&[u16]>) -> bool {
        self.part.image().facts_of(slots).stages == 0 && !self.part.extras.has_rules()
    }

    /// Is a pattern that stands at `start..end` of the folded text an item of the slots?
    fn counts(
        &self,
        image: &Image<'_>,
        text: &str,
        folder: &Folder<'_>,
        slots: Option<&[u16]>,
        pattern: u32,
        (start, end): (usize, usize),
    ) -> bool {
        let Some(span) = folder.original_span(start, end) else {
            return false;
        };
        let edges = Edges::of(text, folder, span, start, end);
        let entries = image.targets(pattern).filter_map(|number| image.entry(number));
        let asked = |slot: u16| slots.is_none_or(|slots| slots.contains(&slot));
        entries.filter(|entry| asked(entry.slot)).any(|entry| {
            let is_as_written = || text.as_bytes().get(span.start..span.end) == Some(entry.text);
            edges.fit(entry.mode)
                && (entry.level != Level::Literal || !entry.mode.compares() || is_as_written())
                && self.removed.binary_search(&(entry.slot, entry.id)).is_err()
                && text.is_char_boundary(span.start)
                && text.is_char_boundary(span.end)
        })
    }
}
