//! The letters of a word in their order as one number, letters that may be written for each other being one. Numbers of parts
//! can be put together. Not for showing: which letters they were cannot be told from it.

use crate::compiled::tokens::inverse;

/// What a number is filed as.
pub(super) const DIGITS: u8 = 0xfd;
/// Letters of neither alphabet.
pub(super) const OTHER: u8 = 0xfe;
/// A digit within a term.
pub(super) const DIGIT: u8 = 0xff;

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

const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// How many powers of [`BASE`] are kept.
const POWERS: usize = 64;

const fn powers(of: u64) -> [u64; POWERS] {
    let mut out = [1_u64; POWERS];
    let mut n = 1;
    while n < POWERS {
        out[n] = out[n - 1].wrapping_mul(of);
        n += 1;
    }
    out
}

static POWER: [u64; POWERS] = powers(BASE);

#[inline]
fn power(n: u32) -> u64 {
    match POWER.get(n as usize) {
        Some(power) => *power,
        None => BASE.wrapping_pow(n),
    }
}

/// Letters by their classes in their order, without repetitions: a polynomial that can be put together of parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Letters {
    hash: u64,
    count: u32,
    first: u8,
    last: u8,
}

impl Letters {
    pub(super) const NONE: Self = Self {
        hash: 0,
        count: 0,
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
                count: 1,
                first: class,
                last: class,
            },
        }
    }

    /// One more of this class. Without a branch: letters without a class and repetitions come by chance.
    #[inline]
    pub(super) fn push(&mut self, class: u8) {
        let new = class != 0 && class != self.last;
        let summand = if new { u64::from(class) } else { 0 };
        self.hash = self.hash.wrapping_add(summand.wrapping_mul(power(self.count)));
        self.count += u32::from(new);
        self.first = if self.first == 0 { class } else { self.first };
        self.last = if new { class } else { self.last };
    }

    /// These and those behind them.
    #[inline]
    pub(super) fn then(self, next: Self) -> Self {
        if next.count == 0 || self.count == 0 {
            return if next.count == 0 { self } else { next };
        }
        let (mut hash, mut count) = (next.hash, next.count);
        if self.last == next.first {
            hash = hash.wrapping_sub(u64::from(next.first)).wrapping_mul(INVERSE);
            count -= 1;
        }
        Self {
            hash: self.hash.wrapping_add(hash.wrapping_mul(power(self.count))),
            count: self.count + count,
            first: self.first,
            last: next.last,
        }
    }

    /// What a character of a term is pushed as.
    pub(super) fn class_in_terms(c: char) -> u8 {
        match c {
            'a'..='z' | 'а'..='я' => class(c),
            _ if c.is_alphabetic() => OTHER,
            _ if c.is_numeric() => DIGIT,
            _ => 0,
        }
    }

    /// How many, without repetitions and those that have no class.
    #[inline]
    pub(super) fn count(self) -> u32 {
        self.count
    }

    #[inline]
    pub(super) fn key(self) -> u64 {
        self.hash
    }
}

/// What undoes a multiplication by [`BASE`].
const INVERSE: u64 = inverse(BASE);

static INVERSE_POWER: [u64; POWERS] = powers(INVERSE);

/// Most letters of [`Sums`].
pub(super) const MAX_SUMMED: usize = POWERS - 8;

/// [`Letters`] of a text from any of them on.
pub(super) struct Sums {
    /// Of the first ones, by how many they are.
    sums: [u64; MAX_SUMMED + 1],
    all: Letters,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            sums: [0; MAX_SUMMED + 1],
            all: Letters::NONE,
        }
    }
}

impl Sums {
    pub(super) fn clear(&mut self) {
        self.all = Letters::NONE;
    }

    /// One more of this class; not beyond [`MAX_SUMMED`]. The number of the letter that it is, or that comes next.
    #[inline]
    pub(super) fn push(&mut self, class: u8) -> u8 {
        let repeats = class != 0 && class == self.all.last;
        let number = self.all.count as u8 - u8::from(repeats);
        self.all.push(class);
        if let Some(sum) = self.sums.get_mut(self.all.count as usize) {
            *sum = self.all.hash;
        }
        number
    }

    pub(super) fn count(&self) -> usize {
        self.all.count as usize
    }

    /// [`Letters::key`] of so many letters from this one on.
    #[inline]
    pub(super) fn key(&self, from: usize, count: usize) -> u64 {
        let sum = |n: usize| self.sums.get(n).copied().unwrap_or_default();
        let shift = INVERSE_POWER.get(from).copied().unwrap_or_default();
        sum(from + count).wrapping_sub(sum(from)).wrapping_mul(shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Letters {
        text.chars()
            .fold(Letters::NONE, |all, c| all.then(Letters::of(class(c))))
    }

    #[test]
    fn parts_are_put_together() {
        let long = "ab".repeat(100);
        for (a, b) in [
            ("casi", "ino"),
            ("", "x"),
            ("h", "ra"),
            ("aa", "aa"),
            ("перо", "он"),
            (&long, "bax"),
        ] {
            let mut pushed = Letters::NONE;
            a.chars().chain(b.chars()).for_each(|c| pushed.push(class(c)));
            assert_eq!(all(a).then(all(b)), pushed, "{a} {b}");
            assert_eq!(all(&format!("{a}{b}")), pushed, "{a} {b}");
        }
        assert_eq!(all("cask").key(), all("kkaazq").key());
        assert_ne!(all("cask").key(), all("ksak").key());
    }
}
