//! Plain words of a text, read off the bytes: what [`super::gate`] asks about.
//!
//! Plain are the letters a to z and а to я in either case, ё, digits, and the usual signs. Not for what they may be read as.

use super::letters::{DIGITS, Letters, class};
use crate::dictionary;

/// Letters of a word that the dictionary is asked about, in bytes.
const MAX_KNOWN: usize = 64;

/// The lowest five bits of an x.
pub(super) const X: u8 = 24;

/// Where the digits are in the set of characters of a word; letters are at the lowest five bits of theirs.
const ZERO: u32 = 32;

const fn two(first: u8, second: u8) -> u64 {
    1 << (first & 31) | 1 << (second & 31)
}

/// Characters that are read as one letter where they stand side by side.
const GROUPED: [u64; 7] = [
    two(b'r', b'n'),
    two(b'p', b'h'),
    two(b'b', b'l'),
    two(b'b', b'i'),
    two(b'l', b'o'),
    two(b'i', b'o'),
    // "10".
    1 << ZERO | 1 << (ZERO + 1),
];

/// What a word is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Latin,
    Cyrillic,
    Number,
    /// Of letters and digits, of several scripts, or of other characters.
    Strange,
}

/// A run of letters and digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
    /// It has letters of these scripts; or characters that are not plain.
    pub(super) latin: bool,
    pub(super) cyrillic: bool,
    pub(super) foreign: bool,
    pub(super) letters: Letters,
    /// Its letters, each by itself, as a set.
    pub(super) raw: u64,
    /// How often it has an x, which may stand for other letters.
    exes: usize,
}

const fn latin_classes() -> [u8; 32] {
    let mut out = [0; 32];
    let mut n = 1;
    while n <= 26 {
        out[n] = class((b'a' + n as u8 - 1) as char);
        n += 1;
    }
    out
}

/// By the lowest five bits of a letter.
pub(super) static LATIN: [u8; 32] = latin_classes();

/// The plain character at byte `at`, as a small letter where it is one, and its length.
#[inline]
pub(super) fn char_at(text: &[u8], at: usize) -> Option<(char, usize)> {
    match *text.get(at..)? {
        [byte @ b' '..=b'~', ..] => Some((char::from(byte.to_ascii_lowercase()), 1)),
        [byte @ b'\t'..=b'\r', ..] => Some((char::from(byte), 1)),
        [lead @ (0xd0 | 0xd1), next, ..] => {
            let c = char::from_u32((u32::from(lead) & 0x1f) << 6 | u32::from(next) & 0x3f)?;
            match c {
                'а'..='я' => Some((c, 2)),
                'А'..='Я' => Some((char::from_u32(c as u32 + 0x20)?, 2)),
                'ё' | 'Ё' => Some(('е', 2)),
                _ => None,
            }
        }
        [0xc2, 0xa0, ..] => Some(('\u{a0}', 2)),
        [0xc2, 0xab, ..] => Some(('«', 2)),
        [0xc2, 0xbb, ..] => Some(('»', 2)),
        [
            0xe2,
            0x80,
            last @ (0x93 | 0x94 | 0x95 | 0x98 | 0x99 | 0x9c | 0x9d | 0x9e | 0xa6),
            ..,
        ] => Some((char::from_u32(0x2000 | u32::from(last) & 0x3f)?, 3)),
        _ => None,
    }
}

/// Is the plain character part of a word?
#[inline]
pub(super) fn is_wordy(c: char) -> bool {
    c.is_ascii_alphanumeric() || ('а'..='я').contains(&c)
}

#[inline]
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r' | '\u{a0}')
}

/// Is the byte a letter of ASCII?
#[inline]
pub(super) fn is_latin(byte: u8) -> bool {
    (byte | 0x20).wrapping_sub(b'a') < 26
}

/// The class of the plain Cyrillic letter of these two bytes.
#[inline]
pub(super) fn cyrillic_class(lead: u8, next: u8) -> Option<u8> {
    let code = (u32::from(lead) << 6 | u32::from(next) & 0x3f).wrapping_sub(0xd0 << 6 | 0x10);
    match (lead, next) {
        (0xd0 | 0xd1, _) if code < 64 => Some(0x80 + (code & 31) as u8),
        // An ё is read as е.
        (0xd1, 0x91) | (0xd0, 0x81) => Some(class('е')),
        _ => None,
    }
}

impl Word {
    /// Of no letters, at the beginning.
    pub(super) const NONE: Self = Self {
        start: 0,
        end: 0,
        kind: Kind::Strange,
        latin: false,
        cyrillic: false,
        foreign: false,
        letters: Letters::NONE,
        raw: 0,
        exes: 0,
    };

    /// The one that begins at byte `start`.
    #[inline]
    pub(super) fn at(text: &[u8], start: usize) -> Self {
        let rest = text.get(start..).unwrap_or_default();
        let mut out = Self {
            start,
            end: start,
            kind: Kind::Latin,
            ..Self::NONE
        };
        for &byte in rest {
            if !is_latin(byte) {
                break;
            }
            let letter = byte & 31;
            out.letters
                .push(LATIN.get(usize::from(letter)).copied().unwrap_or(0));
            out.raw |= 1 << letter;
            out.exes += usize::from(letter == X);
            out.end += 1;
        }
        out.latin = out.end > start;
        if !out.latin {
            for two in rest.chunks_exact(2) {
                let Some(class) = (match *two {
                    [lead, next] => cyrillic_class(lead, next),
                    _ => None,
                }) else {
                    break;
                };
                out.letters.push(class);
                out.raw |= 1 << (class & 31);
                out.end += 2;
            }
            out.cyrillic = true;
            out.kind = Kind::Cyrillic;
        }
        let ends = match text.get(out.end) {
            Some(b' ') | None => true,
            Some(_) => char_at(text, out.end).is_some_and(|c| !is_wordy(c.0)),
        };
        if ends && out.end > start {
            out
        } else {
            Self::of_any(text, start)
        }
    }

