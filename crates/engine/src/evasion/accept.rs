//! Is this reading of a term an evasion, or chance?

use super::units::{Unit, Units};
use super::walk::State;
use super::{Candidate, Evasion, Steps, budget};
use crate::boundary::is_word_boundary;
use crate::fold::classes::is_word;

/// Words of one letter (English, Russian, Ukrainian) that may stand before letters separated by spaces.
const ONE_LETTER_WORDS: &str = "aiouабвийкосуяєзі";

fn is_wordy(unit: Unit) -> bool {
    unit.raw != '_' && (is_word(unit.raw) || unit.marked && unit.is_letter())
}

impl Evasion {
    /// The candidate for the term at `state.lo`, all of whose letters are read, if it holds.
    pub(super) fn accept(
        &self,
        text: &str,
        units: &mut Units<'_>,
        from: usize,
        state: &State,
    ) -> Option<Candidate> {
        if state.steps.is_empty() {
            // Plain words are found on the folded text.
            return None;
        }
        let term = self.terms.get(state.lo)?;
        let letters = term.iter().filter(|c| !c.is_whitespace()).count();
        if !self.plausible(term, letters, state) {
            return None;
        }
        let first = units.get(from)?;
        let last = units.get(state.unit - 1)?;
        let before = from.checked_sub(1).and_then(|n| units.get(n));
        let after = units.get(state.unit);
        let starts_word =
            before.is_none_or(|u| !is_wordy(u)) || is_word_boundary(text, first.start) && is_word(first.raw);
        let ends_word =
            after.is_none_or(|u| !is_wordy(u)) || is_word_boundary(text, last.end) && is_word(last.raw);
        if state.separator == Some(' ') && !isolated(units, from, state.unit) {
            return None;
        }
        // A hidden letter has letters on both sides.
        if matches!(last.raw, '*' | '#') {
            return None;
        }
        // A unit that expands to several letters must be read whole.
        if before.is_some_and(|u| u.start == first.start) || after.is_some_and(|u| u.start == last.start) {
            return None;
        }
        Some(Candidate {
            term: state.lo,
            start: first.start,
            end: last.end,
            cost: state.cost,
            steps: state.steps,
            starts_word,
            ends_word,
        })
    }

    fn plausible(&self, term: &[char], letters: usize, state: &State) -> bool {
        if state.cost > budget(letters) {
            return false;
        }
        let only = |steps: Steps| steps.contains(state.steps);
        if letters < 3 && !only(Steps::LOOKALIKE) {
            return false;
        }
        // Letters of another script only: plain foreign text, not an attack.
        if state.foreign > 0 && state.own == 0 && !state.two_scripts && !state.odd {
            return false;
        }
        // Leet needs letters beside it, hidden letters need more of them.
        if state.steps.contains(Steps::LEET) && state.own + state.foreign == 0 {
            return false;
        }
        // "mp3", "a55" and "364l" are names and numbers.
        if letters <= 3 && (state.digits > 1 || state.digit_at_edge) || state.longest_digit_run > 2 {
            return false;
        }
        if state.steps.contains(Steps::HIDDEN) && (state.own < 2 || state.hidden * 2 > letters) {
            return false;
        }
        // Words of their own, more often than not: "txt" and "cox".
        if letters < 4 && state.steps.contains(Steps::HIDDEN) && state.masked_by_letter
            || state.sound_x && only(Steps::SOUND)
        {
            return false;
        }
        // One doubled letter is spelling, not evasion.
        let spelling = Steps::REPEATED.with(Steps::SOUND);
        if state.doubled == 1 && spelling.contains(state.steps) && !state.elongated {
            return false;
        }
        // One mark is a language's spelling; two, or one beside another step, are not.
        if only(Steps::MARKS) && state.marks == 1 && !state.boxed {
            return false;
        }
        if let Some(separator) = state.separator {
            let chunk = state.chunk.max(state.longest_chunk);
            let every = chunk <= 1 && state.separators + 1 + spaces(term) >= letters;
            if separator == ' ' {
                return every && letters >= 3;
            }
            let usual = matches!(
                separator,
                '-' | '/' | ',' | '\'' | '’' | '.' | ':' | '(' | ')' | '"' | '&'
            );
            if !every && (letters < 4 || usual && (state.separators < 2 || chunk > 2)) {
                return false;
            }
        }
        true
    }
}

fn spaces(term: &[char]) -> usize {
    term.iter().filter(|c| c.is_whitespace()).count()
}

/// Letters separated by spaces must not be a piece of a longer run of such letters.
fn isolated(units: &mut Units<'_>, from: usize, to: usize) -> bool {
    let back = |n: usize| n.checked_sub(1);
    let forth = |n: usize| n.checked_add(1);
    let Some(before) = from.checked_sub(1) else {
        return alone_word(units, Some(to), forth);
    };
    alone_word(units, Some(before), back) && alone_word(units, Some(to), forth)
}

/// From a gap on, in one direction: no letter standing alone, or a word of one letter and then none.
fn alone_word(units: &mut Units<'_>, gap: Option<usize>, step: fn(usize) -> Option<usize>) -> bool {
    let Some((letter, beyond)) = single(units, gap, step) else {
        return true;
    };
    ONE_LETTER_WORDS.contains(letter) && single(units, beyond, step).is_none()
}

/// The letter that stands alone beyond a gap, and the gap beyond it.
fn single(
    units: &mut Units<'_>,
    gap: Option<usize>,
    step: fn(usize) -> Option<usize>,
) -> Option<(char, Option<usize>)> {
    units.get(gap?).filter(|u| !u.is_letter())?;
    let place = gap.and_then(step)?;
    let letter = units.get(place).filter(Unit::is_letter)?;
    let beyond = step(place);
    let alone = beyond.and_then(|n| units.get(n)).is_none_or(|u| !u.is_letter());
    alone.then_some((letter.base, beyond))
}
