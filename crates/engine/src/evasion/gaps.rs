//! The walk across what stands between letters: separated letters, spaces left out, symbols with spaces around them.

use super::state::State;
use super::table::{is_mask, leet};
use super::units::{Unit, Units};
use super::walk::MAX_HIDDEN;
use super::{Evasion, Steps};

/// Signs between two letters.
const MAX_SEPARATORS: usize = 3;

impl Evasion<'_> {
    /// A symbol read as a letter, with a space on both sides: "bi + ch".
    pub(super) fn spaced_sign(
        &self,
        units: &mut Units<'_>,
        state: &State,
        unit: Unit,
        stack: &mut Vec<State>,
    ) {
        if unit.raw != ' ' || state.spaced_signs > 0 {
            return;
        }
        let Some(sign) = units
            .get(state.unit + 1)
            .filter(|u| matches!(u.raw, '+' | '!' | '@' | '$' | '€'))
        else {
            return;
        };
        // Letters go on behind another space, or the word ends with the sign.
        let space = units.get(state.unit + 2).is_some_and(|u| u.raw == ' ');
        let goes_on = space && units.get(state.unit + 3).is_some_and(|u| u.is_letter());
        if units.get(state.unit + 2).is_some_and(|u| u.is_letter()) {
            return;
        }
        for letter in leet(sign.base) {
            if let Some(mut next) = self.step(state, letter, 0.65, Steps::LEET.with(Steps::SEPARATED)) {
                next.unit = state.unit + 2 + usize::from(goes_on);
                next.spaced_signs += 1;
                stack.push(next);
            }
        }
    }

    /// A phrase written without its space, or with a sign instead.
    pub(super) fn missing_space(&self, state: &State, unit: Unit, stack: &mut Vec<State>) {
        if state.separator.is_some() || unit.fold == ' ' {
            return;
        }
        let sign = !unit.is_wordy();
        let cost = if sign { 0.25 } else { 0.5 };
        if let Some(mut next) = self.step(state, ' ', cost, Steps::SEPARATED) {
            next.end_word();
            if !sign {
                next.unit -= 1;
                next.joined = true;
            }
            next.gap = true;
            stack.push(next);
        }
    }

    /// Signs between the letters.
    pub(super) fn separators(
        &self,
        units: &mut Units<'_>,
        state: &State,
        unit: Unit,
        stack: &mut Vec<State>,
    ) {
        let is_sign = |u: &Unit| !u.is_wordy();
        if !is_sign(&unit) || state.depth == 0 {
            return;
        }
        let mut kind = ' ';
        let mut spaced = false;
        let mut count = 0;
        while count < MAX_SEPARATORS {
            let Some(sign) = units.get(state.unit + count).filter(is_sign) else {
                break;
            };
            if sign.raw != ' ' {
                if kind != ' ' && kind != sign.raw {
                    return;
                }
                kind = sign.raw;
            } else {
                spaced = true;
            }
            count += 1;
        }
        if units
            .get(state.unit + count)
            .is_none_or(|u| is_sign(&u) && !is_mask(u.raw))
        {
            return;
        }
        if state.separator.is_some_and(|s| s != kind) || kind == ' ' && state.piece() > 1 {
            return;
        }
        let mut next = state.clone();
        next.unit += count;
        if next.separator.is_none() {
            next.cost += 0.3;
        }
        next.separator = Some(kind);
        next.spaced |= spaced;
        next.separators += 1;
        next.steps = next.steps.with(Steps::SEPARATED);
        next.gap = true;
        let mut parted = next.clone();
        parted.part();
        stack.push(parted);
        // The same signs may stand for the space of a phrase.
        next.end_word();
        next.gap = false;
        next.unit -= 1;
        if let Some(mut space) = self.step(&next, ' ', 0.0, Steps::NONE) {
            space.gap = true;
            stack.push(space);
        }
    }
}

/// Is this one of several dashes behind a letter?
pub(super) fn is_dashed(units: &mut Units<'_>, at: usize, dash: char) -> bool {
    let mut is_dash = |n: usize| units.get(n).is_some_and(|u| u.raw == dash);
    let before = (1..MAX_HIDDEN)
        .take_while(|&n| n <= at && is_dash(at - n))
        .count();
    let several = before > 0 || is_dash(at + 1);
    let letter = |n: usize| units.get(n).is_some_and(|u| u.is_letter());
    several && (at - before).checked_sub(1).is_some_and(letter)
}
