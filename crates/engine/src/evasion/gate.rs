//! Words of plain letters that no reading can begin with, refused by a few questions.
//!
//! A reading takes whole words of the text (for terms that must begin and end at word edges), and what may be written for a
//! letter in plain text is one of a few others. So the set of letters of a word, with the letters that may stand for each
//! other as one and those that groups are made of left out, is the same in the term and in the text, whatever was
//! repeated, swapped or respelled. Terms are filed by the sets of their letters and by those of the pairs of words they begin
//! with, whichever of their spaces are left out; what is filed under the set of a word is held against the text (`spelled`),
//! since many words have the letters of some term. A word passes when none fits, alone or with what may belong to it: the
//! words behind it, signs between, single letters. Whatever is not plain (digits among letters, signs read as letters, other
//! characters or another script near by) does not pass and is asked about by its first letters (`opening`).
//!
//! Errs only by not letting a word pass; a test compares with trying every place. Not for terms that may begin or end
//! inside words: then there is no gate.

use super::build::Ask;
use super::filing::{Filer, Filing, LOOK, beside_spaces, pair, words_of};
use super::known::{Filed, Known};
use super::letters::{Letters, OTHER, class};
use super::opening::Openings;
use super::plain::{Kind, Word, char_at};
use super::shapes::Shapes;
use super::span::Span;
use super::spelled::Spelled;
use super::terms::Terms;
use super::words::Words;
use crate::compiled::no_memory;
use crate::{CompileError, MAX_TERM_CHARS};

/// Parts of a word with hyphens and the like.
const MAX_PARTS: usize = 6;
/// Bytes within which another script is looked for.
const NEAR: usize = 512;

#[derive(Clone, Copy)]
pub(super) struct Gate<'b> {
    /// Terms by the set of their letters, and by those of the pairs they begin with; and the sets that terms begin with.
    pub(super) whole: Filed<'b>,
    pub(super) pairs: Filed<'b>,
    pub(super) begins: Known<'b>,
    /// Of what is filed as whole, that which an ordinary word may be read as: phrases, and what is not held against the text.
    pub(super) joined: Known<'b>,
    pub(super) openings: Openings<'b>,
    /// Most words of a term.
    words: usize,
    /// Signs beside a space inside a term.
    special: u128,
}

/// Parts of a gate.
pub(super) const PARTS: usize = 9;

