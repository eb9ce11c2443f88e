//! May plain words of a text sound like a term? Asked of their letters, before anything is compared.
//!
//! A single word has the consonants of a term as heard, or its letters, or nothing is looked for. A phrase may differ from
//! a term of several words in one place only (see `compare`): in how a consonant is spelled, in an i that is a y, or in
//! its ending. What such places may be is one class of letters, or nothing, and the rest of the letters are the same. So
//! phrases are told by a number that is put together of those of their words.

use super::heard::Heard;
use super::{MAX_LETTERS, MIN_JUMBLED, MIN_LETTERS, Sounds, jumbled_key};
use crate::evasion::letters::Letters;

/// Consonants that may be spelled for each other, or together with others of them.
const HISSED: u8 = b'Z';

/// By the lowest five bits of a letter: its class, 0 for what may be heard or not.
static CLASSES: [u8; 32] = {
    let mut out = [0; 32];
    let mut n = 1;
    while n <= 26 {
        let letter = b'a' + n as u8 - 1;
        out[n] = match letter {
            b'h' | b'r' | b'u' | b'w' => 0,
            b'i' | b'y' | b'e' => b'e',
            b'c' | b'd' | b'g' | b'k' | b'q' | b's' | b't' | b'x' | b'z' => HISSED,
            b'f' => b'p',
            letter => letter,
        };
        n += 1;
    }
    out
};

/// Letters of words as they are told apart in phrases.
#[derive(Clone, Copy)]
pub(in crate::evasion) struct Said {
    all: Letters,
    /// Up to the last letter that no ending has.
    stem: Letters,
}

impl Said {
    pub(in crate::evasion) fn new(letters: impl Iterator<Item = u8>) -> Self {
        let mut out = Self {
            all: Letters::NONE,
            stem: Letters::NONE,
        };
        for letter in letters {
            let class = CLASSES.get(usize::from(letter & 31)).copied().unwrap_or(0);
            out.all.push(class);
            if !matches!(class, 0 | b'a' | b'e' | b'o' | HISSED) {
                out.stem = out.all;
            }
        }
        out
    }

    /// At the beginning, where "kn" is heard as an n.
    pub(in crate::evasion) fn first(letters: &[u8]) -> Self {
        match letters {
            [b'k' | b'K', rest @ ..] if matches!(rest, [b'n' | b'N', ..]) => Self::new(rest.iter().copied()),
            _ => Self::new(letters.iter().copied()),
        }
    }

    pub(in crate::evasion) fn then(self, next: Self) -> Self {
        let stem = match next.stem {
            Letters::NONE => self.stem,
            stem => self.all.then(stem),
        };
        Self {
            all: self.all.then(next.all),
            stem,
        }
    }

    pub(in crate::evasion) fn key(self) -> u64 {
        self.stem.key()
    }
}

impl Sounds {
    /// Of so many letters a word alone can sound like a term.
    pub(in crate::evasion) fn is_long_enough(&self, word: &[u8]) -> bool {
        (MIN_LETTERS..=MAX_LETTERS).contains(&word.len())
    }

    /// May this plain word, which is long enough, alone sound like a term? If no dictionary has it.
    pub(in crate::evasion) fn may_be(&self, word: &[u8]) -> bool {
        let letters = word.iter().map(u8::to_ascii_lowercase);
        let Some(heard) = Heard::new(letters) else {
            return false;
        };
        let jumbled = || {
            word.len() >= MIN_JUMBLED && !self.jumbled.get(jumbled_key(heard.letters(0, heard.len as u8))).is_empty()
        };
        heard.count > 1 && !self.heard.get(heard.key()).is_empty() || jumbled()
    }

    pub(in crate::evasion) fn has_phrases(&self) -> bool {
        self.longest > 1
    }

    /// May a term of so many words be what was said?
    pub(in crate::evasion) fn has_phrase(&self, words: usize, said: Said) -> bool {
        let filter = words.checked_sub(2).and_then(|n| self.phrases.get(n));
        filter.is_some_and(|filter| filter.has(said.key()))
    }

    /// May these plain words together sound like a term of as many words?
    pub(in crate::evasion) fn may_be_phrase<'w>(&self, count: usize, words: impl Iterator<Item = &'w [u8]>) -> bool {
        let letters = words.flatten().map(u8::to_ascii_lowercase);
        Heard::new(letters).is_some_and(|heard| {
            let same = self.heard.get(heard.key());
            heard.count > 1
                && same
                    .iter()
                    .any(|&(_, number)| self.words.get(number as usize).is_some_and(|w| w.words == count))
        })
    }
}
