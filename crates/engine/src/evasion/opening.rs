//! Where plain text may begin to be read as a term at all: its first few letters in all readings, held against what terms
//! begin with.
//!
//! The walk's readings of `walk` and `gaps` again, without what they cost. They end where a term or its first [`DEPTH`]
//! letters are read, where other characters come into it, or where no term goes on so, which is nearly always: what stands
//! at the beginning of a number, behind a sign, or in an address seldom begins a term. Only refuses where the walk would
//! find nothing. Not for ordinary words, for which one question to the gate's filters is enough.

use super::Evasion;
use super::build::Ask;
use super::filing::is_of_one_script;
use super::known::Known;
use super::plain::{char_at, is_blank, is_wordy};
use super::span::{Apart, blanks};
use super::table::{groups, is_mask, leet, same_script, spoken_digit};
use super::terms::{Term, Terms};
use super::units::{is_letter, plain_unit};
use crate::CompileError;
use crate::compiled::no_memory;

/// Letters of a term that are read.
pub(super) const DEPTH: usize = 10;
/// Places looked at; beyond them the answer is yes.
const MAX_PLACES: usize = 128;

/// Letters in their order.
#[derive(Clone, Copy, Default)]
pub(super) struct Read(u64);

impl Read {
    #[inline]
    pub(super) fn then(self, letter: char) -> Self {
        let sum = self.0.wrapping_add(u64::from(u32::from(letter)) + 1);
        Self(sum.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
    }

    /// Nothing comes behind them.
    fn ended(self) -> u64 {
        !self.0
    }
}

/// What terms begin with.
#[derive(Clone, Copy)]
pub(super) struct Openings<'b> {
    /// The first letters of terms, one to [`DEPTH`], and short terms as a whole.
    some: Known<'b>,
    /// Signs of ASCII that a term, or what is read as a letter, begins with.
    signs: u128,
    /// Some term is of several scripts.
    mixed: bool,
}

/// Parts of openings.
pub(super) const PARTS: usize = 2;

impl<'b> Openings<'b> {
    /// *Numbers*: the signs as 16 bytes, and whether some term is of several scripts. *Letters*. `None` where there are none.
    pub(super) fn new([numbers, some]: [&'b [u8]; PARTS]) -> Option<Self> {
        let (&signs, &mixed) = numbers
            .split_first_chunk()
            .zip(numbers.last())
            .map(|((s, _), m)| (s, m))?;
        Some(Self {
            some: Known::new(some),
            signs: u128::from_le_bytes(signs),
            mixed: mixed != 0,
        })
    }

    /// Its parts.
    pub(super) fn build(terms: &Terms<'_>, ask: Ask<'_>) -> Result<[Vec<u8>; PARTS], CompileError> {
        let mut keys = Vec::new();
        let (mut mixed, mut letters) = (false, Vec::new());
        let mut last: Option<Term<'_>> = None;
        let mut signs = 0_u128;
        for c in ' '..='~' {
            signs |= u128::from(leet(c).next().is_some() || groups(c).next().is_some()) << (c as u32);
        }
        for (n, term) in terms.iter().enumerate() {
            ask(n)?;
            let same = last.map_or(0, |last| {
                term.iter().zip(last.iter()).take_while(|(a, b)| a == b).count()
            });
            let mut read = Read::default();
            keys.try_reserve(DEPTH + 1).map_err(no_memory)?;
            for (n, letter) in term.iter().take(DEPTH).enumerate() {
                read = read.then(letter);
                if n >= same {
                    keys.push(read.0);
                }
            }
            if term.len() < DEPTH {
                keys.push(read.ended());
            }
            if let Some(first) = term.get(0).filter(char::is_ascii) {
                signs |= 1 << (first as u32);
            }
            if !mixed {
                letters.clear();
                letters.extend(term.iter());
                mixed = !is_of_one_script(&letters);
            }
            last = Some(term);
        }
        let mut numbers = signs.to_le_bytes().to_vec();
        numbers.push(u8::from(mixed));
        Ok([numbers, Known::build(keys.into_iter())])
    }

    /// May a term begin with these letters, at most [`DEPTH`]?
    #[inline]
    pub(super) fn has(&self, read: Read) -> bool {
        self.some.has(read.0)
    }

    pub(super) fn signs(&self) -> u128 {
        self.signs
    }

    /// Is some term of several scripts?
    pub(super) fn mixed(&self) -> bool {
        self.mixed
    }

    /// May a reading begin with this sign?
    #[inline]
    pub(super) fn has_sign(&self, sign: char) -> bool {
        let sign = if sign == '…' { '.' } else { sign };
        sign.is_ascii() && self.signs >> (sign as u32) & 1 == 1
    }
}

/// A look at what stands in one place.
struct Opening<'e, 't> {
    evasion: &'e Evasion<'e>,
    openings: &'e Openings<'e>,
    text: &'t [u8],
    /// Letters of the other script may stand for their look-alikes.
    drawn: bool,
    places: usize,
}

/// Up to where it is read.
#[derive(Clone, Copy)]
struct Place {
    text: usize,
    read: Read,
    letters: usize,
    /// The last thing read was no letter of a term.
    gap: bool,
    /// Letters since the last gap, and most of them between two.
    chunk: usize,
    longest: usize,
    separator: Option<char>,
}

impl Place {
    fn behind_a_gap(self) -> Self {
        Self {
            gap: true,
            longest: self.longest.max(self.chunk),
            chunk: 0,
            ..self
        }
    }
}

impl Evasion<'_> {
    /// May a reading begin at byte `at`, where a plain character stands? `drawn`: text of another script is near, so that
    /// letters may stand for those that they look like.
    pub(super) fn may_open(&self, openings: &Openings<'_>, text: &[u8], at: usize, drawn: bool) -> bool {
        let mut opening = Opening {
            evasion: self,
            openings,
            text,
            drawn,
            places: 0,
        };
        opening.goes_on(Place {
            text: at,
            read: Read::default(),
            letters: 0,
            gap: true,
            chunk: 0,
            longest: 0,
            separator: None,
        })
    }
}

