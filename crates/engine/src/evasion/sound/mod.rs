//! Words written by their sound: `fukker`, `biotch`, `fckn`, `phuk`, `dix` for a listed word.
//!
//! Letters of the word and of the term are cut into consonants and the gaps between them. Consonants that sound alike
//! are one class, so the classes of a term in their order are a key, and a word of a text is looked up by its own.
//! Then term and word differ only in how a consonant is spelled and in the vowels of a gap; each difference has its
//! cost. The classes are those of Soundex and Metaphone (Russell 1918, Philips 1990), made finer: what is not heard
//! as the same consonant is another one. A word that a dictionary knows is never taken for another.
//!
//! For words of Latin letters, in whole words only: what stands inside words is left to the walk.

mod build;
mod compare;
mod heard;
mod said;
mod spoken;
mod sum;

use super::around::is_foreign;
use super::known::{Filed, Known};
use super::units::{Unit, Units};
use super::{Candidate, Steps};
pub(super) use build::{Builder, PARTS};
pub(super) use said::Said;
use spoken::Spoken;

/// Letters of a word; longer ones are not looked at.
const MAX_LETTERS: usize = 24;
/// Fewest letters of a term that can be meant by its sound, and of a word whose vowels were changed.
const MIN_LETTERS: usize = 4;
const MIN_CHANGED: usize = 5;
/// Fewest letters and consonants of a word in which ordinary letters stand for others.
const MIN_WEAK: usize = 6;
const MIN_WEAK_SOUNDS: usize = 3;
/// Fewest letters of a word in which one doubled letter, or one letter of a double, says that the term is meant.
const MIN_SPELLED: usize = 7;
/// Fewest consonants of a word another vowel is read in, and letters of one where two are.
const MIN_SOUNDS: usize = 4;
const MIN_LETTERS_FOR_TWO: usize = 9;
/// Most words of a phrase.
pub(super) const MAX_WORDS: usize = 3;

/// A term by its sound.
#[derive(Clone, Copy, Debug)]
struct Word<'b> {
    letters: &'b [u8],
    /// Words of the phrase.
    words: usize,
    /// Which term of the walk's list it is.
    term: usize,
    /// Only made of an item's term, not listed; a plural of it.
    form: bool,
    plural: bool,
}

/// Bytes of a term: where its letters start, which term it is (4 bytes each); words, whether it is a form, and a plural.
const WORD: usize = 12;

/// The terms that can be written by their sound, in place.
#[derive(Clone, Copy)]
pub(super) struct Sounds<'b> {
    words: &'b [[u8; WORD]],
    letters: &'b [u8],
    /// By what is heard, and by the letters in any order between the first and the last.
    heard: Filed<'b>,
    jumbled: Filed<'b>,
    /// Terms of two words, of three: filters of what `said` makes of them.
    phrases: [Known<'b>; MAX_WORDS - 1],
    /// Words of the longest term.
    longest: usize,
    /// Letters that a word may begin with, as bits.
    begins: u32,
}

/// Letters that may be heard as the same at the beginning of a word. A word that begins with one of a group is looked at
/// when a term begins with another.
const BEGINNINGS: [&str; 6] = ["kcqgx", "fp", "cst", "szx", "td", "nk"];

/// Fewest letters of a word in which two are swapped, of one in which they are the last, and what it costs.
const MIN_JUMBLED: usize = 5;
const MIN_JUMBLED_END: usize = 6;
const SWAPPED: f32 = 0.7;

