//! Reading a compiled set in place.

use super::detectors::Detectors;
use super::inflected::Inflected;
use super::tokens::glance;
use super::typos::Typos;
use super::{
    ENTRY, FACTS, FIXED, Facts, Filter, GRAM, GramFilter, HEADER, MAGIC, NONE_U32, PATTERN, SECTIONS, SLOT,
    Section, SlotFacts, Table,
};
use crate::evasion::Evasion;
use crate::{FOLDING_VERSION, FORMAT_VERSION, Level, MatchMode, OpenError};

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// The first four words of eight bytes; zeros behind the end.
fn array_of_words(bytes: &[u8]) -> [u64; 4] {
    [0, 8, 16, 24].map(|at| u64_at(bytes, at).unwrap_or_default())
}

/// Where the sections of a compiled set are: what opening one costs.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    sections: [(usize, usize); SECTIONS],
    pub(crate) facts: Facts,
}

fn short() -> OpenError {
    OpenError::Damaged("too short")
}

impl Layout {
    /// Checks the header and the bounds of the sections.
    ///
    /// # Errors
    /// [`OpenError::WrongVersion`], [`OpenError::Damaged`].
    pub(crate) fn open(bytes: &[u8]) -> Result<Self, OpenError> {
        if array(bytes, 0) != Some(*MAGIC) {
            return Err(OpenError::Damaged("not a compiled set"));
        }
        for (at, expected) in [(8, FORMAT_VERSION), (12, FOLDING_VERSION)] {
            let found = u32_at(bytes, at).ok_or_else(short)?;
            if found != expected {
                return Err(OpenError::WrongVersion { found, expected });
            }
        }
        if u64_at(bytes, 16) != Some(bytes.len() as u64) {
            return Err(OpenError::Damaged("length"));
        }
        if u32_at(bytes, 24) != Some(SECTIONS as u32) || bytes.len() < HEADER {
            return Err(OpenError::Damaged("sections"));
        }
        let mut hash = blake3::Hasher::new();
        hash.update(bytes.get(..64).unwrap_or_default());
        hash.update(bytes.get(FIXED..HEADER).unwrap_or_default());
        if array(bytes, 64) != Some(*hash.finalize().as_bytes()) {
            return Err(OpenError::Damaged("checksum of the header"));
        }
        let mut sections = [(0, 0); SECTIONS];
        for (n, section) in sections.iter_mut().enumerate() {
            let number = |at| u64_at(bytes, at).and_then(|n| usize::try_from(n).ok());
            let (Some(offset), Some(length)) = (number(FIXED + n * 16), number(FIXED + n * 16 + 8)) else {
                return Err(short());
            };
            if offset < HEADER || offset.checked_add(length).is_none_or(|end| end > bytes.len()) {
                return Err(OpenError::Damaged("section"));
            }
            *section = (offset, length);
        }
        let mut layout = Self {
            sections,
            facts: Facts::default(),
        };
        let facts = layout.section(bytes, Section::Facts);
        let number = |n: usize| u32_at(facts, n * 4).ok_or_else(short);
        layout.facts = Facts {
            items: number(0)? as usize,
            entries: number(1)? as usize,
            patterns: number(2)? as usize,
            longest: number(3)? as usize,
            leaves: number(4)? as usize,
            odd: array_of_words(facts.get(20..).unwrap_or_default()),
        };
        let length = |section| layout.section(bytes, section).len();
        let Facts {
            items,
            entries,
            patterns,
            ..
        } = layout.facts;
        if facts.len() != FACTS
            || items > entries
            || layout.facts.leaves > entries
            || length(Section::Entries) != entries * ENTRY
            || length(Section::Patterns) != (patterns + 1) * PATTERN
        {
            return Err(OpenError::Damaged("facts"));
        }
        Ok(layout)
    }

    fn section<'b>(&self, bytes: &'b [u8], section: Section) -> &'b [u8] {
        let (offset, length) = self.sections.get(section as usize).copied().unwrap_or_default();
        bytes.get(offset..offset + length).unwrap_or_default()
    }

    /// `bytes`, which must be those that were opened, to search in.
    pub(crate) fn image<'b>(&'b self, bytes: &'b [u8]) -> Image<'b> {
        Image { layout: self, bytes }
    }
}

/// Reads all of a compiled set and compares its checksum: once, when it was written or comes from elsewhere.
///
/// # Errors
/// Those of opening, and [`OpenError::Damaged`].
pub fn verify(bytes: &[u8]) -> Result<(), OpenError> {
    Layout::open(bytes)?;
    let body = bytes.get(HEADER..).unwrap_or_default();
    if array(bytes, 32) != Some(*blake3::hash(body).as_bytes()) {
        return Err(OpenError::Damaged("checksum"));
    }
    Ok(())
}

/// Where the sections of disguised terms are, to be damaged.
#[cfg(test)]
pub(crate) fn range_of_evasion(bytes: &[u8]) -> std::ops::Range<usize> {
    let layout = Layout::open(bytes).expect("opens");
    let (first, _) = layout.sections[Section::Evasion as usize];
    let (last, length) = layout.sections[Section::EvasionUngated as usize];
    first..last + length
}

