//! From places to hits: order, allow entries, limits, and code points.
//!
//! Places arrive roughly in text order, from windows. Once a window is done, everything that starts before its
//! horizon is complete: hits are put in order, held against the allow entries and given out. What is held in
//! memory is bounded by the hits, not by the text.

use crate::matcher::{Evidence, Hit};
use crate::{FindOptions, Interrupt, MatchError};
use std::collections::HashMap;

/// One item in one place, before ordering.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) slot: u16,
    pub(crate) item: i64,
    pub(crate) allow: bool,
    pub(crate) weight: f32,
    pub(crate) evidence: Evidence,
}

pub(crate) struct Collector<'a> {
    text: &'a str,
    options: &'a FindOptions,
    pending: Vec<Place>,
    /// Allow spans that may still cover a hit to come: (slot, start, end, item).
    allows: Vec<Place>,
    hits: Vec<Hit>,
    /// Places given out per (slot, item), when they are limited.
    given: Option<HashMap<(u16, i64), usize>>,
    /// A character of the text that has been counted: byte offset and code point.
    counted: (usize, usize),
}

/// Hits between two questions whether to stop.
const INTERRUPT_EVERY: usize = 4_096;

impl<'a> Collector<'a> {
    pub(crate) fn new(text: &'a str, options: &'a FindOptions) -> Self {
        Self {
            text,
            options,
            pending: Vec::new(),
            allows: Vec::new(),
            hits: Vec::new(),
            given: None,
            counted: (0, 0),
        }
    }

    pub(crate) fn add(&mut self, place: Place) -> Result<(), MatchError> {
        let list = if place.allow {
            &mut self.allows
        } else {
            &mut self.pending
        };
        list.try_reserve(1).map_err(|_| MatchError::OutOfMemory)?;
        list.push(place);
        Ok(())
    }

    /// How many hits wait for their decision.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn full(&self) -> bool {
        self.options.limit > 0 && self.hits.len() >= self.options.limit
    }

    /// Everything that starts before `horizon` has been added: decide it.
    pub(crate) fn settle(&mut self, horizon: usize, interrupt: Interrupt<'_>) -> Result<(), MatchError> {
        self.pending.sort_unstable_by(|a, b| {
            (a.start, std::cmp::Reverse(a.end), a.slot, a.item)
                .cmp(&(b.start, std::cmp::Reverse(b.end), b.slot, b.item))
                .then(b.evidence.factor.total_cmp(&a.evidence.factor))
                .then(a.evidence.level.cmp(&b.evidence.level))
        });
        // The same item at the same place, found at several levels: the most literal evidence stays.
        self.pending.dedup_by_key(|p| (p.start, p.end, p.slot, p.item));
        self.allows
            .sort_unstable_by_key(|a| (a.start, std::cmp::Reverse(a.end), a.slot, a.item));
        let ready = self.pending.partition_point(|p| p.start < horizon);
        let mut next_allow = 0;
        let mut active: Vec<usize> = Vec::new();
        for index in 0..ready {
            if self.full() {
                break;
            }
            if index % INTERRUPT_EVERY == 0 && interrupt() {
                return Err(MatchError::Interrupted);
            }
            let Some(place) = self.pending.get(index).cloned() else {
                break;
            };
            while let Some(allow) = self.allows.get(next_allow).filter(|a| a.start <= place.start) {
                if allow.end > place.start {
                    active.try_reserve(1).map_err(|_| MatchError::OutOfMemory)?;
                    active.push(next_allow);
                }
                next_allow += 1;
            }
            let allows = &self.allows;
            active.retain(|&a| allows.get(a).is_some_and(|a| a.end > place.start));
            // Longest containment wins; `active` is in order of start, so ties go to the earliest.
            let cover = active
                .iter()
                .filter_map(|&a| allows.get(a))
                .filter(|a| a.slot == place.slot && a.end >= place.end)
                .reduce(|best, a| {
                    if a.end - a.start > best.end - best.start {
                        a
                    } else {
                        best
                    }
                });
            let suppressed_by = cover.map(|a| a.item);
            if suppressed_by.is_some() && !self.options.suppressed {
                continue;
            }
            self.give(&place, suppressed_by)?;
        }
        self.pending.drain(..ready);
        self.allows.retain(|a| a.end > horizon);
        Ok(())
    }

    fn give(&mut self, place: &Place, suppressed_by: Option<i64>) -> Result<(), MatchError> {
        if self.options.places > 0 {
            let given = self.given.get_or_insert_default();
            given.try_reserve(1).map_err(|_| MatchError::OutOfMemory)?;
            let given = given.entry((place.slot, place.item)).or_insert(0);
            if *given == self.options.places {
                return Ok(());
            }
            *given += 1;
        }
        let (byte, code_point) = self.counted;
        let between = self.text.get(byte..place.start).unwrap_or("");
        let start = code_point + between.chars().count();
        self.counted = (place.start, start);
        let length = self
            .text
            .get(place.start..place.end)
            .unwrap_or("")
            .chars()
            .count();
        self.hits.try_reserve(1).map_err(|_| MatchError::OutOfMemory)?;
        self.hits.push(Hit {
            item: place.item,
            slot: place.slot,
            start,
            length,
            bytes: place.start..place.end,
            evidence: place.evidence,
            score: place.weight * place.evidence.factor,
            suppressed_by,
        });
        Ok(())
    }

    pub(crate) fn finish(self) -> Vec<Hit> {
        self.hits
    }
}
