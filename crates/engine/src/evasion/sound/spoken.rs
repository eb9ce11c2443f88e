//! Words of a text in their letters, as the ear gets them.

use super::heard::Heard;
use super::{MAX_LETTERS, MAX_WORDS};
use crate::dictionary;
use crate::evasion::table::{is_mask, leet};
use crate::evasion::units::{Unit, Units};

/// Words of a text in their letters: signs that stand for letters are read, others hide one.
#[derive(Default)]
pub(super) struct Spoken {
    letters: [u8; MAX_LETTERS],
    len: usize,
    /// Where the words end.
    ends: [usize; MAX_WORDS],
    words: usize,
    pub(super) leet: usize,
    /// A capital letter and small ones: most likely somebody's name, which no dictionary has.
    pub(super) name: bool,
    /// Nothing but capital letters: perhaps an abbreviation.
    pub(super) capitals: bool,
    pub(super) heard: Heard,
}

impl Spoken {
    /// Reads one more word from unit `at` on, and returns where it ends.
    pub(super) fn word(&mut self, units: &mut Units<'_>, at: usize) -> Option<usize> {
        let mut end = at;
        // What has been read up to the last letter: a sign behind it is punctuation.
        let mut kept = None;
        let (mut plain, mut capitals) = (0, 0);
        let capital = units.get(at).is_some_and(|u| u.raw.is_uppercase());
        let (mut len, mut leets) = (self.len, self.leet);
        while let Some(unit) = units.get(end) {
            let Some((letter, is_leet)) = letter_of(unit) else {
                break;
            };
            *self.letters.get_mut(len)? = letter;
            len += 1;
            leets += usize::from(is_leet);
            end += 1;
            if unit.is_letter() {
                capitals += usize::from(unit.raw.is_uppercase());
                plain += 1;
            }
            if unit.is_letter() || unit.raw.is_ascii_digit() || matches!(unit.raw, '$' | '@') {
                kept = Some((end, len, leets));
            }
        }
        let (end, len, leets) = kept?;
        let inside = units.get(end).is_some_and(|u| u.is_wordy() || u.raw == '_');
        if plain < 2 || inside {
            return None;
        }
        (self.len, self.leet) = (len, leets);
        self.name |= capital && capitals == 1;
        self.capitals = capitals == plain;
        *self.ends.get_mut(self.words)? = len;
        self.words += 1;
        self.heard = Heard::new(self.letters.iter().take(len).copied())?;
        Some(end)
    }

    /// Reads plain words, of Latin letters only.
    pub(super) fn plain<'w>(words: impl Iterator<Item = &'w [u8]>) -> Option<Self> {
        let mut out = Self::default();
        for word in words {
            for letter in word {
                *out.letters.get_mut(out.len)? = letter.to_ascii_lowercase();
                out.len += 1;
            }
            let capitals = word.iter().filter(|l| l.is_ascii_uppercase()).count();
            out.name |= capitals == 1 && word.first().is_some_and(u8::is_ascii_uppercase);
            out.capitals = capitals == word.len();
            *out.ends.get_mut(out.words)? = out.len;
            out.words += 1;
        }
        out.heard = Heard::new(out.letters().iter().copied())?;
        Some(out)
    }

    /// The letters read, those of all words together.
    pub(super) fn letters(&self) -> &[u8] {
        self.letters.get(..self.len).unwrap_or(&[])
    }

    /// Every word of these is an ordinary one, and is not just the term (these letters) with its g left out.
    pub(super) fn known(&self, words: usize, term: &[u8]) -> bool {
        let is_term = |w: &str| term.strip_suffix(b"g") == Some(w.as_bytes());
        let mut from = 0;
        self.ends.iter().take(words).all(|&to| {
            let word = self
                .letters
                .get(from..to)
                .and_then(|w| std::str::from_utf8(w).ok());
            from = to;
            word.is_none_or(|w| {
                dictionary::is_known(w)
                    || w.ends_with("in") && !is_term(w) && dictionary::is_known(&format!("{w}g"))
            })
        })
    }
}

/// The letter that a unit is heard as, and whether a digit or symbol was read so; `*` hides a vowel.
pub(super) fn letter_of(unit: Unit) -> Option<(u8, bool)> {
    // Marks are a language's spelling; letters in other shapes are the walk's.
    if unit.raw.is_ascii_alphabetic() {
        return Some((unit.base as u8, false));
    }
    if unit.is_letter() {
        return None;
    }
    let letter = leet(unit.base).find(char::is_ascii_lowercase);
    match letter {
        _ if matches!(unit.raw, '(' | '<' | '|' | '×' | 'µ') => None,
        // A 1 between consonants is a vowel; either way the likeliest.
        Some('o') => Some((b'o', true)),
        Some(letter) => Some((letter as u8, true)),
        None if is_mask(unit.raw) => Some((b'*', false)),
        None => None,
    }
}
