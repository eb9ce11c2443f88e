//! The rules of a set over one text: places of their words, gathered while the text is scanned, decided at its
//! end.

use super::View;
use super::collect::Place;
use crate::evasion::Steps;
use crate::fold::classes::is_word;
use crate::reserve::push;
use crate::rule::LeafPlace;
use crate::{Evidence, Level, MatchError};
use std::collections::HashMap;

/// Places kept of one word of a rule; a text that has more holds the rule by these.
const MAX_PLACES: usize = 4_096;

fn no_memory<E>(_: E) -> MatchError {
    MatchError::OutOfMemory
}

#[derive(Default)]
pub(super) struct RuleScan {
    /// By leaf: few leaves of few rules stand in a text, and none in most.
    places: Option<HashMap<u32, Vec<Place>>>,
}

impl RuleScan {
    pub(super) fn add(&mut self, leaf: u32, place: Place) -> Result<(), MatchError> {
        let places = self.places.get_or_insert_default();
        places.try_reserve(1).map_err(no_memory)?;
        let list = places.entry(leaf).or_default();
        if list.len() < MAX_PLACES {
            push(list, place).map_err(no_memory)?;
        }
        Ok(())
    }

    /// Calls `found` with the places where each rule holds.
    pub(super) fn finish(
        self,
        matcher: &View<'_>,
        text: &str,
        mut found: impl FnMut(Place) -> Result<(), MatchError>,
    ) -> Result<(), MatchError> {
        let Some(by_leaf) = self.places else {
            return Ok(());
        };
        let mut places: Vec<(u32, Vec<Place>)> = Vec::new();
        places.try_reserve_exact(by_leaf.len()).map_err(no_memory)?;
        places.extend(by_leaf);
        places.sort_unstable_by_key(|of| of.0);
        let mut offsets: Vec<usize> = Vec::new();
        let count: usize = places.iter().map(|of| of.1.len()).sum();
        offsets.try_reserve_exact(count * 2).map_err(no_memory)?;
        let all = places.iter().flat_map(|of| &of.1);
        offsets.extend(all.flat_map(|p| [p.start, p.end]));
        offsets.sort_unstable();
        offsets.dedup();
        let numbers = word_numbers(text, &offsets)?;
        let number = |offset: usize| {
            offsets
                .binary_search(&offset)
                .ok()
                .and_then(|n| numbers.get(n).copied())
        };
        // Each rule that has a place; no rule holds without one.
        let mut rest = places.as_mut_slice();
        while let Some(&mut (leaf, _)) = rest.first_mut() {
            let Some(rule) = matcher.rule(&matcher.image, leaf) else {
                rest = rest.get_mut(1..).unwrap_or_default();
                continue;
            };
            let end = rest.partition_point(|of| of.0 < rule.leaves.end).max(1);
            let (own, others) = rest.split_at_mut(end);
            rest = others;
            let mut leaves: Vec<Vec<LeafPlace>> = Vec::new();
            leaves.try_reserve_exact(rule.leaves.len()).map_err(no_memory)?;
            leaves.resize_with(rule.leaves.len(), Vec::new);
            let mut steps = Steps::NONE;
            for (leaf, list) in own {
                list.sort_by_key(|p| (p.start, p.end));
                let Some(leaf) = leaves.get_mut((*leaf - rule.leaves.start) as usize) else {
                    continue;
                };
                leaf.try_reserve_exact(list.len()).map_err(no_memory)?;
                leaf.extend(list.iter().map(|p| {
                    let first_word = number(p.start).unwrap_or(0);
                    LeafPlace {
                        first_word,
                        // Words that begin before its end.
                        last_word: number(p.end).unwrap_or(1).max(first_word + 1) - 1,
                        start: p.start,
                        end: p.end,
                        factor: p.evidence.factor,
                    }
                }));
                steps = list.iter().fold(steps, |all, p| all.with(p.evidence.steps));
            }
            let Some(entry) = matcher.entry(rule.entry) else {
                continue;
            };
            for place in rule.rule.places(&leaves) {
                let literal = place.factor >= 1.0;
                let level = if literal {
                    Level::Folded.min(entry.level)
                } else {
                    entry.level
                };
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
                        steps: if literal { Steps::NONE } else { steps },
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
