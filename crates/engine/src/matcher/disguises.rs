//! Level evasion over one text: tries the places where a reading may begin, and reports what the terms make of it. What a
//! reading is, `evasion` knows.

use super::edges::Edges;
use super::scan::Sink;
use super::{Evidence, View};
use crate::boundary::is_word_boundary;
use crate::evasion::units::{Unit, Units};
use crate::evasion::words::Words;
use crate::evasion::{Candidate, Evasion, FORM, INFLECTED_COST, Scratch, Steps, factor, is_turned};
use crate::{Level, MatchError};

/// Level evasion over one text: where it stands, and what it keeps.
pub(super) struct EvasionScan<'t> {
    text: &'t str,
    units: Units<'t>,
    words: Words<'t>,
    next: usize,
    /// No reading begins before this byte; at it only by sound.
    refused: usize,
    heard: Option<usize>,
    scratch: Scratch,
    candidates: Vec<Candidate>,
}

/// Places tried between two questions whether to stop.
const EVASION_INTERRUPT_EVERY: usize = 512;

impl<'t> EvasionScan<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            units: Units::new(text),
            words: Words::new(text),
            next: 0,
            refused: 0,
            heard: None,
            scratch: Scratch::default(),
            candidates: Vec::new(),
        }
    }

    /// Tries every place that begins before `end`.
    pub(super) fn advance(
        &mut self,
        evasion: &Evasion<'_>,
        matcher: &View<'_>,
        end: usize,
        sink: &mut Sink<'_, '_, '_>,
    ) -> Result<(), MatchError> {
        if self.next == 0 && self.refused == 0 {
            self.skim(evasion, None, end);
        }
        if self.refused >= self.text.len() {
            return Ok(());
        }
        let mut previous = self.next.checked_sub(1).and_then(|n| self.units.get(n));
        while let Some(unit) = self.units.get(self.next).filter(|u| u.start < end) {
            let begins = evasion.inside
                || previous.is_none_or(|p| {
                    !p.runs_on(&unit) && (!p.is_wordy() || is_word_boundary(self.text, unit.start))
                });
            let place = unit.raw != ' ' && begins && unit.start >= self.refused;
            if place
                && self.heard != Some(unit.start)
                && evasion.may_begin(&mut self.units, self.next)
                && evasion.may_open_at(&mut self.words, &unit)
            {
                evasion.walk(
                    self.text,
                    &mut self.units,
                    self.next,
                    &mut self.scratch,
                    &mut self.candidates,
                );
            }
            if place && starts_latin_word(previous, unit) {
                evasion.hear(&mut self.units, self.next, &mut self.candidates);
            }
            if is_turned(unit.raw) {
                evasion.turned(self.text, unit.start, &mut self.candidates);
            }
            for candidate in self.candidates.drain(..) {
                let edges = Edges {
                    start: candidate.starts_word,
                    end: candidate.ends_word,
                };
                for number in evasion.entries_of(candidate.term) {
                    let (mut cost, mut steps) = (candidate.cost, candidate.steps);
                    if number & FORM != 0 {
                        (cost, steps) = (cost + INFLECTED_COST, steps.with(Steps::INFLECTED));
                    }
                    let evidence = Evidence {
                        level: Level::Evasion,
                        factor: factor(cost),
                        steps,
                    };
                    if let Some(entry) = matcher.entry(number & !FORM)
                        && edges.fit(entry.mode)
                    {
                        sink.add(&entry, candidate.start, candidate.end, evidence)?;
                    }
                }
            }
            previous = Some(unit);
            self.next += 1;
            if place {
                previous = self.skim(evasion, Some(unit), end).or(previous);
            }
            if self.refused >= self.text.len() {
                break;
            }
            self.units.forget_before(self.next);
            if self.next.is_multiple_of(EVASION_INTERRUPT_EVERY) && (sink.interrupt)() {
                return Err(MatchError::Interrupted);
            }
        }
        Ok(())
    }

    /// Passes over text in which no reading begins, behind `unit`, and returns the unit before where it goes on; `None`
    /// when it goes on right there.
    fn skim(&mut self, evasion: &Evasion<'_>, unit: Option<Unit>, end: usize) -> Option<Unit> {
        let at = unit.map_or(0, |unit| unit.end);
        let (to, heard) = evasion.skim(&mut self.words, unit, at, end);
        self.refused = to;
        self.heard = heard.then_some(to);
        if to >= self.text.len() {
            return None;
        }
        self.next = self.units.go_on_at(self.text, at, to)?;
        self.next.checked_sub(1).and_then(|n| self.units.get(n))
    }
}

/// Does a word begin here whose letters a Latin word may have?
fn starts_latin_word(previous: Option<Unit>, unit: Unit) -> bool {
    let first = unit.base.is_ascii_lowercase() || !unit.is_letter() && unit.raw != '_';
    first && previous.is_none_or(|p| !p.is_wordy() && p.raw != '_')
}
