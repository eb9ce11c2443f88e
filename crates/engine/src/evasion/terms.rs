//! The terms of level evasion in their order, searched where they lie: a prefix is a range.
//!
//! Letters are numbers of four bytes, so that the letter at a place is found at once, as the walk needs it.

use super::build::Ask;
use crate::CompileError;
use crate::compiled::no_memory;
use crate::reserve::push;

/// Bytes of a term, and of a beginning of terms.
const TERM: usize = 8;
const TOP: usize = 12;

/// Longest term that is read, in letters: what [`crate::MAX_TERM_CHARS`] may fold to. A damaged set may say more.
const MAX_LETTERS: usize = 18 * crate::MAX_TERM_CHARS;

pub(super) type Letter = [u8; 4];

/// A letter as a number, and back; of a damaged set, some letter.
pub(super) fn encode(letter: char) -> Letter {
    u32::from(letter).to_le_bytes()
}

#[inline]
pub(super) fn decode(letter: Letter) -> char {
    char::from_u32(u32::from_le_bytes(letter)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Three parts of a record: where letters start, where entries start; or two letters and a term.
fn numbers<const N: usize, const BYTES: usize>(record: &[u8; BYTES]) -> [u32; N] {
    let mut out = [0; N];
    for (number, &four) in out.iter_mut().zip(record.as_chunks().0) {
        *number = u32::from_le_bytes(four);
    }
    out
}

/// The letters of a term.
#[derive(Clone, Copy)]
pub(super) struct Term<'b>(&'b [Letter]);

impl<'b> Term<'b> {
    #[inline]
    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(super) fn get(self, place: usize) -> Option<char> {
        self.0.get(place).copied().map(decode)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = char> + Clone + use<'b> {
        self.0.iter().copied().map(decode)
    }

    pub(super) fn contains(self, letter: char) -> bool {
        self.0.contains(&encode(letter))
    }

    /// The words of a phrase.
    pub(super) fn words(self) -> impl Iterator<Item = Self> {
        self.0.split(|&letter| decode(letter) == ' ').map(Term)
    }
}

/// The parts: *terms*, [`TERM`] bytes each and one more as the end: where its letters start, where its entries start. *Letters*.
/// *Entries*. *Tops*, [`TOP`] bytes each: the first two letters of terms in their order (the second plus one; 0 for none), and
/// the first term with them.
pub(super) fn build(sorted: &[(String, u32)], ask: Ask<'_>) -> Result<[Vec<u8>; 4], CompileError> {
    let (mut terms, mut letters, mut entries, mut tops) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut last: Option<&str> = None;
    let mut last_top = None;
    let mut number = 0_u32;
    let place = |list: &[[u8; 4]]| (list.len() as u32).to_le_bytes();
    for (n, (text, entry)) in sorted.iter().enumerate() {
        ask(n)?;
        if last != Some(text) {
            for part in [place(&letters), place(&entries)] {
                push(&mut terms, part).map_err(no_memory)?;
            }
            letters.try_reserve(text.len()).map_err(no_memory)?;
            letters.extend(text.chars().map(encode));
            let mut first = text.chars();
            if let Some(top) = first.next().map(|c| (c, first.next()))
                && last_top != Some(top)
            {
                let second = top.1.map_or(0, |c| u32::from(c) + 1);
                for part in [u32::from(top.0), second, number] {
                    push(&mut tops, part.to_le_bytes()).map_err(no_memory)?;
                }
                last_top = Some(top);
            }
            last = Some(text);
            number += 1;
        }
        push(&mut entries, entry.to_le_bytes()).map_err(no_memory)?;
    }
    for part in [place(&letters), place(&entries)] {
        push(&mut terms, part).map_err(no_memory)?;
    }
    Ok([terms, letters, entries, tops].map(|list| list.into_flattened()))
}

/// The terms, in place.
#[derive(Clone, Copy)]
pub(super) struct Terms<'b> {
    terms: &'b [[u8; TERM]],
    letters: &'b [Letter],
    entries: &'b [u8],
    tops: &'b [[u8; TOP]],
}