/// An item or a word of a rule.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'b> {
    pub(crate) id: i64,
    pub(crate) slot: u16,
    pub(crate) allow: bool,
    pub(crate) mode: MatchMode,
    pub(crate) level: Level,
    pub(crate) weight: f32,
    /// The term as written, trimmed; UTF-8 unless damaged.
    pub(crate) text: &'b [u8],
    /// A word of a rule: its number. It makes no hit of its own.
    pub(crate) leaf: Option<u32>,
    /// Of a rule: the number of its first word.
    pub(crate) detail: u32,
}

/// A folded term.
#[derive(Clone, Copy)]
pub(crate) struct Pattern<'b> {
    pub(crate) bytes: &'b [u8],
    pub(crate) kind: u8,
    parent: u32,
}

/// A pattern that has a gram: its number (31 bits, and one that says the list ends), the offset of the gram in it (10
/// bits), the length of what its glance is of (4 bits), the glance (18 bits).
#[derive(Clone, Copy)]
pub(crate) struct GramPlace(u64);

impl GramPlace {
    pub(crate) fn pattern(self) -> u32 {
        self.0 as u32 & 0x7fff_ffff
    }

    pub(crate) fn offset(self) -> usize {
        (self.0 >> 32) as usize & 0x3ff
    }

    /// May the pattern begin with these eight bytes?
    #[inline]
    pub(crate) fn may_begin(self, eight: u64) -> bool {
        glance(eight, (self.0 >> 42) as usize & 0xf) == self.0 >> 46
    }
}

/// A compiled set, in place. Sections are found when they are asked for: a short text asks for few of them, and one of these
/// is made for every text.
#[derive(Clone, Copy)]
pub(crate) struct Image<'b> {
    layout: &'b Layout,
    bytes: &'b [u8],
}

