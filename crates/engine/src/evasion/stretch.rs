//! Plain text of one script as sums of its letters, so that those from any place on are told by one subtraction: what
//! [`super::first_letters`] asks of every letter of a text.
//!
//! Sums are those of [`super::letters`]. Reading the next letters anew from every place took twice the time of all other work in
//! texts without a hit. Not for text with digits, or signs read as letters: a stretch ends there.

use super::letters::{MAX_SUMMED, Sums};
use super::plain::{LATIN, X, char_at, cyrillic_class, is_latin};
use arrayvec::ArrayVec;

/// Letters of a stretch, those that do not count and repetitions included.
const MAX_PLACES: usize = 64;

#[derive(Clone, Copy, Default, PartialEq)]
enum End {
    /// Of the text.
    #[default]
    Text,
    /// No more had place.
    Full,
    /// Something that may be read as a letter, or another script; something that is not plain.
    Sign,
    Strange,
}

/// Where the letters of a stretch stand. Asked from the beginning of a text on.
#[derive(Default)]
pub(super) struct Stretch {
    /// Byte of each letter, and how many letters that count are before the one it is or comes before.
    places: ArrayVec<(usize, u8), MAX_PLACES>,
    sums: Sums,
    end: End,
    /// The place asked about last.
    next: usize,
}

/// The letters from a place on.
pub(super) struct Ahead<'s> {
    sums: &'s Sums,
    from: usize,
    end: End,
}

impl Stretch {
    /// The letters from byte `at` on, `least` of them where the text has so many; `None` where no plain letter stands.
    #[inline]
    pub(super) fn ahead(&mut self, text: &[u8], at: usize, least: usize) -> Option<Ahead<'_>> {
        while self.places.get(self.next).is_some_and(|place| place.0 < at) {
            self.next += 1;
        }
        let from = self.places.get(self.next).filter(|place| place.0 == at);
        let from = match from {
            Some(&(_, from)) if self.end != End::Full || self.sums.count() >= usize::from(from) + least => {
                from
            }
            _ => self.read(text, at)?,
        };
        Some(Ahead {
            sums: &self.sums,
            from: usize::from(from),
            end: self.end,
        })
    }

    /// Reads a stretch that begins at byte `at`.
    fn read(&mut self, text: &[u8], at: usize) -> Option<u8> {
        self.places.clear();
        self.sums.clear();
        (self.end, self.next) = (End::Text, 0);
        let (mut here, mut latin, mut uncounted) = (at, None, 0);
        while here < text.len() {
            let rest = text.get(here..).unwrap_or_default();
            let (class, length) = match *rest {
                [byte, ..] if is_latin(byte) => (LATIN.get(usize::from(byte & 31)).copied(), 1),
                [b'-', b'-', ..] => (None, 0),
                _ if is_nothing(rest) => {
                    here += char_at(text, here).map_or(1, |c| c.1);
                    continue;
                }
                [lead, next, ..] => (cyrillic_class(lead, next), 2),
                _ => (None, 0),
            };
            let is_x = length == 1 && rest.first().is_some_and(|x| x & 31 == X);
            let Some(class) = class.filter(|_| !is_x && latin.is_none_or(|latin| latin == (length == 1)))
            else {
                self.end = match char_at(text, here) {
                    Some(_) => End::Sign,
                    None => End::Strange,
                };
                break;
            };
            latin = Some(length == 1);
            if self.places.is_full() || self.sums.count() == MAX_SUMMED {
                self.end = End::Full;
                break;
            }
            let number = self.sums.push(class);
            self.places.push((here, number));
            if class != 0 {
                // Those that do not count come before this one, which may repeat the one before them.
                for place in self.places.iter_mut().skip(uncounted) {
                    place.1 = number;
                }
                uncounted = self.places.len();
            }
            here += length;
        }
        self.places.first().map(|place| place.1)
    }
}

/// Does the text begin with what is read as nothing: no letter, no part of one, and hides none?
#[inline]
fn is_nothing(text: &[u8]) -> bool {
    match *text {
        [
            b' '
            | b'\t'..=b'\r'
            | b'"'
            | b'\''
            | b')'
            | b','
            | b'-'
            | b'.'
            | b':'
            | b';'
            | b'='
            | b'['
            | b']',
            ..,
        ] => true,
        [0xc2 | 0xe2, ..] => char_at(text, 0).is_some(),
        _ => false,
    }
}

impl Ahead<'_> {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.sums.count() - self.from
    }

    /// The first `count` letters as [`Letters::key`] tells them.
    #[inline]
    pub(super) fn key(&self, count: usize) -> u64 {
        self.sums.key(self.from, count)
    }

    /// Does the text end behind them?
    pub(super) fn is_all(&self) -> bool {
        self.end == End::Text
    }

    /// May what follows them be a mark on the last?
    pub(super) fn may_be_marked(&self) -> bool {
        self.end == End::Strange
    }
}

#[cfg(test)]
mod tests {
    use super::super::letters::Letters;
    use super::*;

    #[test]
    fn letters_from_any_place_on_are_those_read_from_there() {
        let texts = [
            "aardvark, rrr hello",
            "мама -мыла раму",
            "a--b",
            "один two",
            "sass ss ssa",
            &"abcde ".repeat(40),
        ];
        let mut compared = 0;
        for text in texts {
            let mut stretch = Stretch::default();
            for (at, c) in text.char_indices().filter(|c| c.1.is_alphabetic()) {
                let ahead = stretch
                    .ahead(text.as_bytes(), at, 6)
                    .expect("a letter stands there");
                let mut letters = Letters::NONE;
                let mut rest = text[at..].chars();
                while letters.count() < 6
                    && let Some(next) = rest.next()
                    && (!next.is_alphabetic() || next.is_ascii() == c.is_ascii())
                {
                    letters.push(Letters::class_in_terms(next));
                    let count = letters.count() as usize;
                    if count > 0 && count <= ahead.count() {
                        assert_eq!(ahead.key(count), letters.key(), "{count} at {at} of {text}");
                        compared += 1;
                    }
                }
                assert!(
                    ahead.count() >= 6 || !text.starts_with("abcde") || ahead.is_all(),
                    "{at}"
                );
            }
        }
        assert!(compared > 1_000, "{compared}");
    }
}