impl<'b> Gate<'b> {
    /// `None` where there is none. *Numbers*: signs beside spaces, 16 bytes; most words, 4 bytes. Then *whole* and *pairs*, three
    /// parts each, *begins* and *joined*.
    pub(super) fn new(parts: [&'b [u8]; PARTS], openings: Openings<'b>) -> Option<Self> {
        let [
            numbers,
            whole,
            whole_starts,
            whole_list,
            pairs,
            pairs_starts,
            pairs_list,
            begins,
            joined,
        ] = parts;
        let (&special, rest) = numbers.split_first_chunk()?;
        let &words = rest.first_chunk()?;
        Some(Self {
            special: u128::from_le_bytes(special),
            openings,
            words: (u32::from_le_bytes(words) as usize).clamp(1, MAX_TERM_CHARS),
            whole: Filed::new([whole, whole_starts, whole_list]),
            pairs: Filed::new([pairs, pairs_starts, pairs_list]),
            begins: Known::new(begins),
            joined: Known::new(joined),
        })
    }

    /// Its parts; empty ones when some term is not of the kind that it is for ([`Filer::takes`]).
    pub(super) fn build(
        terms: &Terms<'_>,
        shapes: &Shapes<'_>,
        ask: Ask<'_>,
    ) -> Result<[Vec<u8>; PARTS], CompileError> {
        let (mut most, mut special) = (1, 0_u128);
        let mut filer = Filer::new(shapes);
        let mut term: Vec<char> = Vec::new();
        for (letters, number) in terms.iter().zip(0..LOOK) {
            ask(number as usize)?;
            term.clear();
            term.extend(letters.iter());
            if !filer.add(number, &term).map_err(no_memory)? {
                return Ok([const { Vec::new() }; PARTS]);
            }
            most = most.max(words_of(&term).count());
            special |= beside_spaces(&term).fold(0, |all, sign| all | 1 << (sign as u32));
        }
        let mut numbers = special.to_le_bytes().to_vec();
        let Filing { whole, begins, pairs } = filer.filing;
        numbers.extend((most as u32).to_le_bytes());
        let [whole_filter, whole_starts, whole_list] = Filed::build(&whole)?;
        let is_single = |number: u32| terms.get(number as usize).is_some_and(|term| !term.contains(' '));
        let joined = whole
            .iter()
            .filter(|(_, number)| number & LOOK != 0 || !is_single(*number));
        let joined: Vec<u64> = joined.map(|(key, _)| *key).collect();
        let joined = Known::build(joined.into_iter());
        drop(whole);
        ask(0)?;
        let [pairs_filter, pairs_starts, pairs_list] = Filed::build(&pairs)?;
        drop(pairs);
        let begins = Known::build(begins.iter().copied());
        Ok([
            numbers,
            whole_filter,
            whole_starts,
            whole_list,
            pairs_filter,
            pairs_starts,
            pairs_list,
            begins,
            joined,
        ])
    }

    /// Signs that stand beside a space inside a term.
    pub(super) fn special(&self) -> u128 {
        self.special
    }

    /// May a reading begin with one of the signs between two words? Brackets stand around words.
    pub(super) fn has_signs(&self, span: &Span) -> bool {
        span.has_any(self.openings.signs() & !(1 << b'(' | 1 << b'<'))
    }

    /// Most spaces of a term.
    pub(super) fn most(&self) -> usize {
        self.words - 1
    }

    /// With so many letters, words with a sign and a space between them may be letters one by one.
    pub(super) fn few(&self) -> u32 {
        self.words as u32 + 1
    }

    /// What asks about the words of a text.
    pub(super) fn watch<'a, 't>(&'a self, terms: Terms<'a>, words: &'a mut Words<'t>) -> Watch<'a, 't> {
        Watch {
            gate: self,
            terms,
            text: words.text,
            words,
            most: self.words - 1,
        }
    }
}

/// The gate over a text.
pub(super) struct Watch<'a, 't> {
    gate: &'a Gate<'a>,
    terms: Terms<'a>,
    text: &'t [u8],
    pub(super) words: &'a mut Words<'t>,
    /// Most spaces of a term.
    most: usize,
}

impl Watch<'_, '_> {
    /// May a reading, other than by sound, begin with the word `first`? `apostrophe`: one stands before it.
    pub(super) fn may_begin(&mut self, first: &Word, apostrophe: bool) -> bool {
        let (gate, text) = (self.gate, self.text);
        if first.kind == Kind::Strange
            || self.most > 0
                && self.words.is_another_script_behind(first.start)
                && self.another_script_near(first)
        {
            return true;
        }
        if first.any(text, |set| gate.whole.has(set.key())) && self.may_be_whole(first, apostrophe) {
            return true;
        }
        let span = Span::behind(text, first.end);
        if span.odd || span.has_any(gate.special) {
            return true;
        }
        if span.to == text.len() {
            return false;
        }
        if !span.spaced() {
            return self.may_be_compound(first);
        }
        // Across a sign and a space beside it only letters one by one are read, and few more.
        let next = self.words.at(span.to);
        if span.signs() && first.fewest() + next.fewest() <= self.gate.few() as usize {
            return true;
        }
        if span.first_is_sign() {
            // The sign before the space may be an i, which must be followed by more.
            let with = |i: u8| first.any(text, |set| gate.begins.has(set.then(Letters::of(i)).key()));
            return span.exclaims && (with(class('i')) || with(OTHER));
        }
        if first.may_be_one() && next.may_be_one() && self.single_goes_on(&next) {
            return true;
        }
        if !first.any(text, |set| gate.begins.has(set.key())) || span.spaces_behind_signs {
            return false;
        }
        // The next word of the phrase may be written letter by letter.
        next.kind == Kind::Strange
            || next.may_be_one() && self.single_goes_on(&next)
            || self.goes_on_with(first.start, first, &next, span.opens)
    }

    /// May letters at the word, or behind it, stand for those of another script that they look like?
    pub(super) fn is_drawn(&mut self, word: &Word) -> bool {
        self.gate.openings.mixed()
            || word.kind == Kind::Strange
            || self.words.is_another_script_behind(word.start)
    }

    /// May the text from byte `at` on be read as this term, and not just as it is?
    fn may_be(&self, at: usize, number: u32) -> bool {
        let term = self.terms.get((number & !LOOK) as usize);
        number & LOOK != 0 || term.is_some_and(|term| Spelled::may_be(self.text, at, term))
    }

