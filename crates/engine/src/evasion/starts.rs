//! Where a reading can begin at all: a cheap look at the first few units before the walk.
//!
//! Terms are numbered and filed in 64 lots (neighbours in sorted order share one). For every character, and for
//! each of the first [`DEPTH`] places of a term, a bit set says which lots have a term that may be read there. As
//! long as the text goes on unit by unit, the sets are intersected; when none is left, no reading begins there.
//! Whatever reads more or less than one letter from one unit (signs, repeats, groups, sounds, ends of terms, spaces
//! left out) ends the look and leaves the answer to the walk: a place is only ever refused when the walk would find
//! nothing.

use super::Evasion;
use super::build::Ask;
use super::shapes::Shapes;
use super::table::{groups, is_mask, leet, same_script, spoken_digit};
use super::terms::{Letter, Terms, decode, encode};
use super::units::{Unit, Units};
use crate::CompileError;
use crate::compiled::no_memory;
use std::collections::HashMap;

/// Places of a term that are looked at.
const DEPTH: usize = 4;

/// Characters whose sets are kept: ASCII, and the Cyrillic letters of today's languages.
const KEPT: usize = 128 + 96;

/// Bytes of what one character can be read as.
const ROW: usize = 16 + 2 * DEPTH * 8;

/// Flags of a row: a letter or digit, not a sign; some group of characters begins with it.
const LETTER: u8 = 1;
const GROUPED: u8 = 2;

/// What one character can be read as, in place: the letter that it is and its base, 4 bytes each; where the letters that it looks
/// like begin, and how many there are (4 and 2 bytes); flags and a zero; then, by place, the lots of the letters that it may be
/// read as, and those with a term that has its name there (8 bytes each).
#[derive(Clone, Copy)]
pub(super) struct Row<'b> {
    record: &'b [u8; ROW],
    lookalikes: &'b [Letter],
}

impl<'b> Row<'b> {
    fn number<const N: usize>(&self, at: usize) -> [u8; N] {
        let bytes = self.record.get(at..).and_then(|rest| rest.first_chunk());
        bytes.copied().unwrap_or([0; N])
    }

    fn lots(&self, at: usize, place: usize) -> u64 {
        u64::from_le_bytes(self.number(at + place * 8))
    }

    fn is_of(&self, unit: &Unit) -> bool {
        self.number(0) == encode(unit.fold) && self.number(4) == encode(unit.base)
    }

    fn flags(&self) -> u8 {
        let [flags] = self.number(14);
        flags
    }

    pub(super) fn is_letter(&self) -> bool {
        self.flags() & LETTER != 0
    }

    pub(super) fn is_grouped(&self) -> bool {
        self.flags() & GROUPED != 0
    }

    /// May the name of this digit be read at this place, one of the first [`DEPTH`]?
    pub(super) fn is_spoken(&self, place: usize, lots: u64) -> bool {
        self.lots(16 + DEPTH * 8, place) & lots != 0
    }

    /// Lots with a term that has a letter at this place which may be read here.
    pub(super) fn lots_at(&self, place: usize) -> u64 {
        self.lots(16, place)
    }

    /// Letters that it looks like, sorted, without itself.
    pub(super) fn lookalikes(&self) -> impl Iterator<Item = char> + use<'b> {
        let from = u32::from_le_bytes(self.number(8)) as usize;
        let count = usize::from(u16::from_le_bytes(self.number(12)));
        let list = self.lookalikes.get(from..from + count).unwrap_or_default();
        list.iter().copied().map(decode)
    }
}

/// Where readings may begin, in place.
#[derive(Clone, Copy)]
pub(super) struct Starts<'b> {
    rows: &'b [[u8; ROW]],
    lookalikes: &'b [Letter],
    /// Lots with a term that has no letter at this place any more, or a space at or before it.
    pub(super) loose: [u64; DEPTH],
    /// Lots with a term that has "ck" at this place.
    pub(super) sound: [u64; DEPTH],
}

fn slot(c: char) -> Option<usize> {
    match c {
        '\0'..='\x7f' => Some(c as usize),
        '\u{400}'..='\u{45f}' => Some(c as usize - 0x400 + 128),
        _ => None,
    }
}

/// The characters of the slots, in their order.
fn kept() -> impl Iterator<Item = char> {
    ('\0'..='\x7f').chain('\u{400}'..='\u{45f}')
}

fn lot(term: usize, terms: usize) -> u64 {
    1 << (term * 64 / terms.max(1)).min(63)
}

