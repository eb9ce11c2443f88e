//! May plain words of a text sound like a term? Asked of their letters, before anything is compared.
//!
//! A single word has the consonants of a term as heard, or its letters, or nothing is looked for. A phrase may differ from
//! a term of several words in one place only (see `compare`): in how a consonant is spelled, in an i that is a y, or in
//! its ending. What such places may be is one class of letters, or nothing, and the rest of the letters are the same. So
//! phrases are told by a number that is put together of those of their words.

use super::heard::Heard;
use super::spoken::{Spoken, letter_of};
use super::{MAX_LETTERS, MIN_JUMBLED, MIN_LETTERS, Sounds, jumbled_key};
use crate::evasion::letters::Letters;
use crate::evasion::plain::char_at;
use crate::evasion::units::plain_unit;

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
    pub(in crate::evasion) fn new(letters: &[u8]) -> Self {
        let mut out = Self {
            all: Letters::NONE,
            stem: Letters::NONE,
        };
        for &letter in letters {
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
            [b'k' | b'K', rest @ ..] if matches!(rest, [b'n' | b'N', ..]) => Self::new(rest),
            _ => Self::new(letters),
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

impl Sounds<'_> {
    /// Of so many letters a word alone can sound like a term.
    pub(in crate::evasion) fn is_long_enough(&self, word: &[u8]) -> bool {
        (MIN_LETTERS..=MAX_LETTERS).contains(&word.len())
    }

    /// Words of the longest term; none without terms.
    pub(in crate::evasion) fn longest(&self) -> usize {
        self.longest
    }

    /// May a term of so many words be what was said?
    pub(in crate::evasion) fn has_phrase(&self, words: usize, said: Said) -> bool {
        let filter = words.checked_sub(2).and_then(|n| self.phrases.get(n));
        filter.is_some_and(|filter| filter.has(said.key()))
    }

    /// Does this plain word, which no dictionary has, alone sound like a term?
    pub(in crate::evasion) fn is_heard(&self, word: &[u8]) -> bool {
        self.is_heard_as(1, std::iter::once(word))
    }

    /// Do these plain words together sound like a term of as many words?
    pub(in crate::evasion) fn is_heard_as<'w>(
        &self,
        count: usize,
        words: impl Iterator<Item = &'w [u8]>,
    ) -> bool {
        let Some(spoken) = Spoken::plain(words) else {
            return false;
        };
        let same = |number: u32| {
            let word = self.word(number).filter(|w| w.words == count || count == 1);
            word.is_some_and(|word| word.compare(count, &spoken).is_some())
        };
        let letters = spoken.letters();
        spoken.heard.count > 1 && self.heard.get(spoken.heard.key()).any(same)
            || count == 1
                && letters.len() >= MIN_JUMBLED
                && self.jumbled.get(jumbled_key(letters)).next().is_some()
    }

    /// Is the sign read as a letter of a word?
    pub(in crate::evasion) fn is_heard_as_a_letter(&self, sign: char) -> bool {
        !matches!(sign, ' ' | ',' | '.') && !self.is_empty() && letter_of(plain_unit(sign)).is_some()
    }

    /// Is what stands at byte `at` read as a letter of a word, or may it be?
    pub(in crate::evasion) fn is_heard_as_letters(&self, text: &[u8], at: usize) -> bool {
        char_at(text, at).is_none_or(|(sign, _)| self.is_heard_as_a_letter(sign))
    }

    /// May what stands from byte `at` on up to a space, signs and digits read as letters, sound like a term?
    pub(in crate::evasion) fn may_be_heard_with_signs(&self, text: &[u8], at: usize) -> bool {
        let (mut letters, mut len, mut here) = ([0; MAX_LETTERS], 0, at);
        let (mut kept, mut plain, mut plain_kept) = (0, 0, 0);
        while here < text.len() {
            let Some((c, length)) = char_at(text, here) else {
                return true;
            };
            let Some((letter, _)) = letter_of(plain_unit(c)) else {
                break;
            };
            let Some(place) = letters.get_mut(len) else {
                return false;
            };
            *place = letter;
            len += 1;
            here += length;
            plain += usize::from(c.is_ascii_alphabetic());
            if c.is_ascii_alphanumeric() || matches!(c, '$' | '@') {
                (kept, plain_kept) = (len, plain);
            }
        }
        let letters = letters.get(..kept).unwrap_or_default();
        // Plain letters only are asked about otherwise.
        plain > 1
            && plain_kept < kept
            && Heard::new(letters.iter().copied())
                .is_some_and(|heard| heard.count > 1 && self.heard.get(heard.key()).next().is_some())
    }
}
