//! A word cut into the consonants that are heard and the gaps between them.

use super::MAX_LETTERS;

/// Voiced consonants told apart from their partners by little: "nugget" and "nucket".
const CONFUSED: [(u8, u8); 2] = [(b'G', b'K'), (b'D', b'T')];

/// A consonant as heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sound {
    pub(super) class: u8,
    /// Where it is spelled, and where the gap behind it ends.
    pub(super) from: u8,
    pub(super) to: u8,
    pub(super) gap_to: u8,
}

/// A word cut into sounds.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    letters: [u8; MAX_LETTERS],
    pub(super) len: usize,
    /// Where the gap before the first consonant ends.
    pub(super) first: u8,
    pub(super) sounds: [Sound; MAX_LETTERS + 1],
    pub(super) count: usize,
}

fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u' | b'y' | b'*')
}

impl Heard {
    pub(super) fn new(word: impl Iterator<Item = u8>) -> Option<Self> {
        let mut out = Self::default();
        for letter in word {
            *out.letters.get_mut(out.len)? = letter;
            out.len += 1;
        }
        out.cut();
        Some(out)
    }

    pub(super) fn letters(&self, from: u8, to: u8) -> &[u8] {
        self.letters
            .get(usize::from(from)..usize::from(to))
            .unwrap_or(&[])
    }

    fn at(&self, place: usize) -> u8 {
        if place < self.len {
            self.letters.get(place).copied().unwrap_or(0)
        } else {
            0
        }
    }

    fn cut(&mut self) {
        let mut at = 0;
        while at < self.len {
            let (class, length) = self.sound(at);
            if class == 0 {
                at += 1;
                continue;
            }
            if self.count == 0 {
                self.first = at as u8;
            } else if let Some(last) = self.sounds.get_mut(self.count - 1) {
                last.gap_to = at as u8;
            }
            let (from, to) = (at as u8, (at + length) as u8);
            let classes = if class == b'X' { &b"KS"[..] } else { &[class] };
            for &class in classes {
                let class = CONFUSED.iter().find(|c| c.0 == class).map_or(class, |c| c.1);
                if let Some(sound) = self.sounds.get_mut(self.count) {
                    *sound = Sound {
                        class,
                        from,
                        to,
                        gap_to: to,
                    };
                    self.count += 1;
                }
            }
            at += length;
        }
        match self
            .count
            .checked_sub(1)
            .and_then(|last| self.sounds.get_mut(last))
        {
            Some(last) => last.gap_to = self.len as u8,
            None => self.first = self.len as u8,
        }
    }

    /// The class of the consonant at a place, and how many letters spell it; class 0 for what belongs to a gap.
    fn sound(&self, at: usize) -> (u8, usize) {
        let (c, next) = (self.at(at), self.at(at + 1));
        let run = |of: &[u8]| (at..self.len).take_while(|&n| of.contains(&self.at(n))).count();
        match c {
            b'p' if next == b'h' => (b'F', 2),
            b'k' if at == 0 && next == b'n' => (b'N', 2),
            b'f' => (b'F', run(b"f")),
            b't' if next == b'c' && self.at(at + 2) == b'h' => (b'C', 3),
            b's' if next == b'c' && self.at(at + 2) == b'h' => (b'C', 3),
            b'c' | b's' if next == b'h' => (b'C', 2),
            b't' if next == b'h' => (b'T', 2),
            b'x' if next != b'x' => (b'X', 1),
            b'q' if next == b'u' => (b'K', 2),
            b'c' | b'k' if self.at(at + run(b"ck")) == b'x' => (b'X', run(b"ck") + 1),
            b'c' | b'k' | b'q' => (b'K', run(b"ck").max(1)),
            b's' | b'z' => (b'S', run(b"sz")),
            b'h' if at == 0 => (b'H', 1),
            b'w' if at == 0 => (b'W', if next == b'h' { 2 } else { 1 }),
            b'y' if at == 0 && is_vowel(next) => (b'Y', 1),
            // Not heard before the end of a word: "-er" is "-a".
            b'r' if at > 0 && self.ends_behind(at + run(b"r")) => (0, 1),
            b'h' if is_vowel(next) => (b'H', 1),
            // Drawn into the vowel before: "aw", "ow".
            b'w' if !is_vowel(next) => (0, 1),
            b'h' => (0, 1),
            b'n' if next == b'g'
                && matches!(self.at(at - at.min(1)), b'i' | b'y')
                && self.ends_behind(at + 2) =>
            {
                (b'N', 2)
            }
            b'b'..=b'z' if !is_vowel(c) => (c - b'a' + b'A', run(&[c])),
            _ => (0, 1),
        }
    }

    /// Is an x spelled with a letter too many: "cx", "kx"?
    pub(super) fn is_doubly_spelled(&self) -> bool {
        let letters = self.letters(0, self.len as u8);
        letters.windows(2).any(|pair| matches!(pair, b"cx" | b"kx"))
    }

    pub(super) fn has(&self, letter: u8) -> bool {
        self.letters(0, self.len as u8).contains(&letter)
    }

    /// Two consonants at the beginning that no English word begins with together.
    pub(super) fn begins_unspeakably(&self) -> bool {
        let (a, b) = (self.at(0), self.at(1));
        let consonant = |l: u8| l.is_ascii_lowercase() && !is_vowel(l);
        let usual = match a {
            b's' => !matches!(b, b'b' | b'd' | b'f' | b'g' | b'r' | b's' | b'x' | b'z'),
            b't' => matches!(b, b'h' | b'r' | b's' | b'w'),
            b'b' | b'f' => matches!(b, b'l' | b'r'),
            b'c' | b'g' | b'p' | b'k' => matches!(b, b'h' | b'l' | b'r' | b'n' | b's' | b't'),
            b'd' => matches!(b, b'r' | b'w'),
            b'w' => matches!(b, b'h' | b'r'),
            _ => false,
        };
        consonant(a) && consonant(b) && a != b && !usual
    }

    /// Has it a vowel before its last consonant?
    pub(super) fn has_vowels(&self) -> bool {
        let last = self.count.checked_sub(1).and_then(|n| self.sounds.get(n));
        let inner = self.letters(0, last.map_or(0, |s| s.from));
        inner.iter().any(|&l| is_vowel(l))
    }

    /// Does the word end in an r that is not heard?
    pub(super) fn drops_r(&self) -> bool {
        let letters = self.letters(0, self.len as u8);
        let singular = letters
            .strip_suffix(b"s")
            .or(letters.strip_suffix(b"z"))
            .unwrap_or(letters);
        singular.ends_with(b"r")
    }

    /// Nothing but a plural comes behind this place.
    pub(super) fn ends_behind(&self, at: usize) -> bool {
        at >= self.len || at + 1 == self.len && matches!(self.at(at), b's' | b'z')
    }

    /// The classes in their order, and the gap before them.
    pub(super) fn key(&self) -> u64 {
        let classes = self.sounds.iter().take(self.count).map(|s| s.class);
        let mut h: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in self.letters(0, self.first).iter().copied().chain(classes) {
            h = (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        h ^ (h >> 32)
    }
}
