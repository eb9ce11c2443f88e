//! The rules of a set over one text: places of their words, gathered while the text is scanned, decided at its
//! end.

use super::View;
use super::collect::Place;
use crate::evasion::Steps;
use crate::fold::classes::is_word;
use crate::rule::LeafPlace;
use crate::{Evidence, MatchError};

/// Places kept of one word of a rule; a text that has more holds the rule by these.
const MAX_PLACES: usize = 4_096;

fn no_memory<E>(_: E) -> MatchError {
    MatchError::OutOfMemory
}

#[derive(Default)]
pub(super) struct RuleScan {
    places: Vec<Vec<Place>>,
}

impl RuleScan {
    pub(super) fn new(matcher: &View<'_>) -> Result<Self, MatchError> {
        let mut places = Vec::new();
        places
            .try_reserve_exact(matcher.image.facts.leaves)
            .map_err(no_memory)?;
        places.resize_with(matcher.image.facts.leaves, Vec::new);
        Ok(Self { places })
    }

    pub(super) fn add(&mut self, leaf: u32, place: Place) -> Result<(), MatchError> {
        if let Some(list) = self.places.get_mut(leaf as usize)
            && list.len() < MAX_PLACES
        {
            list.try_reserve(1).map_err(no_memory)?;
            list.push(place);
        }
        Ok(())
    }

    /// Calls `found` with the places where each rule holds.
    pub(super) fn finish(
        mut self,
        matcher: &View<'_>,
        text: &str,
        mut found: impl FnMut(Place) -> Result<(), MatchError>,
    ) -> Result<(), MatchError> {
        let mut offsets: Vec<usize> = Vec::new();
        let count: usize = self.places.iter().map(Vec::len).sum();
        offsets.try_reserve_exact(count * 2).map_err(no_memory)?;
        offsets.extend(self.places.iter().flatten().flat_map(|p| [p.start, p.end]));
        if offsets.is_empty() {
            return Ok(());
        }
        offsets.sort_unstable();
        offsets.dedup();
        let numbers = word_numbers(text, &offsets)?;
        let number = |offset: usize| {
            offsets
                .binary_search(&offset)
                .ok()
                .and_then(|n| numbers.get(n).copied())
        };
        let mut leaves: Vec<Vec<LeafPlace>> = Vec::new();
        leaves.try_reserve_exact(self.places.len()).map_err(no_memory)?;
        for list in &mut self.places {
            list.sort_by_key(|p| (p.start, p.end));
            let places = list.iter().map(|p| {
                let first_word = number(p.start).unwrap_or(0);
                LeafPlace {
                    first_word,
                    // Words that begin before its end.
                    last_word: number(p.end).unwrap_or(1).max(first_word + 1) - 1,
                    start: p.start,
                    end: p.end,
                    factor: p.evidence.factor,
                }
            });
            let mut own = Vec::new();
            own.try_reserve_exact(places.len()).map_err(no_memory)?;
            own.extend(places);
            leaves.push(own);
        }
        for rule in &matcher.rules {
            let Some(entry) = matcher.entry(rule.entry) else {
                continue;
            };
            let first = rule.first_leaf as usize;
            let own = leaves.get(first..first + rule.leaves).unwrap_or(&[]);
            let steps = self
                .places
                .get(first..first + rule.leaves)
                .unwrap_or(&[])
                .iter()
                .flatten();
            let steps = steps.fold(Steps::NONE, |all, p| all.with(p.evidence.steps));
            for place in rule.rule.places(own) {
                let level = if place.factor < 1.0 {
                    entry.level
                } else {
                    crate::Level::Folded.min(entry.level)
                };
                let steps = if place.factor < 1.0 { steps } else { Steps::NONE };
                found(Place {
                    start: place.start,
                    end: place.end,
                    slot: entry.slot,
                    item: entry.id,
                    allow: entry.allow,
                    weight: entry.weight,
                    evidence: Evidence {
                        level,
                        factor: place.factor,
                        steps,
                    },
                })?;
            }
        }
        Ok(())
    }
}

/// How many words begin before each of the offsets (sorted).
fn word_numbers(text: &str, offsets: &[usize]) -> Result<Vec<usize>, MatchError> {
    let mut out = Vec::new();
    out.try_reserve_exact(offsets.len()).map_err(no_memory)?;
    let mut words = 0;
    let mut inside = false;
    let mut wanted = offsets.iter().peekable();
    for (at, c) in text.char_indices() {
        while wanted.next_if(|&&o| o <= at).is_some() {
            out.push(words);
        }
        // In scripts without spaces every letter counts as a word.
        let word = is_word(c);
        if word && !inside || !word && c.is_alphabetic() {
            words += 1;
        }
        inside = word;
    }
    out.resize(offsets.len(), words);
    Ok(out)
}
