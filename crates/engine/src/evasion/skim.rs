//! Text in which no reading begins, passed over without decoding it to units.
//!
//! Most text is words of plain letters between plain signs. There what [`Evasion::may_begin`] asks of units can be asked of
//! the characters themselves: of whole words, where there is a gate, and else of places. Only what is not refused is looked at
//! by the slow way, with the same answer as if everything had been.

use super::Evasion;
use super::first_letters::FirstLetters;
use super::gate::Gate;
use super::opening::Openings;
use super::plain::{Kind, Word, char_at, is_blank, is_wordy};
use super::sound::{MAX_WORDS, Said};
use super::span::Span;
use super::table::{groups, is_mask};
use super::units::{Unit, Units, plain_unit};
use super::words::Words;

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

/// The plain character before byte `at`.
fn last_char(text: &[u8], at: usize) -> Option<char> {
    (1..=3).find_map(|length| {
        let from = at.checked_sub(length)?;
        char_at(text, from).filter(|c| c.1 == length).map(|c| c.0)
    })
}

impl Evasion<'_> {
    /// How far the text from byte `at` on can be passed over, at most to `end`: to a place that must be looked at, or to where
    /// the text is no more plain. `before`: the unit that ends at `at`.
    ///
    /// `before` is `None` at the beginning of the text. The second value: only what the word there sounds like is to be looked
    /// for.
    pub(crate) fn skim(
        &self,
        words: &mut Words<'_>,
        before: Option<Unit>,
        at: usize,
        end: usize,
    ) -> (usize, bool) {
        let bytes = words.text;
        if let Some(gate) = &self.gate {
            let is_plain = before.is_none_or(|unit| {
                unit.end == at
                    && !unit.marked
                    && char_at(bytes, unit.start).is_some_and(|c| unit.start + c.1 == at || is_blank(c.0))
            });
            return match is_plain {
                true => self.pass(gate, words, at, end),
                false => (at, false),
            };
        }
        let before = before.filter(|unit| unit.end == at && !unit.marked);
        let before = before.and_then(|unit| char_at(bytes, unit.start)).map(|c| c.0);
        match (before, &self.openings, &self.first_letters) {
            (Some(unit), Some(openings), Some(first)) => {
                self.pass_places(openings, first, words, unit, at, end)
            }
            _ => (at, false),
        }
    }

    /// Passes over words that the gate lets pass.
    fn pass(&self, gate: &Gate<'_>, words: &mut Words<'_>, at: usize, end: usize) -> (usize, bool) {
        let text = words.text;
        let mut here = at;
        let mut last = at.checked_sub(1).and_then(|_| last_char(text, at));
        if last.is_some_and(is_wordy) {
            // The rest of a word.
            while let Some((c, length)) = char_at(text, here).filter(|c| is_wordy(c.0)) {
                last = Some(c);
                here += length;
            }
            if here < text.len() && char_at(text, here).is_none() {
                return (at, false);
            }
        }
        let mut watch = gate.watch(self.terms, words);
        while here < end {
            let Some((c, length)) = char_at(text, here) else {
                break;
            };
            if is_wordy(c) {
                if !matches!(last, Some('\'' | '’')) {
                    let quiet = watch.words.pass_quiet(gate, &self.sounds, here);
                    if quiet > here {
                        (here, last) = (quiet, last_char(text, quiet));
                        continue;
                    }
                }
                let word = watch.words.at(here);
                let apostrophe = matches!(last, Some('\'' | '’'));
                if watch.may_begin(&word, apostrophe)
                    && self.may_open(&gate.openings, text, here, watch.is_drawn(&word))
                {
                    return (here, false);
                }
                if self.may_be_heard(watch.words, &word) {
                    return (here, true);
                }
                here = word.end;
                // Of a plain word only that counts.
                last = Some('a');
                continue;
            }
            let behind = here + length;
            if behind < text.len() && char_at(text, behind).is_none()
                || gate.openings.has_sign(c)
                    // Brackets stand around words.
                    && !matches!(c, '(' | '<')
                    && (self.may_open(&gate.openings, text, here, true)
                        || self.sounds.may_be_heard_with_signs(text, here))
            {
                break;
            }
            last = Some(c);
            here = behind;
        }
        (here.min(text.len()), false)
    }

    /// May the word, or a phrase that begins with it, sound like a term?
    fn may_be_heard(&self, words: &mut Words<'_>, word: &Word) -> bool {
        let letters = word.bytes(words.text);
        let with_signs = || self.sounds.may_be_heard_with_signs(words.text, word.start);
        match word.kind {
            Kind::Cyrillic => return false,
            Kind::Strange | Kind::Number => return with_signs(),
            Kind::Latin => {}
        }
        // Signs read as letters make it another word.
        let sign = match char_at(words.text, word.end) {
            Some((c, _)) => self.sounds.is_heard_as_a_letter(c),
            // What is not plain may be nothing.
            None => word.end < words.text.len(),
        };
        if sign && with_signs() {
            return true;
        }
        if !letters.first().is_some_and(|&l| self.sounds.begins_with(l)) {
            return false;
        }
        if self.sounds.is_long_enough(letters) && !words.is_known(word) && self.sounds.is_heard(letters) {
            return true;
        }
        self.sounds.longest() > 1 && self.may_be_heard_in_a_phrase(words, word)
    }

    /// Phrases must have a word that is none of a language.
    fn may_be_heard_in_a_phrase(&self, words: &mut Words<'_>, first: &Word) -> bool {
        let text = words.text;
        let mut phrase = [*first; MAX_WORDS];
        let mut said = match first.bytes(text) {
            [b'k' | b'K', ..] => Said::first(first.bytes(text)),
            _ => words.said(first),
        };
        let mut last = *first;
        for n in 1..MAX_WORDS {
            let span = Span::behind(text, last.end);
            if !span.joins() || span.to == text.len() {
                return false;
            }
            last = words.at(span.to);
            if last.kind != Kind::Latin {
                // What is not plain may be nothing at all: a space of no width.
                return last.foreign;
            }
            if let Some(word) = phrase.get_mut(n) {
                *word = last;
            }
            said = said.then(words.said(&last));
            let phrase = phrase.get(..=n).unwrap_or_default();
            if self.sounds.has_phrase(phrase.len(), said)
                && !phrase.iter().all(|word| words.is_known(word))
                && self
                    .sounds
                    .is_heard_as(phrase.len(), phrase.iter().map(|word| word.bytes(text)))
            {
                return true;
            }
        }
        false
    }

    /// May a reading begin at this unit? Of terms that have a gate it was asked already.
    pub(crate) fn may_open_at(&self, words: &mut Words<'_>, unit: &Unit) -> bool {
        let text = words.text;
        let Some(openings) = self.openings.filter(|_| self.gate.is_none()) else {
            return true;
        };
        match char_at(text, unit.start) {
            Some((c, length)) if unit.start + length == unit.end && (c.is_ascii() || is_wordy(c)) => {
                let drawn = openings.mixed() || words.may_be_drawn(unit.start);
                self.may_open(&openings, text, unit.start, drawn)
            }
            _ => true,
        }
    }

    /// Passes over places where no reading begins.
    fn pass_places(
        &self,
        openings: &Openings<'_>,
        first_letters: &FirstLetters<'_>,
        words: &mut Words<'_>,
        mut before: char,
        at: usize,
        end: usize,
    ) -> (usize, bool) {
        let text = words.text;
        let mut here = at;
        while here < end
            && let Some((c, length)) = char_at(text, here)
        {
            let begins_word = !(is_wordy(before) && is_wordy(c));
            let is_place = match is_wordy(c) {
                true => self.inside || begins_word,
                false => !is_blank(c) && openings.has_sign(c),
            };
            if is_place {
                if (words.is_another_script_behind(here) || words.may_begin(first_letters, here))
                    && !self.refuses(text, here)
                    && self.may_open(openings, text, here, openings.mixed() || words.may_be_drawn(here))
                {
                    break;
                }
                if begins_word
                    && self.sounds.may_begin(&plain_unit(c))
                    && self.may_be_heard_at(words, here, c)
                {
                    return (here, true);
                }
            }
            before = c;
            here += length;
        }
        (here, false)
    }

    /// May the plain character `c` at byte `at` begin what sounds like a term?
    fn may_be_heard_at(&self, words: &mut Words<'_>, at: usize, c: char) -> bool {
        match is_wordy(c) {
            true => {
                let word = words.at(at);
                self.may_be_heard(words, &word)
            }
            false => self.sounds.may_be_heard_with_signs(words.text, at),
        }
    }

    /// Does no reading, other than by sound, begin at byte `at`, where a plain character stands? `false`: perhaps. The same questions
    /// as [`Self::may_begin`] asks.
    fn refuses(&self, text: &[u8], at: usize) -> bool {
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
            alone && (c.is_ascii_alphanumeric() || !c.is_ascii())
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
        let is_space = |at: usize| char_at(bytes, at).is_some_and(|c| is_blank(c.0));
        let (mut from, mut seen) = (to, 0);
        while seen < BEHIND + 2 {
            if from == at {
                return None;
            }
            from -= 1;
            let begins = bytes.get(from).is_some_and(|b| b & 0xc0 != 0x80);
            // White space is one unit, however much there is of it.
            seen += usize::from(begins && !is_space(from));
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
