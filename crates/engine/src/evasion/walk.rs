//! Reading terms off the text: a depth-first walk along the sorted terms from one unit on.

use super::gaps::is_dashed;
use super::opening::{DEPTH, Read};
use super::state::State;
use super::table::{groups, is_mask, is_ordinary, leet, same_script, spoken_digit};
use super::units::{Unit, Units, is_letter, script_of};
use super::{Candidate, Evasion, Steps};
use std::collections::HashMap;

/// States looked at from one place; what is beyond is not read.
const MAX_STATES: usize = 512;

/// No term bears more than this.
const MAX_COST: f32 = 4.0;

/// Repetitions of one letter that are passed over.
const MAX_REPEATS: usize = 64;

/// Signs in a row that may each hide a letter.
pub(super) const MAX_HIDDEN: usize = 8;

/// Characters whose shapes are kept.
const MAX_SHAPES: usize = 4_096;

/// Kept between places: the stack and what letters look like.
#[derive(Default)]
pub(crate) struct Scratch {
    stack: Vec<State>,
    shapes: HashMap<(char, char), Vec<char>>,
}

impl Evasion<'_> {
    /// All readings that begin at unit `from`.
    pub(crate) fn walk(
        &self,
        text: &str,
        units: &mut Units<'_>,
        from: usize,
        scratch: &mut Scratch,
        out: &mut Vec<Candidate>,
    ) {
        let Scratch { stack, shapes } = scratch;
        stack.clear();
        if shapes.len() > MAX_SHAPES {
            shapes.clear();
        }
        stack.push(State {
            read: Read::default(),
            lo: 0,
            hi: self.terms.len(),
            depth: 0,
            unit: from,
            cost: 0.0,
            steps: Steps::NONE,
            own: 0,
            foreign: 0,
            foreign_script: None,
            two_scripts: false,
            odd: false,
            digits: 0,
            digit_run: 0,
            longest_digit_run: 0,
            digit_at_edge: false,
            hidden: 0,
            masked_by_letter: false,
            sound_x: false,
            marks: 0,
            boxed: false,
            doubled: 0,
            elongated: false,
            separator: None,
            separators: 0,
            spaced: false,
            same_script: false,
            asked: false,
            joined: false,
            confused: 0,
            spoken_digit: false,
            spaced_signs: 0,
            chunk: 0,
            longest_chunk: 0,
            word_chunk: 0,
            word_gaps: 0,
            whole: 0,
            shortest_apart: usize::MAX,
            in_pieces: false,
            gap: true,
        });
        let mut seen = 0;
        while let Some(state) = stack.pop() {
            seen += 1;
            if seen > MAX_STATES || state.cost > MAX_COST {
                continue;
            }
            if !state.gap
                && self.terms.is_long(state.lo, state.depth)
                && let Some(candidate) = self.accept(text, units, from, &state)
            {
                out.push(candidate);
            }
            let Some(unit) = units.get(state.unit) else {
                continue;
            };
            self.letters(units, &state, unit, shapes, stack);
            if state.depth > 0 && !state.gap {
                self.repeats(units, &state, unit, stack);
                self.separators(units, &state, unit, stack);
            }
        }
    }

    pub(super) fn step(&self, state: &State, letter: char, cost: f32, steps: Steps) -> Option<State> {
        let mut read = state.read;
        if state.depth < DEPTH {
            // Nearly always the answer is no. The searches spared were a seventh of all time with 100,000 terms.
            read = read.then(letter);
            if self.openings.is_some_and(|openings| !openings.has(read)) {
                return None;
            }
        }
        let (lo, hi) = self.terms.child(state.lo, state.hi, state.depth, letter)?;
        let mut next = state.clone();
        next.read = read;
        next.lo = lo;
        next.hi = hi;
        next.depth += 1;
        next.unit += 1;
        next.cost += cost;
        next.steps = next.steps.with(steps);
        next.gap = false;
        if letter != ' ' {
            next.chunk += 1;
        }
        next.digit_run = 0;
        Some(next)
    }

    /// The unit read as a letter of a term.
    fn letters(
        &self,
        units: &mut Units<'_>,
        state: &State,
        unit: Unit,
        shapes_of: &mut HashMap<(char, char), Vec<char>>,
        stack: &mut Vec<State>,
    ) {
        let boxed = unit.raw != unit.base && !is_letter(unit.raw) && unit.is_letter();
        if !unit.marked || boxed || unit.base == unit.fold {
            let marked = unit.marked;
            let cost = if boxed {
                0.125
            } else if marked {
                0.2
            } else {
                0.0
            };
            let steps = if boxed {
                Steps::LOOKALIKE
            } else if marked {
                Steps::MARKS
            } else {
                Steps::NONE
            };
            if let Some(mut next) = self.step(state, unit.fold, cost, steps) {
                next.own += usize::from(unit.is_letter());
                next.marks += usize::from(marked);
                next.boxed |= boxed;
                if unit.fold == ' ' {
                    next.end_word();
                }
                stack.push(next);
            }
        } else {
            if let Some(mut next) = self.step(state, unit.fold, 0.0, Steps::NONE) {
                next.own += 1;
                stack.push(next);
            }
            if let Some(mut next) = self.step(state, unit.base, 0.2, Steps::MARKS) {
                next.own += 1;
                next.marks += 1;
                stack.push(next);
            }
        }
        if unit.is_letter() {
            self.lookalikes(state, unit, shapes_of, stack);
            self.sounds(units, state, unit, stack);
            for letter in same_script(unit.base) {
                let drawn = drawn_alike(units, state.unit, unit);
                let cost = if drawn { 0.125 } else { 0.5 };
                if let Some(mut next) = self.step(state, letter, cost, Steps::LOOKALIKE) {
                    next.own += 1;
                    next.same_script |= !drawn;
                    if !drawn && matches!(letter, 'i' | 'l') {
                        next.confused += 1;
                    }
                    stack.push(next);
                }
            }
        }
        if !is_letter(unit.raw) {
            for letter in leet(unit.base) {
                if let Some(mut next) = self.step(state, letter, 0.35, Steps::LEET) {
                    if unit.raw.is_ascii_digit() {
                        next.digits += 1;
                        next.digit_run = state.digit_run + 1;
                        next.longest_digit_run = next.longest_digit_run.max(next.digit_run);
                        let end = self.terms.is_long(next.lo, next.depth);
                        next.digit_at_edge |= state.depth == 0 || end;
                    }
                    stack.push(next);
                }
            }
        }
        self.spoken_digit(state, unit, stack);
        for (group, letter) in groups(unit.base) {
            let rest = group.chars().skip(1).enumerate();
            let mut whole = true;
            for (n, c) in rest {
                whole &= units.get(state.unit + 1 + n).is_some_and(|u| u.base == c);
            }
            if whole && let Some(mut next) = self.step(state, letter, 0.35, Steps::LEET) {
                next.unit = state.unit + group.chars().count();
                stack.push(next);
            }
        }
        if state.depth > 0 && !state.gap {
            self.hidden(units, state, unit, stack);
            self.missing_space(state, unit, stack);
            self.spaced_sign(units, state, unit, stack);
        }
    }

    /// A digit read by its name: "4skin", "masturb8".
    fn spoken_digit(&self, state: &State, unit: Unit, stack: &mut Vec<State>) {
        for name in spoken_digit(unit.raw) {
            let mut next = Some(state.clone());
            for letter in name.chars() {
                next = next.and_then(|at| self.step(&at, letter, 0.0, Steps::LEET));
            }
            if let Some(mut next) = next {
                next.unit = state.unit + 1;
                next.cost += 0.5;
                next.spoken_digit = true;
                stack.push(next);
            }
        }
    }

    fn lookalikes(
        &self,
        state: &State,
        unit: Unit,
        shapes_of: &mut HashMap<(char, char), Vec<char>>,
        stack: &mut Vec<State>,
    ) {
        let odd = !is_ordinary(unit.raw);
        let mut read_as = |letter: char| {
            let foreign = script_of(letter) != unit.script;
            if !foreign && !odd {
                return;
            }
            if let Some(mut next) = self.step(state, letter, 0.125, Steps::LOOKALIKE) {
                next.odd |= odd;
                if foreign {
                    next.foreign += 1;
                    next.two_scripts |= next.foreign_script.is_some_and(|s| s != unit.script);
                    next.foreign_script = Some(unit.script);
                } else {
                    next.own += 1;
                }
                stack.push(next);
            }
        };
        if let Some(row) = self.row(&unit) {
            return row.lookalikes().for_each(read_as);
        }
        let known = shapes_of
            .entry((unit.raw, unit.base))
            .or_insert_with(|| self.shapes.lookalikes_of(unit.raw, unit.base));
        known.iter().copied().for_each(&mut read_as);
    }

    /// k, c, q or x written for the sound of "ck".
    fn sounds(&self, units: &mut Units<'_>, state: &State, unit: Unit, stack: &mut Vec<State>) {
        let cost = match unit.base {
            'k' | 'c' | 'q' => 0.6,
            'x' => 1.2,
            _ => return,
        };
        let half = self.step(state, 'c', cost, Steps::SOUND);
        if let Some(mut next) = half.and_then(|half| self.step(&half, 'k', 0.0, Steps::SOUND)) {
            next.unit = state.unit + 1;
            next.sound_x |= unit.base == 'x';
            if units.get(next.unit).is_some_and(|u| u.base == unit.base) {
                next.unit += 1;
            }
            stack.push(next);
        }
    }

    /// A sign that hides a letter, one of several dashes that do, or the mask x for a vowel.
    fn hidden(&self, units: &mut Units<'_>, state: &State, unit: Unit, stack: &mut Vec<State>) {
        let vowel_only = unit.base == 'x';
        let dashes = matches!(unit.raw, '-' | '_') && is_dashed(units, state.unit, unit.raw);
        if !vowel_only && !is_mask(unit.raw) && !dashes {
            return;
        }
        let hides = |u: Unit| is_mask(u.raw) || dashes && u.raw == unit.raw;
        let mut beyond = state.unit + 1;
        while beyond < state.unit + MAX_HIDDEN && units.get(beyond).is_some_and(hides) {
            beyond += 1;
        }
        let Some(after) = units.get(beyond).filter(Unit::is_letter) else {
            return;
        };
        if vowel_only {
            // Between consonants only: no English word spells x there.
            let before = state.unit.checked_sub(1).and_then(|n| units.get(n));
            let consonant = |u: Unit| u.base.is_ascii_lowercase() && !"aeiouyx".contains(u.base);
            if !before.is_some_and(consonant) || !consonant(after) {
                return;
            }
        }
        let mut at = state.lo;
        while at < state.hi {
            let Some(letter) = self.terms.get(at).and_then(|t| t.get(state.depth)) else {
                at += 1;
                continue;
            };
            let Some((lo, hi)) = self.terms.child(at, state.hi, state.depth, letter) else {
                break;
            };
            at = hi;
            let fits = if vowel_only {
                "aeiou".contains(letter)
            } else {
                letter.is_alphabetic()
            };
            if !fits {
                continue;
            }
            let mut next = state.clone();
            (next.lo, next.hi) = (lo, hi);
            if next.depth < DEPTH {
                next.read = next.read.then(letter);
            }
            next.depth += 1;
            next.unit += 1;
            next.cost += 0.5;
            next.steps = next.steps.with(Steps::HIDDEN);
            next.hidden += 1;
            next.masked_by_letter |= vowel_only;
            next.asked |= matches!(unit.raw, '?' | '&');
            next.chunk += 1;
            stack.push(next);
        }
    }

    /// The letter just read once more.
    fn repeats(&self, units: &mut Units<'_>, state: &State, unit: Unit, stack: &mut Vec<State>) {
        let Some(last) = state.unit.checked_sub(1).and_then(|n| units.get(n)) else {
            return;
        };
        if last.base != unit.base || !(unit.is_letter() || is_mask(unit.raw) || unit.raw.is_ascii_digit()) {
            return;
        }
        let mut run = 2;
        while run < MAX_REPEATS
            && units
                .get(state.unit - 1 + run)
                .is_some_and(|u| u.base == unit.base)
        {
            run += 1;
        }
        let mut back = 2;
        while back < MAX_REPEATS
            && state
                .unit
                .checked_sub(back)
                .and_then(|n| units.get(n))
                .is_some_and(|u| u.base == unit.base)
        {
            back += 1;
        }
        let whole = run + back - 2;
        let mut next = state.clone();
        next.unit = state.unit - 1 + run;
        next.steps = next.steps.with(Steps::REPEATED);
        if whole >= 3 {
            next.elongated = true;
            next.cost += 0.25;
        } else {
            next.doubled += 1;
            next.cost += 0.5;
        }
        stack.push(next);
    }
}

/// Is this l or I drawn like the other letter, as its case among the letters beside it says: "VlAGRA", "paypaI"?
fn drawn_alike(units: &mut Units<'_>, at: usize, unit: Unit) -> bool {
    let mut letter = |n: Option<usize>| n.and_then(|n| units.get(n)).filter(Unit::is_letter);
    let (before, after) = (letter(at.checked_sub(1)), letter(Some(at + 1)));
    let further = letter(if after.is_some() {
        Some(at + 2)
    } else {
        at.checked_sub(2)
    });
    let upper = |u: Option<Unit>| u.is_some_and(|u| u.raw.is_uppercase());
    match unit.raw {
        // Two capitals beside it, since a word begins with one anyhow.
        'l' => [before, after, further].into_iter().filter(|&u| upper(u)).count() > 1,
        'I' => before.is_some_and(|u| u.raw.is_lowercase()),
        _ => false,
    }
}