/// The same for all words with these first and last letters and these ones, in any order, between them.
fn jumbled_key(letters: &[u8]) -> u64 {
    let bit = |letter: u8| 1_u64 << (2 * u64::from(letter.saturating_sub(b'a')).min(31));
    let sum = letters.iter().fold(0_u64, |sum, &l| sum.wrapping_add(bit(l)));
    let ends = [letters.first(), letters.last()].map(|l| u64::from(l.copied().unwrap_or(0)));
    let h = (sum ^ ends[0].rotate_left(56) ^ ends[1].rotate_left(48)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    h ^ (h >> 32)
}

/// Do the two differ by two neighbours that changed places, behind the first letter?
fn is_swapped(term: &[u8], word: &[u8]) -> bool {
    let Some(at) = term.iter().zip(word).position(|(a, b)| a != b) else {
        return false;
    };
    term.len() == word.len()
        && at > 0
        && term.get(at) == word.get(at + 1)
        && term.get(at + 1) == word.get(at)
        && term.get(at + 2..) == word.get(at + 2..)
}

impl<'b> Sounds<'b> {
    pub(super) fn new(parts: [&'b [u8]; PARTS]) -> Self {
        let [
            numbers,
            words,
            letters,
            heard,
            heard_starts,
            heard_list,
            jumbled,
            jumbled_starts,
            jumbled_list,
            two,
            three,
        ] = parts;
        let (begins, rest) = numbers.split_first_chunk().unwrap_or((&[0; 4], &[]));
        Self {
            words: words.as_chunks().0,
            letters,
            heard: Filed::new([heard, heard_starts, heard_list]),
            jumbled: Filed::new([jumbled, jumbled_starts, jumbled_list]),
            phrases: [Known::new(two), Known::new(three)],
            longest: rest.first().map_or(0, |&words| usize::from(words).min(MAX_WORDS)),
            begins: u32::from_le_bytes(*begins),
        }
    }

    fn is_empty(&self) -> bool {
        self.words.len() < 2
    }

    fn word(&self, number: u32) -> Option<Word<'b>> {
        let record = |n: usize| {
            let &[a, b, c, d, e, f, g, h, words, form, plural, _] = self.words.get(n)?;
            let [start, term] = [[a, b, c, d], [e, f, g, h]].map(|four| u32::from_le_bytes(four) as usize);
            Some((start, term, words, form != 0, plural != 0))
        };
        let (from, term, words, form, plural) = record(number as usize)?;
        let (to, ..) = record(number as usize + 1)?;
        Some(Word {
            letters: self.letters.get(from..to)?,
            words: usize::from(words),
            term,
            form,
            plural,
        })
    }

    /// May a word that begins with this unit sound like a term?
    pub(super) fn may_begin(&self, unit: &Unit) -> bool {
        if self.is_empty() {
            return false;
        }
        match unit.is_letter() {
            true => self.begins & letter_bit(unit.base) != 0,
            false => spoken::letter_of(*unit).is_some(),
        }
    }

    /// May a plain word that begins with this letter, or a phrase that begins with it, sound like a term?
    pub(super) fn begins_with(&self, letter: u8) -> bool {
        self.begins & letter_bit(char::from(letter.to_ascii_lowercase())) != 0
    }

    /// Terms that the word at unit `from`, or a phrase that begins with it, sounds like.
    pub(super) fn hear(&self, units: &mut Units<'_>, from: usize, out: &mut Vec<Candidate>) {
        if self.is_empty() {
            return;
        }
        let may_begin = |u: Unit| !u.is_letter() || self.begins & letter_bit(u.base) != 0;
        if !units.get(from).is_some_and(may_begin) {
            return;
        }
        let mut spoken = Spoken::default();
        let mut at = from;
        for words in 1..=self.longest {
            let Some(end) = spoken.word(units, at) else { return };
            if spoken.heard.count >= 2 {
                for number in self.heard.get(spoken.heard.key()) {
                    let word = self.word(number).filter(|w| w.words == words || words == 1);
                    if let Some(word) = word
                        && let Some((cost, steps, ordinary)) = word.compare(words, &spoken)
                        && let (Some(first), Some(last)) = (units.get(from), units.get(end - 1))
                        && !(ordinary && is_foreign(units.text(), first.start, last.end))
                    {
                        out.push(Candidate {
                            term: word.term,
                            start: first.start,
                            end: last.end,
                            cost,
                            steps,
                            starts_word: true,
                            ends_word: true,
                        });
                    }
                }
            }
            if words == 1 {
                self.jumbled(units, (from, end), &spoken, out);
            }
            let gap = units.get(end).filter(|u| matches!(u.raw, ' ' | '-'));
            if gap.is_none() {
                return;
            }
            at = end + 1;
        }
    }

    /// Terms of which two letters beside each other changed places, neither of them the first.
    fn jumbled(
        &self,
        units: &mut Units<'_>,
        (from, to): (usize, usize),
        spoken: &Spoken,
        out: &mut Vec<Candidate>,
    ) {
        let letters = spoken.letters();
        if letters.len() < MIN_JUMBLED || spoken.name || spoken.leet > 0 || letters.contains(&b'*') {
            return;
        }
        for number in self.jumbled.get(jumbled_key(letters)) {
            let Some(word) = self.word(number) else {
                continue;
            };
            if !is_swapped(word.letters, letters) || spoken.known(1, word.letters) {
                continue;
            }
            if let (Some(first), Some(last)) = (units.get(from), units.get(to - 1))
                && !is_foreign(units.text(), first.start, last.end)
            {
                out.push(Candidate {
                    term: word.term,
                    start: first.start,
                    end: last.end,
                    cost: SWAPPED,
                    steps: Steps::SWAPPED,
                    starts_word: true,
                    ends_word: true,
                });
            }
        }
    }
}

/// A small Latin letter as a bit; none for others.
fn letter_bit(letter: char) -> u32 {
    match letter {
        'a'..='z' => 1 << (letter as u32 - 'a' as u32),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