impl<'b> Terms<'b> {
    pub(super) fn new([terms, letters, entries, tops]: [&'b [u8]; 4]) -> Self {
        Self {
            terms: terms.as_chunks().0,
            letters: letters.as_chunks().0,
            entries,
            tops: tops.as_chunks().0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.terms.len().saturating_sub(1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Term<'b>> {
        (0..self.len()).filter_map(|term| self.get(term))
    }

    #[inline]
    pub(super) fn get(&self, term: usize) -> Option<Term<'b>> {
        let [start, _] = numbers(self.terms.get(term)?);
        let [end, _] = numbers(self.terms.get(term + 1)?);
        let start = start as usize;
        let end = (end as usize).min(start.saturating_add(MAX_LETTERS));
        self.letters.get(start..end).map(Term)
    }

    /// Is it as long as this?
    #[inline]
    pub(super) fn is_long(&self, term: usize, letters: usize) -> bool {
        self.get(term).is_some_and(|term| term.len() == letters)
    }

    pub(super) fn entries_of(&self, term: usize) -> impl Iterator<Item = u32> + use<'b> {
        let end = |term: usize| {
            self.terms
                .get(term)
                .map_or(0, |record| numbers::<2, TERM>(record)[1])
        };
        let list = self
            .entries
            .get(end(term) as usize * 4..end(term + 1) as usize * 4);
        let list = list.unwrap_or_default().as_chunks().0.iter();
        list.map(|&four| u32::from_le_bytes(four))
    }

    /// Which term it is.
    pub(super) fn find(&self, letters: impl Iterator<Item = char> + Clone) -> Option<usize> {
        let is_before = |n| self.get(n).is_some_and(|term| term.iter().lt(letters.clone()));
        let at = first_not(0, self.len(), is_before);
        self.get(at)
            .filter(|term| term.iter().eq(letters.clone()))
            .map(|_| at)
    }

    /// The range of terms in `lo..hi` (equal up to `depth`) that go on with `letter`: not empty, and within `lo..hi`.
    pub(super) fn child(&self, lo: usize, hi: usize, depth: usize, letter: char) -> Option<(usize, usize)> {
        if depth < 2 {
            return self
                .top_child(lo, depth, letter)
                .filter(|range| lo <= range.0 && range.1 <= hi);
        }
        let key = |n| self.get(n).and_then(|term| term.get(depth));
        let from = first_not(lo, hi, |n| key(n) < Some(letter));
        if from >= hi || key(from) != Some(letter) {
            return None;
        }
        Some((from, first_not(from + 1, hi, |n| key(n) <= Some(letter))))
    }

    /// The same for the first two letters, by a list that lies together: there the ranges are long.
    fn top_child(&self, lo: usize, depth: usize, letter: char) -> Option<(usize, usize)> {
        let letter = u32::from(letter);
        let top = |record: &[u8; TOP]| {
            let [first, second, _] = numbers::<3, TOP>(record);
            (first, second)
        };
        let start = |n: usize| {
            self.tops
                .get(n)
                .map_or(self.len(), |top| numbers::<3, TOP>(top)[2] as usize)
        };
        let (from, to) = match depth {
            0 => (
                self.tops.partition_point(|record| top(record).0 < letter),
                self.tops.partition_point(|record| top(record).0 <= letter),
            ),
            _ => {
                let wanted = (u32::from(self.get(lo)?.get(0)?), letter + 1);
                let from = self.tops.partition_point(|record| top(record) < wanted);
                (
                    from,
                    from + usize::from(self.tops.get(from).map(top) == Some(wanted)),
                )
            }
        };
        let (from, to) = (start(from), start(to).min(self.len()));
        (from < to).then_some((from, to))
    }
}

/// The first from `lo` on for which this no longer holds, or `hi`.
fn first_not(mut lo: usize, mut hi: usize, holds: impl Fn(usize) -> bool) -> usize {
    while lo < hi {
        let middle = lo + (hi - lo) / 2;
        if holds(middle) {
            lo = middle + 1;
        } else {
            hi = middle;
        }
    }
    lo
}