impl<'b> Image<'b> {
    #[inline]
    fn section(&self, section: Section) -> &'b [u8] {
        self.layout.section(self.bytes, section)
    }

    #[inline]
    pub(crate) fn facts(&self) -> &'b Facts {
        &self.layout.facts
    }

    /// Patterns by their first token.
    pub(crate) fn heads(&self) -> (Filter<'b>, Table<'b>) {
        let (filter, table) = (
            self.section(Section::HeadFilter),
            self.section(Section::HeadTable),
        );
        (Filter::new(filter), Table::new(table))
    }

    /// Patterns by their first two tokens.
    pub(crate) fn pairs(&self) -> (Filter<'b>, Table<'b>) {
        let (filter, table) = (
            self.section(Section::PairFilter),
            self.section(Section::PairTable),
        );
        (Filter::new(filter), Table::new(table))
    }

    /// What all patterns begin with that may begin within a token, or with none.
    pub(crate) fn starts(&self) -> Filter<'b> {
        Filter::new(self.section(Section::StartFilter))
    }

    /// Patterns by their grams: the filter of grams, that of grams with what stands beside them, the table.
    pub(crate) fn grams(&self) -> (GramFilter<'b>, Filter<'b>, Table<'b>) {
        (
            GramFilter::new(self.section(Section::GramFilter)),
            Filter::new(self.section(Section::MarginFilter)),
            Table::new(self.section(Section::GramTable)),
        )
    }

    /// The inflected terms.
    pub(crate) fn inflected(&self) -> Inflected<'b> {
        Inflected::new(self.section(Section::Inflected))
    }

    /// The terms that may have a typing error.
    pub(crate) fn typos(&self) -> Typos<'b> {
        Typos::new(self.section(Section::Typos))
    }

    pub(crate) fn detectors(&self) -> Detectors<'b> {
        Detectors::new(self.section(Section::Detectors))
    }

    /// The terms that may be disguised: those of whole words that the gate is for, and all others.
    pub(crate) fn evasion(&self) -> [Evasion<'b>; 2] {
        [Section::Evasion, Section::EvasionUngated].map(|section| Evasion::new(self.section(section)))
    }

    pub(crate) fn entry(&self, number: u32) -> Option<Entry<'b>> {
        let record: [u8; ENTRY] = array(self.section(Section::Entries), number as usize * ENTRY)?;
        let [text, length, leaf, detail] = [16, 20, 24, 28].map(|at| u32_at(&record, at).unwrap_or_default());
        let text = text as usize;
        // The length shares its word with the flags.
        let (length, flags) = ((length & 0xff_ffff) as usize, length >> 24);
        Some(Entry {
            id: i64::from_le_bytes(array(&record, 0)?),
            weight: f32::from_le_bytes(array(&record, 8)?),
            // Byte 12 and 13 are the slot; 14 the mode and the level; 15 is zero.
            slot: u16::from_le_bytes(array(&record, 12)?),
            mode: MatchMode::from_u8(record[14] & 0x1f)?,
            level: Level::from_u8(record[14] >> 5)?,
            text: self.section(Section::Texts).get(text..text + length)?,
            allow: flags & 1 != 0,
            leaf: (leaf != NONE_U32).then_some(leaf),
            detail,
        })
    }

    /// The entry of an item. Items come first, by slot and id.
    pub(crate) fn find_item(&self, slot: u16, id: i64) -> Option<Entry<'b>> {
        let entries = self.section(Section::Entries);
        let key = |n: usize| {
            let at = n * ENTRY;
            let id = array(entries, at).map(i64::from_le_bytes)?;
            let slot = array(entries, at + 12).map(u16::from_le_bytes)?;
            Some((slot, id))
        };
        let (mut low, mut high) = (0, self.facts().items);
        while low < high {
            let middle = low + (high - low) / 2;
            if key(middle)? < (slot, id) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low < self.facts().items && key(low)? == (slot, id))
            .then(|| self.entry(low as u32))
            .flatten()
    }

    #[inline]
    pub(crate) fn pattern(&self, number: u32) -> Option<Pattern<'b>> {
        let (all, at) = (self.section(Section::Patterns), number as usize * PATTERN);
        let start = u32_at(all, at)? as usize;
        let end = u32_at(all, at + PATTERN)? as usize;
        let parent = u32_at(all, at + 4)?;
        Some(Pattern {
            bytes: self.section(Section::PatternBytes).get(start..end)?,
            kind: (parent >> 28) as u8,
            parent: parent & 0xfff_ffff,
        })
    }

    /// The entries that a pattern stands for.
    pub(crate) fn targets(&self, pattern: u32) -> impl Iterator<Item = u32> + use<'b> {
        let (all, at) = (self.section(Section::Patterns), pattern as usize * PATTERN + 8);
        let start = u32_at(all, at).unwrap_or_default() as usize;
        let end = u32_at(all, at + PATTERN).unwrap_or_default() as usize;
        let list = self
            .section(Section::Targets)
            .get(start * 4..end * 4)
            .unwrap_or_default();
        list.as_chunks().0.iter().map(|&n| u32::from_le_bytes(n))
    }

    /// Calls `found` with the number and length of every pattern of these kinds that `text` begins with, from pattern
    /// `first` on, which must not be after any of them. Stops when `found` returns `false`.
    pub(crate) fn at_start(
        &self,
        text: &[u8],
        first: u32,
        kinds: u8,
        mut found: impl FnMut(u32, usize) -> bool,
    ) -> bool {
        // The last pattern that is not after the text.
        let Facts {
            longest, patterns, ..
        } = *self.facts();
        let text = text.get(..longest).unwrap_or(text);
        let is_before = |n: u32| self.pattern(n).is_some_and(|p| p.bytes <= text);
        if !is_before(first) {
            return true;
        }
        let (mut low, mut step) = (first, 1u32);
        let high = loop {
            let next = low.saturating_add(step);
            if next as usize >= patterns {
                break patterns as u32;
            }
            if !is_before(next) {
                break next;
            }
            low = next;
            step = step.saturating_mul(2);
        };
        let mut high = high;
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if is_before(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        // It, and its prefixes.
        loop {
            let Some(pattern) = self.pattern(low) else {
                return true;
            };
            if pattern.kind & kinds != 0
                && text.starts_with(pattern.bytes)
                && !pattern.bytes.is_empty()
                && !found(low, pattern.bytes.len())
            {
                return false;
            }
            match pattern.parent.checked_sub(1) {
                Some(parent) if parent < low && parent >= first => low = parent,
                _ => return true,
            }
        }
    }

    /// The patterns of a gram list that begins at `first`.
    pub(crate) fn gram_list(&self, first: u32) -> impl Iterator<Item = GramPlace> + use<'b> {
        let list = self
            .section(Section::GramLists)
            .get(first as usize * GRAM..)
            .unwrap_or_default();
        let mut ended = false;
        list.as_chunks::<GRAM>().0.iter().map_while(move |place| {
            let place = u64::from_le_bytes(*place);
            if ended {
                return None;
            }
            ended = place >> 31 & 1 != 0;
            Some(GramPlace(place))
        })
    }

    pub(crate) fn special(&self) -> impl Iterator<Item = u32> + use<'b> {
        self.section(Section::Special)
            .as_chunks()
            .0
            .iter()
            .map(|&n| u32::from_le_bytes(n))
    }

    /// What these slots have together; all of them for `None`.
    pub(crate) fn facts_of(&self, slots: Option<&[u16]>) -> SlotFacts {
        let records = self.section(Section::Slots).as_chunks::<SLOT>().0.iter();
        let mut all = SlotFacts::default();
        for &[a, b, kinds, stages, c, d, e, f] in records {
            if slots.is_none_or(|slots| slots.contains(&u16::from_le_bytes([a, b]))) {
                all = all.with(SlotFacts {
                    kinds,
                    stages,
                    gram_classes: u16::from_le_bytes([c, d]),
                    start_classes: u16::from_le_bytes([e, f]),
                });
            }
        }
        all
    }

    pub(crate) fn allow_slots(&self) -> impl Iterator<Item = u16> + use<'b> {
        self.section(Section::AllowSlots)
            .as_chunks()
            .0
            .iter()
            .map(|&n| u16::from_le_bytes(n))
    }
}
