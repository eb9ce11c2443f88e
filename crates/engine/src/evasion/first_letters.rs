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
use super::shapes::Shapes;
use super::stretch::Ahead;
use super::terms::Terms;
use crate::CompileError;
use crate::compiled::no_memory;
use crate::reserve::push;
use std::cmp::Ordering;

/// Letters of a term that are filed.
pub(super) const COUNT: usize = 6;
/// Most ways to draw the first letters of a term of several scripts; of more ways, fewer letters are filed.
const MAX_WAYS: usize = 64;
/// Most keys (256 MB while a set is compiled); with more, the answer is always yes.
const MAX_KEYS: usize = 1 << 25;

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
                    letters.count() as usize == COUNT
                });
                counts[usize::from(!goes_on)] |= 1 << letters.count();
                let key = if goes_on { letters.key() } else { ended(letters) };
                push(&mut keys, key).map_err(no_memory)?;
                continue;
            }
            if keys.len() > MAX_KEYS {
                return Ok([vec![1, 0], Vec::new()]);
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

    /// May a reading begin with these letters?
    #[inline]
    pub(super) fn may_begin(&self, ahead: &Ahead<'_>) -> bool {
        let mut counts = u32::from(self.open | self.ended);
        // Terms without any letter that counts.
        if counts & 1 != 0 {
            return true;
        }
        while counts != 0 {
            let count = counts.trailing_zeros();
            counts &= counts - 1;
            if count as usize > ahead.count() {
                break;
            }
            let key = ahead.key(count as usize);
            if self.open >> count & 1 != 0 && self.known.has(key)
                || self.ended >> count & 1 != 0 && self.known.has(!key)
            {
                return true;
            }
        }
        match ahead.count().cmp(&COUNT) {
            Ordering::Less => !ahead.is_all(),
            Ordering::Equal => ahead.may_be_marked(),
            Ordering::Greater => false,
        }
    }
}

/// The ways to draw the first letters of a term: of as many as have few ways, none of them of more than [`COUNT`].
fn first_ways(drawn: &Drawn, term: &[char]) -> Vec<Letters> {
    let few =
        |ways: &Vec<Letters>| ways.len() <= MAX_WAYS && ways.iter().all(|way| way.count() as usize <= COUNT);
    let longest = term.len().min(COUNT);
    (1..=longest)
        .rev()
        .find_map(|count| drawn.sets_of(term.get(..count)?).filter(few))
        .unwrap_or_else(|| vec![Letters::NONE])
}
