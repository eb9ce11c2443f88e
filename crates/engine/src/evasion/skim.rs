//! Text in which no reading begins, passed over without decoding it to units.
//!
//! Most text is words of plain letters between plain signs. There what [`Evasion::may_begin`] asks of units can be asked of
//! the characters themselves, and most places are refused at the first or second letter. Only a place that is not refused is
//! looked at by the slow way, with the same answer as if everything had been. Not for terms that may begin inside words.

use super::Evasion;
use super::table::{groups, is_mask};
use super::units::{Unit, Units, plain_unit};

/// Fewest bytes that are worth passing over: decoding begins anew behind them.
const WORTH: usize = 64;

/// Units in front of a place that the slow way can see.
const BEHIND: usize = 8;

/// The character at byte `at`, and its length, if it is printable ASCII or a letter from А to я.
#[inline]
fn plain_at(text: &[u8], at: usize) -> Option<(char, usize)> {
    match *text.get(at..)? {
        [byte @ b' '..=b'~', ..] => Some((char::from(byte), 1)),
        [lead @ (0xd0 | 0xd1), next, ..] => {
            let c = char::from_u32((u32::from(lead) & 0x1f) << 6 | u32::from(next) & 0x3f)?;
            matches!(c, 'А'..='я').then_some((c, 2))
        }
        _ => None,
    }
}

/// Both are letters or digits, so that no word begins between them.
fn joined(before: char, c: char) -> bool {
    let is_wordy = |c: char| c.is_ascii_alphanumeric() || !c.is_ascii();
    is_wordy(before) && is_wordy(c)
}

impl Evasion {
    /// How far the text from byte `at` on can be passed over, at most to `end`: to a place that must be looked at, or to where
    /// the text is no more plain. `before`: the unit that ends at `at`.
    pub(crate) fn skim(&self, text: &str, before: Unit, at: usize, end: usize) -> usize {
        let is_plain =
            before.end == at && !before.marked && plain_at(text.as_bytes(), before.start).is_some();
        if self.inside || !is_plain {
            return at;
        }
        let bytes = text.as_bytes();
        let mut before = before.raw;
        let mut here = at;
        // The last place before which everything is plain.
        let mut safe = at;
        while here < end
            && let Some((c, length)) = plain_at(bytes, here)
        {
            if !joined(before, c) {
                safe = here;
                if c != ' ' && !self.refuses(bytes, here, c) {
                    break;
                }
            }
            before = c;
            here += length;
        }
        safe
    }

    /// Does no reading begin with the plain character `c` at byte `at`? `false`: perhaps. The same questions as
    /// [`Self::may_begin`] and [`Self::hear`] ask first.
    fn refuses(&self, text: &[u8], at: usize, c: char) -> bool {
        if self.sounds.may_begin(&plain_unit(c)) {
            return false;
        }
        let mut lots = u64::MAX;
        let mut last = None;
        let mut here = at;
        for (place, (loose, sound)) in self.starts.loose.iter().zip(self.starts.sound).enumerate() {
            if lots & loose != 0 {
                return false;
            }
            if here == text.len() {
                return true;
            }
            let Some((c, length)) = plain_at(text, here) else {
                return false;
            };
            here += length;
            // What follows must leave it as it is.
            if here < text.len() && plain_at(text, here).is_none() {
                return false;
            }
            if place > 1 && c == ' ' {
                return goes_on_with_a_word(text, here);
            }
            let unit = plain_unit(c);
            let Some(row) = self.row(&unit) else { return false };
            if place > 0 && (!row.is_letter() || is_mask(c) || unit.base == 'x' || last == Some(unit.base)) {
                return false;
            }
            if lots & sound != 0 && matches!(unit.base, 'k' | 'c' | 'q' | 'x') {
                return false;
            }
            if row.is_spoken(place, lots) || row.is_grouped() && begins_group(text, here, unit.base) {
                return false;
            }
            lots &= row.lots_at(place);
            if lots == 0 {
                return true;
            }
            last = Some(unit.base);
        }
        false
    }
}

/// Is what follows white space a letter or digit, or nothing?
fn goes_on_with_a_word(text: &[u8], mut at: usize) -> bool {
    while text.get(at) == Some(&b' ') {
        at += 1;
    }
    match plain_at(text, at) {
        Some((c, length)) => {
            let behind = at + length;
            let alone = behind == text.len() || plain_at(text, behind).is_some();
            alone && joined(c, c)
        }
        None => at == text.len(),
    }
}

/// Does a group of signs that starts with `first` go on at byte `at`, or may it?
fn begins_group(text: &[u8], at: usize, first: char) -> bool {
    groups(first).any(|(group, _)| {
        let mut here = at;
        group.chars().skip(1).all(|wanted| match plain_at(text, here) {
            Some((c, length)) => {
                here += length;
                plain_unit(c).base == wanted
            }
            // The end of the text ends the group; something that is not plain may be any of it.
            None => here < text.len(),
        })
    })
}

impl<'t> Units<'t> {
    /// Goes on at byte `to`, up to which [`Evasion::skim`] passed over everything from `at` on, with the units in front of it
    /// that can still be seen. Returns the number of the unit there; `None`: it is not worth it, or those are not known.
    pub(crate) fn go_on_at(&mut self, text: &'t str, at: usize, to: usize) -> Option<usize> {
        if to - at < WORTH {
            return None;
        }
        let bytes = text.as_bytes();
        let is_space = |at: usize| bytes.get(at) == Some(&b' ');
        let (mut from, mut seen) = (to, 0);
        while seen < BEHIND + 2 {
            if from == at {
                return None;
            }
            from -= 1;
            let begins = bytes.get(from).is_some_and(|b| b & 0xc0 != 0x80);
            // White space is one unit, however much there is of it.
            seen += usize::from(begins && !(is_space(from) && is_space(from - 1)));
        }
        *self = Units::beginning_at(text, from);
        let mut number = 0;
        while self.get(number).is_some_and(|unit| unit.start < to) {
            number += 1;
        }
        self.forget_before(number);
        Some(number)
    }
}
