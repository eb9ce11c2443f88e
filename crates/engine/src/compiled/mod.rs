//! The compiled set: flat bytes that are searched where they lie, so that every process can map the same ones.
//!
//! No pointers, no alignment, little-endian numbers; reading is bounds-checked slices and trusts nothing, so damage
//! can only make a search miss, never leave the bytes. Layout, offsets from the beginning:
//!
//! | bytes | |
//! |---|---|
//! | 0–7 | `PGMODSET` |
//! | 8, 12 | [`crate::FORMAT_VERSION`], [`crate::FOLDING_VERSION`], 4 bytes each |
//! | 16 | length of the whole, 8 bytes |
//! | 24 | number of sections, 4 bytes; 4 bytes zero |
//! | 32 | BLAKE3 of everything behind the table of sections |
//! | 64 | BLAKE3 of bytes 0–63 and of the table |
//! | 96 | table: offset and length of every section, 8 bytes each |
//!
//! [`Layout::open`] checks the header and the bounds of the sections, whatever their size; [`verify`] reads
//! everything. Sections, in the order of [`Section`]:
//!
//! - *facts*: numbers that a search needs first, see [`Facts`].
//! - *entries*: items by (slot, id), then the words of rules; [`ENTRY`] bytes each, see [`Entry`].
//! - *texts*: terms as written, by entry.
//! - *patterns*: folded terms in byte order, [`PATTERN`] bytes each and one more as the end: where its bytes start;
//!   its longest proper prefix among the patterns (plus one; 28 bits) and how it is searched (4 bits); where its
//!   targets start. All patterns that begin a text are the last one not after it in order, and its prefixes.
//! - *pattern bytes*, *targets*: the bytes; the entries that each pattern stands for.
//! - *head*, *pair*, *start*, *gram* and *margin* filters and tables: see modules `filter` and `crate::matcher::finder`.
//! - *special*: entries for which each process prepares something in its own memory: wildcards, regular expressions, rules.
//! - *allow slots*: slots that have allow entries.
//! - *slots*: what each slot has, by its number: kinds of patterns and stages (1 byte each), classes of grams, classes of
//!   starts (2 bytes each), so that a search for one slot does not pay for what only others have.
//! - *inflected*, *typos*, *detectors*: see the modules of these names. *Evasion*, *evasion
//!   ungated*: see `crate::evasion::build`; terms of whole words that its gate is for, and all others.

pub(crate) mod detectors;
mod filter;
pub(crate) mod inflected;
mod keys;
pub(crate) mod parts;
mod read;
mod slots;
pub(crate) mod tokens;
mod typos;
mod write;

pub(crate) use detectors::Detectors;
pub(crate) use filter::{Filter, GramFilter, Table, build_large_filter};
#[cfg(test)]
pub(crate) use read::range_of_evasion;
pub use read::verify;
pub(crate) use read::{Entry, Image, Layout};
pub(crate) use typos::Typos;
#[cfg(test)]
pub(crate) use write::seal;
pub(crate) use write::{no_memory, write, write_owned};

const MAGIC: &[u8; 8] = b"PGMODSET";
const FIXED: usize = 96;
/// Sections begin at multiples of this.
const ALIGN: usize = 64;

#[derive(Clone, Copy)]
#[repr(usize)]
enum Section {
    Facts,
    Entries,
    Texts,
    Patterns,
    PatternBytes,
    Targets,
    HeadFilter,
    HeadTable,
    PairFilter,
    PairTable,
    StartFilter,
    GramFilter,
    MarginFilter,
    GramTable,
    GramLists,
    Special,
    AllowSlots,
    Slots,
    Inflected,
    Typos,
    Detectors,
    Evasion,
    EvasionUngated,
}

const SECTIONS: usize = Section::EvasionUngated as usize + 1;
const HEADER: usize = FIXED + SECTIONS * 16;

/// Bytes of one entry, one pattern, and one place in a gram list.
const ENTRY: usize = 32;
const PATTERN: usize = 12;
const GRAM: usize = 8;

/// In place of a leaf: none.
const NONE_U32: u32 = u32::MAX;

/// How a pattern is searched; bits, so that a search can ask for several.
pub(crate) mod kind {
    /// Begins with a token that decides: a single word, or one that goes on irregularly.
    pub(crate) const HEAD: u8 = 1;
    /// Begins with two tokens that decide together.
    pub(crate) const PAIR: u8 = 2;
    /// Begins with something that is no token (`$`, `赌`).
    pub(crate) const ODD: u8 = 4;
    /// May stand anywhere, also inside a word: found by one of its grams.
    pub(crate) const ANYWHERE: u8 = 8;
}

/// Stages of a search that need more than patterns; bits.
pub(crate) mod stage {
    /// Disguised words.
    pub(crate) const EVASION: u8 = 1;
    /// Words and what is around them: wildcards, forms, typing errors, detectors.
    pub(crate) const WORDS: u8 = 2;
    pub(crate) const REGEXES: u8 = 4;
}

/// What a slot, or several, have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct SlotFacts {
    pub(crate) kinds: u8,
    pub(crate) stages: u8,
    pub(crate) gram_classes: u16,
    pub(crate) start_classes: u16,
}

impl SlotFacts {
    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            kinds: self.kinds | other.kinds,
            stages: self.stages | other.stages,
            gram_classes: self.gram_classes | other.gram_classes,
            start_classes: self.start_classes | other.start_classes,
        }
    }
}

/// Bytes of one record: the slot, then its facts.
const SLOT: usize = 8;

/// Lengths of what a pattern begins with, in bytes; the number of a class is its position here. Patterns take the longest
/// that they have.
pub(crate) const STARTS: [usize; 6] = [8, 6, 4, 3, 2, 1];

/// Grams of a length, looked for at every so many bytes of the text, counted from its beginning. A pattern has as many
/// grams in a row: one of them stands where the search looks, wherever the pattern stands.
#[derive(Clone, Copy)]
pub(crate) struct Grams {
    pub(crate) length: usize,
    pub(crate) stride: usize,
}

/// Classes of grams; patterns take the first that they are long enough for.
pub(crate) const GRAMS: [Grams; 6] = [
    Grams::new(8, 4),
    Grams::new(6, 2),
    Grams::new(4, 1),
    Grams::new(3, 1),
    Grams::new(2, 1),
    Grams::new(1, 1),
];

impl Grams {
    const fn new(length: usize, stride: usize) -> Self {
        Self { length, stride }
    }

    /// Bytes of the shortest pattern of the class.
    pub(crate) const fn shortest(self) -> usize {
        self.length + self.stride - 1
    }
}

/// The number at byte `at`; 0 behind the end.
fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk());
    four.map_or(0, |&four| u32::from_le_bytes(four))
}

/// Numbers about a set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    pub(crate) items: usize,
    pub(crate) entries: usize,
    pub(crate) patterns: usize,
    /// Bytes of the longest pattern.
    pub(crate) longest: usize,
    /// Words of all rules.
    pub(crate) leaves: usize,
    /// First bytes of the patterns that begin with no token, as bits.
    pub(crate) odd: [u64; 4],
}

impl Facts {
    /// May a pattern that begins with no token begin with this byte?
    #[inline(always)]
    pub(crate) fn is_odd(&self, byte: u8) -> bool {
        let [a, b, c, d] = self.odd;
        let word = match byte >> 6 {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        };
        word >> (byte & 63) & 1 != 0
    }
}

const FACTS: usize = 5 * 4 + 4 * 8;
