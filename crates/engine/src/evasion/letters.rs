//! The letters of a word in their order as one number, letters that may be written for each other being one. Numbers of parts
//! can be put together. Not for showing: which letters they were cannot be told from it.

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

    /// One more of this class.
    #[inline]
    pub(super) fn push(&mut self, class: u8) {
        if class != 0 && class != self.last {
            self.hash = self.hash.wrapping_mul(BASE).wrapping_add(u64::from(class));
            self.power = self.power.wrapping_mul(BASE);
            self.first = if self.first == 0 { class } else { self.first };
            self.last = class;
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
