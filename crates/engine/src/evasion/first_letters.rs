//! Places in plain text at which no term begins, told by the first few letters: for terms that the gate is not for.
//!
//! There questions about whole words are no help; for terms that may begin inside words every letter is a place to begin.
//! But what the gate knows of words holds of their parts: however a term is written in plain letters of one script, its
//! [`Letters`] are those of the text. So the first [`COUNT`] of them are filed, and shorter terms whole. Spaces, and signs that
//! are read as nothing else, count as little as they do in `Letters`.
//!
//! Errs only by not refusing; the tests that hold the gate against the walk hold this too. Not for text in which letters of
//! another script may be drawn, and of no use where digits or signs may be read as letters: there the answer is yes.

use super::build::Ask;
use super::filing::{Drawn, is_of_one_script};
use super::known::Known;
use super::letters::Letters;
use super::plain::{LATIN, X, char_at, cyrillic_class, is_latin};
use super::shapes::Shapes;
use super::terms::Terms;
use crate::CompileError;
use crate::compiled::no_memory;
use crate::reserve::push;

/// Letters of a term that are filed.
const COUNT: u32 = 6;
/// Most ways to draw the first letters of a term of several scripts; of more ways, fewer letters are filed.
const MAX_WAYS: usize = 64;
/// Bytes looked at; beyond them the answer is yes.
const MAX_BYTES: usize = 40;

/// Terms by their first letters, in place.
#[derive(Clone, Copy)]
pub(super) struct FirstLetters<'b> {
    known: Known<'b>,
    /// As bits, of how many letters there are terms that go on, and terms that end.
    open: u8,
    ended: u8,
}

pub(super) const PARTS: usize = 2;

/// What a term of only these letters is filed as.
fn ended(letters: Letters) -> u64 {
    !letters.key()
}

impl<'b> FirstLetters<'b> {
    /// `None` where there are none. *Counts*, 1 byte for terms that go on and 1 for those that end, and *letters*.
    pub(super) fn new([counts, known]: [&'b [u8]; PARTS]) -> Option<Self> {
        let &[open, ended] = counts.first_chunk()?;
        Some(Self {
            known: Known::new(known),
            open,
            ended,
        })
    }

    /// Its parts.
    pub(super) fn build(
        terms: &Terms<'_>,
        shapes: &Shapes<'_>,
        ask: Ask<'_>,
    ) -> Result<[Vec<u8>; PARTS], CompileError> {
        let (mut keys, mut counts, mut drawn) = (Vec::new(), [0_u8; 2], None);
        let mut term: Vec<char> = Vec::new();
        for (n, listed) in terms.iter().enumerate() {
            ask(n)?;
            term.clear();
            term.extend(listed.iter());
            if is_of_one_script(&term) {
                let mut letters = Letters::NONE;
                let goes_on = term.iter().any(|&c| {
                    letters.push(Letters::class_in_terms(c));
                    letters.count() == COUNT
                });
                counts[usize::from(!goes_on)] |= 1 << letters.count();
                let key = if goes_on { letters.key() } else { ended(letters) };
                push(&mut keys, key).map_err(no_memory)?;
                continue;
            }
            // In a text of one script, the letters of the other ones are drawn with those of that script.
            term.retain(|&c| c != ' ');
            for drawn in drawn.get_or_insert_with(|| Drawn::both(shapes)) {
                for letters in first_ways(drawn, &term) {
                    counts[0] |= 1 << letters.count();
                    push(&mut keys, letters.key()).map_err(no_memory)?;
                }
            }
        }
        Ok([counts.to_vec(), Known::build(keys.into_iter())])
    }

    /// May a reading begin at byte `at`?
    pub(super) fn may_begin(&self, text: &[u8], at: usize) -> bool {
        let mut letters = Letters::NONE;
        let (mut here, mut latin) = (at, None);
        // Terms without any letter that counts.
        if (self.open | self.ended) & 1 != 0 {
            return true;
        }
        while here < text.len() && here < at + MAX_BYTES {
            let (class, length) = match *text.get(here..).unwrap_or_default() {
                [byte, ..] if is_latin(byte) && byte & 31 != X && latin != Some(false) => {
                    latin = Some(true);
                    (LATIN.get(usize::from(byte & 31)).copied().unwrap_or(0), 1)
                }
                // What is read as nothing: no letter, no part of one, and hides none.
                [
                    b' '
                    | b'\t'..=b'\r'
                    | b'"'
                    | b'\''
                    | b')'
                    | b','
                    | b'.'
                    | b':'
                    | b';'
                    | b'='
                    | b'['
                    | b']',
                    ..,
                ] => (0, 1),
                [b'-', next, ..] if next != b'-' => (0, 1),
                [0xc2 | 0xe2, ..] => match char_at(text, here) {
                    Some((_, length)) => (0, length),
                    None => return true,
                },
                [lead, next, ..] if latin != Some(true) => match cyrillic_class(lead, next) {
                    Some(class) => {
                        latin = Some(false);
                        (class, 2)
                    }
                    None => return true,
                },
                _ => return true,
            };
            let before = letters.count();
            letters.push(class);
            here += length;
            let count = letters.count();
            if count > before
                && (self.open >> count & 1 != 0 && self.known.has(letters.key())
                    || self.ended >> count & 1 != 0 && self.known.has(ended(letters)))
            {
                return true;
            }
            if count == COUNT {
                // What is not plain may be a mark on the last letter.
                return here < text.len() && char_at(text, here).is_none();
            }
        }
        here < text.len()
    }
}

/// The ways to draw the first letters of a term: of as many as have few ways, none of them of more than [`COUNT`].
fn first_ways(drawn: &Drawn, term: &[char]) -> Vec<Letters> {
    let few = |ways: &Vec<Letters>| ways.len() <= MAX_WAYS && ways.iter().all(|way| way.count() <= COUNT);
    let longest = term.len().min(COUNT as usize);
    (1..=longest)
        .rev()
        .find_map(|count| drawn.sets_of(term.get(..count)?).filter(few))
        .unwrap_or_else(|| vec![Letters::NONE])
}
