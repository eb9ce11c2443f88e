//! Where a reading can begin at all: a cheap look at the first few units before the walk.
//!
//! Terms are numbered and filed in 64 lots (neighbours in sorted order share one). For every character, and for
//! each of the first [`DEPTH`] places of a term, a bit set says which lots have a term that may be read there. As
//! long as the text goes on unit by unit, the sets are intersected; when none is left, no reading begins there.
//! Whatever reads more or less than one letter from one unit (signs, repeats, groups, sounds, ends of terms, spaces
//! left out) ends the look and leaves the answer to the walk: a place is only ever refused when the walk would find
//! nothing.

use super::table::{capital, groups, is_mask, leet, same_script, shapes, spoken_digit};
use super::units::{Unit, Units};
use super::{Evasion, cases};
use std::collections::HashMap;
use std::sync::OnceLock;

/// Places of a term that are looked at.
const DEPTH: usize = 4;

/// Characters whose sets are kept: ASCII, and the Cyrillic letters of today's languages.
const KEPT: usize = 128 + 96;

/// What one character can be read as.
pub(super) struct Row {
    fold: char,
    base: char,
    /// Letters that it looks like, sorted, without itself.
    pub(super) lookalikes: Vec<char>,
    /// A letter or digit, not a sign.
    letter: bool,
    /// Some group of characters begins with it.
    grouped: bool,
    lots: [u64; DEPTH],
    /// Lots with a term that has the name of this digit at a place.
    spoken: [u64; DEPTH],
}

impl Row {
    pub(super) fn is_letter(&self) -> bool {
        self.letter
    }

    pub(super) fn is_grouped(&self) -> bool {
        self.grouped
    }

    /// May the name of this digit be read at this place?
    pub(super) fn is_spoken(&self, place: usize, lots: u64) -> bool {
        self.spoken.get(place).is_some_and(|spoken| lots & spoken != 0)
    }

    pub(super) fn lots_at(&self, place: usize) -> u64 {
        self.lots.get(place).copied().unwrap_or(u64::MAX)
    }
}

pub(super) struct Starts {
    /// Lots with a term that has this letter at a place.
    letters: HashMap<char, [u64; DEPTH]>,
    rows: Vec<OnceLock<Box<Row>>>,
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

fn lot(term: usize, terms: usize) -> u64 {
    1 << (term * 64 / terms.max(1)).min(63)
}

impl Starts {
    pub(super) fn new(terms: &[Box<[char]>]) -> Self {
        let mut out = Self {
            letters: HashMap::new(),
            rows: (0..KEPT).map(|_| OnceLock::new()).collect(),
            loose: [0; DEPTH],
            sound: [0; DEPTH],
        };
        for (n, term) in terms.iter().enumerate() {
            let bit = lot(n, terms.len());
            for (place, &letter) in term.iter().take(DEPTH).enumerate() {
                if let Some(lots) = out.letters.entry(letter).or_default().get_mut(place) {
                    *lots |= bit;
                }
            }
            let regular = term.iter().position(|&c| c == ' ').unwrap_or(term.len());
            for lots in out.loose.iter_mut().skip(regular) {
                *lots |= bit;
            }
            for (place, lots) in out.sound.iter_mut().enumerate() {
                if term.get(place..place + 2) == Some(&['c', 'k']) {
                    *lots |= bit;
                }
            }
        }
        out
    }
}

impl Evasion {
    /// Letters that a letter looks like, without its own base.
    pub(super) fn lookalikes_of(&self, raw: char, base: char) -> Vec<char> {
        let mut list: Vec<char> = Vec::new();
        for letter in [Some(raw), Some(base), capital(raw)].into_iter().flatten() {
            list.extend(letter.to_lowercase().filter(|&l| l != base));
            for shape in cases(letter) {
                list.extend(self.lookalikes.get(&shape).into_iter().flatten());
            }
            list.extend(shapes(letter));
        }
        list.retain(|&l| l != base);
        list.sort_unstable();
        list.dedup();
        list
    }

    /// The row of a character that stands alone: no marks, no expansion.
    pub(super) fn row(&self, unit: &Unit) -> Option<&Row> {
        let cell = self.starts.rows.get(slot(unit.raw)?)?;
        let row = cell.get_or_init(|| Box::new(self.make_row(unit)));
        (!unit.marked && row.fold == unit.fold && row.base == unit.base).then_some(row)
    }

    fn make_row(&self, unit: &Unit) -> Row {
        let mut bytes = [0; 4];
        let mut units = Units::new(unit.raw.encode_utf8(&mut bytes));
        // The character by itself, whatever marks it has in this text.
        let unit = units.get(0).unwrap_or(*unit);
        let lookalikes = self.lookalikes_of(unit.raw, unit.base);
        let mut letters = vec![unit.fold, unit.base];
        letters.extend(&lookalikes);
        letters.extend(same_script(unit.base));
        if !unit.raw.is_alphabetic() {
            letters.extend(leet(unit.base));
        }
        let names: Vec<Vec<char>> = spoken_digit(unit.raw)
            .map(|name| name.chars().collect())
            .collect();
        let (mut lots, mut spoken) = ([0; DEPTH], [0; DEPTH]);
        letters.sort_unstable();
        letters.dedup();
        for of_letter in letters
            .iter()
            .filter_map(|letter| self.starts.letters.get(letter))
        {
            for (lots, more) in lots.iter_mut().zip(of_letter) {
                *lots |= more;
            }
        }
        for (n, term) in self.terms.iter().enumerate().filter(|_| !names.is_empty()) {
            for (place, lots) in spoken.iter_mut().enumerate() {
                let rest = term.get(place..).unwrap_or(&[]);
                if names.iter().any(|name| rest.starts_with(name)) {
                    *lots |= lot(n, self.terms.len());
                }
            }
        }
        Row {
            fold: unit.fold,
            base: unit.base,
            lookalikes,
            letter: unit.raw.is_alphanumeric() || unit.is_letter(),
            grouped: groups(unit.base).next().is_some(),
            lots,
            spoken,
        }
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
                    return units
                        .get(from + place + 1)
                        .is_some_and(|u| !u.raw.is_alphanumeric() && !u.is_letter());
                }
                if !row.letter || is_mask(unit.raw) || unit.base == 'x' || last == Some(unit.base) {
                    return true;
                }
            }
            if lots & sound != 0 && matches!(unit.base, 'k' | 'c' | 'q' | 'x') {
                return true;
            }
            if row.spoken.get(place).is_some_and(|spoken| lots & spoken != 0) {
                return true;
            }
            if row.grouped {
                let whole = groups(unit.base).any(|(group, _)| {
                    let mut rest = group.chars().skip(1).enumerate();
                    rest.all(|(n, c)| units.get(from + place + 1 + n).is_some_and(|u| u.base == c))
                });
                if whole {
                    return true;
                }
            }
            lots &= row.lots.get(place).copied().unwrap_or(u64::MAX);
            if lots == 0 {
                return false;
            }
            last = Some(unit.base);
        }
        true
    }
}