    /// May the word by itself be read as a term? An ordinary word only as a phrase without its spaces, or with an
    /// apostrophe beside it.
    fn may_be_whole(&mut self, word: &Word, apostrophe: bool) -> bool {
        let apostrophe = apostrophe || matches!(char_at(self.text, word.end), Some(('\'' | '’', _)));
        let known = !apostrophe && self.words.is_known(word);
        let single = |number: u32| {
            self.terms
                .get(number as usize)
                .is_some_and(|term| !term.contains(' '))
        };
        let refused = |number: u32| known && number & LOOK == 0 && single(number);
        word.any(self.text, |set| {
            let fits = |number| !refused(number) && self.may_be(word.start, number);
            self.gate.whole.any(set.key(), fits)
        })
    }

    /// May a reading that begins at byte `at` go on behind `first` and a space with the word `next`, or with what it begins?
    fn goes_on_with(&mut self, at: usize, first: &Word, next: &Word, open: bool) -> bool {
        let (gate, text) = (self.gate, self.text);
        let mut all = *next;
        for _ in 0..MAX_PARTS {
            let fits = |number: u32| self.may_be(at, number);
            let has = |second: Letters| first.any(text, |set| gate.pairs.any(pair(set, second), fits));
            let with = |c: char| all.any(text, |set| has(Letters::of(class(c)).then(set)));
            if all.any(text, has) || open && (with('c') || with('с')) {
                return true;
            }
            let span = Span::behind(text, all.end);
            if span.odd || span.has_any(gate.special) {
                return true;
            }
            if span.to == text.len() {
                return false;
            }
            if span.spaced() {
                let short = span.signs() && first.fewest() + next.fewest() <= 1 + self.most;
                return short || span.exclaims;
            }
            let part = self.words.at(span.to);
            if part.kind != next.kind {
                return true;
            }
            all = all.with(&part);
        }
        true
    }

    /// May the word and what is joined to it by hyphens or other signs be read as a term, or begin one?
    fn may_be_compound(&mut self, first: &Word) -> bool {
        let (gate, text) = (self.gate, self.text);
        let mut all = *first;
        let mut excess = first.fewest() - 1;
        for _ in 0..MAX_PARTS {
            let span = Span::behind(text, all.end);
            if span.odd || span.has_any(gate.special) {
                return true;
            }
            if span.to == text.len() {
                return false;
            }
            if span.spaced() {
                if span.exclaims || span.signs() {
                    return span.exclaims
                        || excess <= self.most
                        || all.any(text, |set| gate.begins.has(set.key()));
                }
                let next = self.words.at(span.to);
                return excess == 0 && next.may_be_one()
                    || all.any(text, |set| gate.begins.has(set.key()))
                        && (next.kind == Kind::Strange
                            || next.may_be_one() && self.single_goes_on(&next)
                            || self.goes_on_with(first.start, &all, &next, span.opens));
            }
            let part = self.words.at(span.to);
            if part.kind != first.kind {
                return true;
            }
            excess += part.fewest() - 1;
            all = all.with(&part);
            if all.any(text, |set| {
                gate.whole
                    .any(set.key(), |number| self.may_be(first.start, number))
            }) {
                return true;
            }
        }
        true
    }

    /// Is a letter that stands alone followed by another such letter, or by something that may be one?
    fn single_goes_on(&mut self, single: &Word) -> bool {
        let span = Span::behind(self.text, single.end);
        if span.odd || single.kind == Kind::Strange {
            return true;
        }
        span.to < self.text.len() && self.words.at(span.to).may_be_one()
    }

    /// Does another script, or a character that is not plain, stand within the words that a reading may take?
    fn another_script_near(&mut self, first: &Word) -> bool {
        let (mut here, mut latin, mut cyrillic) = (first.end, first.latin, first.cyrillic);
        let mut words = 0;
        while words < self.most {
            let span = Span::behind(self.text, here);
            if span.strange || span.to > first.end + NEAR {
                return true;
            }
            if span.to == self.text.len() {
                return false;
            }
            let next = self.words.at(span.to);
            latin |= next.latin;
            cyrillic |= next.cyrillic;
            if next.foreign || latin && cyrillic {
                return true;
            }
            words += usize::from(span.spaced());
            here = next.end;
        }
        false
    }
}
