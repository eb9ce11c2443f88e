//! Plain words of a text and what stands between them, read off the bytes: what [`super::gate`] asks about.
//!
//! Plain are the letters a to z and а to я in either case, ё, digits, and the usual signs. Not for what they may be read as.

use super::gate::{DIGITS, OTHER};
use crate::dictionary;

/// Letters of a word that the dictionary is asked about, in bytes.
const MAX_KNOWN: usize = 64;

/// The lowest five bits of an x.
const X: usize = 24;

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
    /// Before its x, and behind it.
    around: [Letters; 2],
    /// Its letters, each by itself, as a set.
    raw: u64,
    length: usize,
    /// How often it has an x, which may stand for other letters.
    exes: usize,
}

/// The class of a plain small letter among those that may be written for each other; 0 for letters that groups have.
pub(super) const fn class(c: char) -> u8 {
    match c {
        'r' | 'h' => 0,
        'c' | 'q' => b'k',
        'l' => b'i',
        'n' => b'm',
        'f' => b'p',
        'v' | 'w' => b'u',
        'z' => b's',
        'a'..='z' => c as u8,
        'а'..='я' => (c as u32 - 'а' as u32) as u8 + 0x80,
        _ => OTHER,
    }
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
static LATIN: [u8; 32] = latin_classes();

const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Letters by their classes in their order, without repetitions: a polynomial that can be put together of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Letters {
    hash: u64,
    power: u64,
    first: u8,
    last: u8,
}

impl Letters {
    pub(super) const NONE: Self = Self {
        hash: 0,
        power: 1,
        first: 0,
        last: 0,
    };

    /// One of this class.
    #[inline]
    pub(super) const fn of(class: u8) -> Self {
        match class {
            0 => Self::NONE,
            _ => Self {
                hash: class as u64,
                power: BASE,
                first: class,
                last: class,
            },
        }
    }

    /// These and those behind them.
    #[inline]
    pub(super) fn then(self, next: Self) -> Self {
        if next.last == 0 || self.last == 0 {
            return if next.last == 0 { self } else { next };
        }
        let (mut hash, mut power) = (next.hash, next.power);
        if self.last == next.first {
            power = power.wrapping_mul(INVERSE);
            hash = hash.wrapping_sub(u64::from(next.first).wrapping_mul(power));
        }
        Self {
            hash: self.hash.wrapping_mul(power).wrapping_add(hash),
            power: self.power.wrapping_mul(power),
            first: self.first,
            last: next.last,
        }
    }

    #[inline]
    pub(super) fn key(self) -> u64 {
        self.hash
    }
}

/// What undoes a multiplication by [`BASE`]: Newton's iteration.
const INVERSE: u64 = {
    let mut inverse = BASE;
    let mut n = 0;
    while n < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(BASE.wrapping_mul(inverse)));
        n += 1;
    }
    inverse
};

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
            last @ (0x93 | 0x94 | 0x98 | 0x99 | 0x9c | 0x9d | 0x9e | 0xa6),
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