impl Opening<'_, '_> {
    fn goes_on(&mut self, place: Place) -> bool {
        self.places += 1;
        if self.places > MAX_PLACES || place.letters >= DEPTH {
            return true;
        }
        if place.letters > 0 && !place.gap && self.openings.some.has(place.read.ended()) {
            return true;
        }
        let Some((c, length)) = char_at(self.text, place.text) else {
            return place.text < self.text.len();
        };
        // Marks change what stands before them.
        let behind = place.text + length;
        if behind < self.text.len() && char_at(self.text, behind).is_none() {
            return true;
        }
        if is_blank(c) {
            let blanks = blanks(self.text, place.text);
            let mut space = place;
            (space.longest, space.chunk) = (place.longest.max(place.chunk), 0);
            return self.reads(space, blanks, " ", false)
                || !place.gap && (self.is_spaced_sign(place, blanks) || self.separates(place));
        }
        self.reads_as_letters(place, c, length) || !place.gap && self.goes_on_otherwise(place, c, length)
    }

    /// Read as these letters, if some term goes on so.
    fn reads(&mut self, place: Place, bytes: usize, letters: &str, gap: bool) -> bool {
        let mut next = Place {
            text: place.text + bytes,
            gap,
            ..place
        };
        for letter in letters.chars() {
            next.read = next.read.then(letter);
            next.letters += 1;
            next.chunk += usize::from(letter != ' ');
            if !self.openings.some.has(next.read.0) {
                return false;
            }
            if next.letters == DEPTH {
                return true;
            }
        }
        self.goes_on(next)
    }

    fn reads_one(&mut self, place: Place, bytes: usize, letter: char) -> bool {
        self.reads(place, bytes, letter.encode_utf8(&mut [0; 4]), false)
    }