impl<'b> Starts<'b> {
    pub(super) fn new([head, rows, lookalikes]: [&'b [u8]; 3]) -> Self {
        let mut numbers = head.as_chunks().0.iter().map(|&eight| u64::from_le_bytes(eight));
        let mut four = || std::array::from_fn(|_| numbers.next().unwrap_or_default());
        Self {
            rows: rows.as_chunks().0,
            lookalikes: lookalikes.as_chunks().0,
            loose: four(),
            sound: four(),
        }
    }

    /// `loose` and `sound`; *rows* of the characters that are kept; *letters* that these look like.
    pub(super) fn build(
        terms: &Terms<'_>,
        shapes: &Shapes<'_>,
        ask: Ask<'_>,
    ) -> Result<[Vec<u8>; 3], CompileError> {
        let (mut loose, mut sound) = ([0_u64; DEPTH], [0_u64; DEPTH]);
        let mut letters: HashMap<char, [u64; DEPTH]> = HashMap::new();
        // Lots with a term that has the name of a digit at a place.
        let mut names: HashMap<&str, [u64; DEPTH]> = HashMap::new();
        for digit in kept() {
            names.extend(spoken_digit(digit).map(|name| (name, [0; DEPTH])));
        }
        for (n, term) in terms.iter().enumerate() {
            ask(n)?;
            let bit = lot(n, terms.len());
            for (place, letter) in term.iter().take(DEPTH).enumerate() {
                if !letters.contains_key(&letter) {
                    letters.try_reserve(1).map_err(no_memory)?;
                }
                if let Some(lots) = letters.entry(letter).or_default().get_mut(place) {
                    *lots |= bit;
                }
            }
            let regular = term.iter().position(|c| c == ' ').unwrap_or(term.len());
            for lots in loose.iter_mut().skip(regular) {
                *lots |= bit;
            }
            for (place, lots) in sound.iter_mut().enumerate() {
                if term.get(place) == Some('c') && term.get(place + 1) == Some('k') {
                    *lots |= bit;
                }
            }
            for (name, lots) in &mut names {
                for (place, lots) in lots.iter_mut().enumerate() {
                    if name.chars().zip(place..).all(|(c, at)| term.get(at) == Some(c)) {
                        *lots |= bit;
                    }
                }
            }
        }
        let (mut rows, mut lookalikes) = (Vec::new(), Vec::new());
        rows.try_reserve_exact(KEPT * ROW).map_err(no_memory)?;
        for c in kept() {
            let mut bytes = [0; 4];
            // The character by itself, whatever marks it has in a text.
            let Some(unit) = Units::new(c.encode_utf8(&mut bytes)).get(0) else {
                rows.extend([u8::MAX; ROW]);
                continue;
            };
            let alike = shapes.lookalikes_of(unit.raw, unit.base);
            let mut read = vec![unit.fold, unit.base];
            read.extend(&alike);
            read.extend(same_script(unit.base));
            if !unit.raw.is_alphabetic() {
                read.extend(leet(unit.base));
            }
            let (mut lots, mut spoken) = ([0_u64; DEPTH], [0_u64; DEPTH]);
            let add = |all: &mut [u64; DEPTH], more: Option<&[u64; DEPTH]>| {
                for (all, more) in all.iter_mut().zip(more.into_iter().flatten()) {
                    *all |= more;
                }
            };
            for letter in read {
                add(&mut lots, letters.get(&letter));
            }
            for name in spoken_digit(unit.raw) {
                add(&mut spoken, names.get(name));
            }
            let is_letter = unit.is_wordy();
            let is_grouped = groups(unit.base).next().is_some();
            let flags = if is_letter { LETTER } else { 0 } | if is_grouped { GROUPED } else { 0 };
            rows.extend(encode(unit.fold));
            rows.extend(encode(unit.base));
            rows.extend((lookalikes.len() as u32).to_le_bytes());
            rows.extend((alike.len() as u16).to_le_bytes());
            rows.extend([flags, 0]);
            rows.extend(lots.into_iter().chain(spoken).flat_map(u64::to_le_bytes));
            lookalikes.try_reserve(alike.len()).map_err(no_memory)?;
            lookalikes.extend(alike.iter().copied().map(encode));
        }
        let head = loose.into_iter().chain(sound).flat_map(u64::to_le_bytes);
        Ok([head.collect(), rows, lookalikes.into_flattened()])
    }
}

impl Evasion<'_> {
    /// The row of a character that stands alone: no marks, no expansion.
    pub(super) fn row(&self, unit: &Unit) -> Option<Row<'_>> {
        let row = Row {
            record: self.starts.rows.get(slot(unit.raw)?)?,
            lookalikes: self.starts.lookalikes,
        };
        (!unit.marked && row.is_of(unit)).then_some(row)
    }

    /// May a reading begin at unit `from`? `false` only when the walk would find nothing there.
    pub(crate) fn may_begin(&self, units: &mut Units<'_>, from: usize) -> bool {
        let mut lots = u64::MAX;
        let mut last = None;
        for (place, (loose, sound)) in self.starts.loose.iter().zip(self.starts.sound).enumerate() {
            if lots & loose != 0 {
                return true;
            }
            let Some(unit) = units.get(from + place) else {
                // The text ends before any of these terms does.
                return false;
            };
            let Some(row) = self.row(&unit) else { return true };
            if place > 0 {
                if place > 1 && unit.raw == ' ' {
                    // Letters before a space: the space can only be one of a term, or part of other signs.
                    return units.get(from + place + 1).is_some_and(|u| !u.is_wordy());
                }
                if !row.is_letter() || is_mask(unit.raw) || unit.base == 'x' || last == Some(unit.base) {
                    return true;
                }
            }
            if lots & sound != 0 && matches!(unit.base, 'k' | 'c' | 'q' | 'x') {
                return true;
            }
            if row.is_spoken(place, lots) {
                return true;
            }
            if row.is_grouped() {
                let whole = groups(unit.base).any(|(group, _)| {
                    let mut rest = group.chars().skip(1).enumerate();
                    rest.all(|(n, c)| units.get(from + place + 1 + n).is_some_and(|u| u.base == c))
                });
                if whole {
                    return true;
                }
            }
            lots &= row.lots_at(place);
            if lots == 0 {
                return false;
            }
            last = Some(unit.base);
        }
        true
    }
}