impl Word {
    /// The one that begins at byte `start`.
    pub(super) fn at(text: &[u8], start: usize) -> Self {
        let mut out = Self {
            start,
            end: start,
            kind: Kind::Strange,
            latin: false,
            cyrillic: false,
            foreign: false,
            letters: Letters::NONE,
            around: [Letters::NONE; 2],
            raw: 0,
            length: 0,
            exes: 0,
        };
        let mut digits = false;
        let mut before_x = 0;
        loop {
            match *text.get(out.end..).unwrap_or_default() {
                [byte, ..] if byte.is_ascii_alphabetic() => {
                    let letter = usize::from(byte & 31);
                    if letter == X {
                        out.around[0] = out.letters;
                        out.exes += 1;
                        before_x = out.end;
                    }
                    out.push(LATIN.get(letter).copied().unwrap_or(0));
                    out.raw |= 1 << letter;
                    out.latin = true;
                    out.end += 1;
                }
                [b'0'..=b'9', ..] => {
                    digits = true;
                    out.end += 1;
                }
                [0..=0x7f, ..] | [] => break,
                _ => match char_at(text, out.end) {
                    Some((c, 2)) if is_wordy(c) => {
                        out.push(class(c));
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
            out.length += 1;
        }
        out.kind = match (out.latin, out.cyrillic, digits) {
            _ if out.foreign || out.length == 0 => Kind::Strange,
            (true, false, false) => Kind::Latin,
            (false, true, false) => Kind::Cyrillic,
            (false, false, true) => {
                out.letters = Letters::of(DIGITS);
                Kind::Number
            }
            _ => Kind::Strange,
        };
        if out.exes == 1 && out.kind == Kind::Latin {
            out.around[1] = Self::at(text.get(..out.end).unwrap_or_default(), before_x + 1).letters;
        }
        out
    }

    #[inline]
    fn push(&mut self, class: u8) {
        let all = &mut self.letters;
        if class != 0 && class != all.last {
            all.hash = all.hash.wrapping_mul(BASE).wrapping_add(u64::from(class));
            all.power = all.power.wrapping_mul(BASE);
            all.first = if all.first == 0 { class } else { all.first };
            all.last = class;
        }
    }

    /// The two, one after the other, as one; the same kind is expected of both.
    pub(super) fn with(&self, next: &Self) -> Self {
        Self {
            end: next.end,
            letters: self.letters.then(next.letters),
            around: match self.exes {
                0 => [self.letters.then(next.around[0]), next.around[1]],
                _ => [self.around[0], self.around[1].then(next.letters)],
            },
            raw: self.raw | next.raw,
            length: self.length + next.length,
            exes: self.exes + next.exes,
            ..*self
        }
    }

    /// How many letters of a term it is at least.
    pub(super) fn fewest(&self) -> usize {
        let different = self.raw.count_ones() as usize;
        match self.kind {
            Kind::Cyrillic => different.max(1),
            Kind::Latin if different == 2 && !self.may_be_a_group() => 2,
            Kind::Latin => different.div_ceil(2).max(1),
            Kind::Number => 1 + usize::from(self.length > 2),
            Kind::Strange => 1,
        }
    }

    /// Two letters that may be read as one.
    fn may_be_a_group(&self) -> bool {
        ["rn", "ph", "bl", "bi", "lo", "io"].iter().any(|group| {
            let letters = group.bytes().fold(0, |all, b| all | 1_u64 << (b & 31));
            self.raw == letters
        })
    }

    /// Does one of the ways to read it fit? Where it has an x, that may hide a vowel, or sound as "ck".
    #[inline]
    pub(super) fn any(&self, mut fits: impl FnMut(Letters) -> bool) -> bool {
        if fits(self.letters) {
            return true;
        }
        if self.exes == 0 {
            return false;
        }
        let [before, behind] = self.around;
        let with = |c: char| before.then(Letters::of(class(c))).then(behind);
        self.exes > 1 || ['a', 'e', 'i', 'o', 'u', 'k'].into_iter().any(|c| fits(with(c)))
    }

    /// Is it a word of a language?
    pub(super) fn is_known(&self, text: &[u8]) -> bool {
        let mut folded = [0; MAX_KNOWN];
        let Some(word) = text.get(self.start..self.end) else {
            return false;
        };
        let Some(folded) = folded.get_mut(..word.len()) else {
            return false;
        };
        match self.kind {
            Kind::Latin => {
                for (to, from) in folded.iter_mut().zip(word) {
                    *to = from.to_ascii_lowercase();
                }
            }
            Kind::Cyrillic => {
                let mut at = 0;
                for two in folded.chunks_exact_mut(2) {
                    if let Some((c, length)) = char_at(word, at) {
                        c.encode_utf8(two);
                        at += length;
                    }
                }
            }
            _ => return false,
        }
        std::str::from_utf8(folded).is_ok_and(dictionary::is_known)
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }
}

/// What stands between two words.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    from: usize,
    /// Where the next word begins, or the text ends, or a character stands that is not plain.
    pub(super) to: usize,
    blanks: usize,
    signs: usize,
    first_is_sign: bool,
    /// A blank, signs, and a blank.
    pub(super) spaces_behind_signs: bool,
    /// Exclamation marks behind the word, which may be an i.
    pub(super) exclaims: bool,
    /// A parenthesis before the next word, which may be a c.
    pub(super) opens: bool,
    /// It ends at a character that is not plain.
    pub(super) strange: bool,
    /// It may be read as letters.
    pub(super) odd: bool,
    hyphen: bool,
    set: u128,
}

impl Span {
    /// The one that begins at byte `from`.
    #[inline]
    pub(super) fn behind(text: &[u8], from: usize) -> Self {
        // Nearly always.
        if let [b' ', next, ..] = *text.get(from..).unwrap_or_default()
            && next.is_ascii_alphabetic()
        {
            return Self {
                from,
                to: from + 1,
                blanks: 1,
                ..Self::default()
            };
        }
        Self::read(text, from)
    }

    fn read(text: &[u8], from: usize) -> Self {
        let mut out = Self {
            from,
            to: from,
            ..Self::default()
        };
        while out.to < text.len() {
            let Some((c, length)) = char_at(text, out.to) else {
                out.strange = true;
                out.odd = true;
                break;
            };
            if is_wordy(c) {
                break;
            }
            let next = char_at(text, out.to + length).map(|n| n.0);
            let end = out.to + length == text.len();
            if is_blank(c) {
                out.spaces_behind_signs |= out.blanks > 0 && out.signs > 0;
                out.blanks += 1;
            } else {
                let exclaimed = out.signs == 0 || out.exclaims;
                match c {
                    '@' | '$' | '|' | '+' | '<' | '\\' => out.odd = true,
                    '!' if out.blanks == 0
                        && exclaimed
                        && (end || next.is_some_and(|n| n == '!' || is_blank(n))) =>
                    {
                        out.exclaims = true;
                    }
                    '!' => out.odd = true,
                    '(' if out.signs == 0 && out.blanks > 0 && next.is_some_and(is_wordy) => out.opens = true,
                    '(' => out.odd = true,
                    '*' | '#' | '%' | '&' | '?' | '^' => {
                        let harmless =
                            |n: char| !is_wordy(n) && !matches!(n, '*' | '#' | '%' | '&' | '?' | '^');
                        let question = c == '?' && next == Some('?');
                        out.odd |= !(end || question || next.is_some_and(harmless));
                    }
                    // Several of them may hide letters.
                    '-' | '_' => out.odd |= out.blanks == 0 && next == Some(c),
                    _ => {}
                }
                out.first_is_sign |= out.blanks == 0;
                out.signs += 1;
                out.hyphen = c == '-';
                out.set |= if c.is_ascii() { 1 << (c as u32) } else { 0 };
            }
            out.to += length;
        }
        out
    }

    /// Is there a blank in it?
    pub(super) fn spaced(&self) -> bool {
        self.blanks > 0
    }

    pub(super) fn signs(&self) -> bool {
        self.signs > 0
    }

    pub(super) fn first_is_sign(&self) -> bool {
        self.first_is_sign
    }

    /// Only blanks, or one hyphen: what words of a phrase have between them.
    pub(super) fn joins(&self) -> bool {
        self.to > self.from && (self.signs == 0 || self.signs == 1 && self.hyphen && self.blanks == 0)
    }

    /// Has it one of these signs, all of them ASCII?
    pub(super) fn has_any(&self, signs: u128) -> bool {
        self.set & signs != 0
    }
}