    /// One that was read elsewhere, of letters of one script.
    pub(super) fn of(start: usize, end: usize, kind: Kind, letters: Letters, raw: u64, exes: usize) -> Self {
        Self {
            start,
            end,
            kind,
            latin: kind == Kind::Latin,
            cyrillic: kind == Kind::Cyrillic,
            foreign: false,
            letters,
            raw,
            exes,
        }
    }

    /// One of any characters.
    #[inline(never)]
    fn of_any(text: &[u8], start: usize) -> Self {
        let mut out = Self {
            start,
            end: start,
            ..Self::NONE
        };
        let mut digits = false;
        loop {
            match *text.get(out.end..).unwrap_or_default() {
                [byte, ..] if is_latin(byte) => {
                    out.latin = true;
                    out.end += 1;
                }
                [digit @ b'0'..=b'9', ..] => {
                    digits = true;
                    out.raw |= 1 << (ZERO + u32::from(digit - b'0'));
                    out.end += 1;
                }
                [] => break,
                _ => match char_at(text, out.end) {
                    Some((c, 2)) if is_wordy(c) => {
                        out.letters.push(class(c));
                        out.raw |= 1 << (class(c) & 31);
                        out.cyrillic = true;
                        out.end += 2;
                    }
                    Some(_) => break,
                    None => {
                        out.foreign = true;
                        break;
                    }
                },
            }
        }
        out.kind = match (out.latin, out.cyrillic, digits) {
            _ if out.foreign || out.end == start => Kind::Strange,
            (false, true, false) => Kind::Cyrillic,
            (false, false, true) => {
                out.letters = Letters::of(DIGITS);
                Kind::Number
            }
            _ => Kind::Strange,
        };
        out
    }

    /// The two, one after the other, as one; the same kind is expected of both.
    pub(super) fn with(&self, next: &Self) -> Self {
        Self {
            end: next.end,
            letters: self.letters.then(next.letters),
            raw: self.raw | next.raw,
            // Of words that are put together, an x may be anything.
            exes: (self.exes + next.exes) * 2,
            ..*self
        }
    }

    /// How many letters of a term it is at least, whatever is repeated: each of its letters is at least one, but for those
    /// that two may be read as one.
    pub(super) fn fewest(&self) -> usize {
        match self.kind {
            Kind::Strange => 1,
            Kind::Cyrillic => (self.raw.count_ones() as usize).max(1),
            Kind::Latin | Kind::Number => {
                let grouped = GROUPED.iter().filter(|&&two| self.raw & two == two);
                let grouped = grouped.fold(0, |all, two| all | two);
                let others = self.raw & !grouped;
                let least = others.count_ones() + grouped.count_ones().div_ceil(2);
                (least as usize).max(1)
            }
        }
    }

    /// May it be one letter of a term?
    #[inline]
    pub(super) fn may_be_one(&self) -> bool {
        self.kind == Kind::Strange || self.raw.count_ones() < 3 && self.fewest() == 1
    }

    /// Does one of the ways to read it fit? Where it has an x, that may hide a vowel, or sound as "ck".
    #[inline]
    pub(super) fn any(&self, text: &[u8], mut fits: impl FnMut(Letters) -> bool) -> bool {
        fits(self.letters) || self.exes > 0 && self.any_with_x(text, fits)
    }

    fn any_with_x(&self, text: &[u8], mut fits: impl FnMut(Letters) -> bool) -> bool {
        if self.exes > 1 {
            return true;
        }
        let mut around = self.bytes(text).splitn(2, |byte| matches!(byte, b'x' | b'X'));
        let [before, behind] = [around.next(), around.next()].map(|part| {
            let mut letters = Letters::NONE;
            for byte in part.unwrap_or_default() {
                letters.push(LATIN.get(usize::from(byte & 31)).copied().unwrap_or(0));
            }
            letters
        });
        let with = |c: char| before.then(Letters::of(class(c))).then(behind);
        ['a', 'e', 'i', 'o', 'u', 'k'].into_iter().any(|c| fits(with(c)))
    }

    /// Is it a word of a language?
    pub(super) fn is_known(&self, text: &[u8]) -> bool {
        let word = self.bytes(text);
        if word.len() > MAX_KNOWN {
            return false;
        }
        match self.kind {
            Kind::Latin => dictionary::is_known_letters(word.iter().map(u8::to_ascii_lowercase)),
            Kind::Cyrillic => dictionary::is_known_letters(word.chunks_exact(2).flat_map(|two| {
                let mut small = [0; 2];
                if let Some((c, 2)) = char_at(two, 0) {
                    c.encode_utf8(&mut small);
                }
                small
            })),
            _ => false,
        }
    }

    pub(super) fn bytes<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }
}