    #[inline]
    fn reads_as_letters(&mut self, place: Place, c: char, length: usize) -> bool {
        if self.reads_one(place, length, c) {
            return true;
        }
        let evasion = self.evasion;
        if self.drawn
            && is_letter(c)
            && (self.is_dotted(place.text)
                || evasion.row(&plain_unit(c)).is_none_or(|row| {
                    row.lookalikes()
                        .any(|letter| self.reads_one(place, length, letter))
                }))
        {
            return true;
        }
        if c == '…' && self.reads(place, length, "...", false) {
            return true;
        }
        // Other signs may hide letters, or keep them apart.
        if !c.is_ascii() && !is_wordy(c) {
            return place.letters > 0;
        }
        if c.is_ascii_lowercase() {
            let doubled = usize::from(char_at(self.text, place.text + 1) == Some((c, 1)));
            return same_script(c).any(|letter| self.reads_one(place, 1, letter))
                || c == 'x' && "aeiou".chars().any(|vowel| self.reads_one(place, 1, vowel))
                || matches!(c, 'k' | 'c' | 'q' | 'x')
                    && (self.reads(place, 1, "ck", false)
                        || doubled > 0 && self.reads(place, 2, "ck", false))
                || self.reads_as_a_group(place, c);
        }
        !is_letter(c)
            && (leet(c).any(|letter| self.reads_one(place, length, letter))
                || spoken_digit(c).any(|name| self.reads(place, length, name, false))
                || self.reads_as_a_group(place, c))
    }

    /// Is it an ё, which may be drawn as other letters than the е that it is read as?
    fn is_dotted(&self, at: usize) -> bool {
        matches!(self.text.get(at..at + 2), Some([0xd1, 0x91] | [0xd0, 0x81]))
    }

    fn reads_as_a_group(&mut self, place: Place, c: char) -> bool {
        groups(c).any(|(group, letter)| {
            let mut at = place.text;
            let whole = group.chars().all(|wanted| match char_at(self.text, at) {
                Some((c, length)) => {
                    at += length;
                    c == wanted
                }
                None => false,
            });
            whole && self.reads_one(place, at - place.text, letter)
        })
    }

    /// Not as a letter of its own.
    fn goes_on_otherwise(&mut self, place: Place, c: char, length: usize) -> bool {
        let before = place
            .text
            .checked_sub(length)
            .and_then(|at| char_at(self.text, at));
        let again = before == Some((c, length)) && (is_wordy(c) || is_mask(c));
        if again
            && self.goes_on(Place {
                text: place.text + length,
                ..place
            })
        {
            return true;
        }
        let sign = if is_wordy(c) { 0 } else { length };
        let dashes =
            matches!(c, '-' | '_') && char_at(self.text, place.text + 1).is_some_and(|next| next.0 == c);
        is_mask(c) && self.hides(place.text)
            || dashes
            || place.separator.is_none() && self.reads(place.behind_a_gap(), sign, " ", true)
            || self.separates(place)
    }

    /// Signs with a letter behind them, or something that is not plain.
    fn hides(&self, mut at: usize) -> bool {
        while let Some((_, length)) = char_at(self.text, at).filter(|c| is_mask(c.0)) {
            at += length;
        }
        at < self.text.len() && char_at(self.text, at).is_none_or(|c| is_wordy(c.0))
    }

    /// A symbol with spaces around it, read as a letter.
    fn is_spaced_sign(&self, place: Place, blanks: usize) -> bool {
        let sign = char_at(self.text, place.text + blanks);
        let ends = place.text + blanks == self.text.len();
        !ends
            && sign.is_none_or(|(sign, _)| {
                !is_wordy(sign) && leet(sign).any(|letter| self.openings.some.has(place.read.then(letter).0))
            })
    }

    fn separates(&mut self, place: Place) -> bool {
        let (at, kind) = match Apart::behind(self.text, place.text) {
            Apart::No => return false,
            Apart::Perhaps => return true,
            Apart::By(at, kind) => (at, kind),
        };
        if place.separator.is_some_and(|s| s != kind) || kind == ' ' && place.chunk > 1 {
            return false;
        }
        let next = Place {
            separator: Some(kind),
            ..place.behind_a_gap()
        };
        let signs = at - place.text;
        self.reads(next, signs, "", true) || self.reads(next, signs, " ", true)
    }
}
