//! From items to bytes to hits.
//!
//! Every term, literal ones too, is found by its folded form in the folded text, in windows of bounded size;
//! then its place is mapped back, checked for word boundaries on the caller's text, and, for a literal term,
//! compared as written. So a literal hit is always a folded hit, and no second search is needed.
//!
//! A matcher has one or more *layers*: a compiled set searched where it lies (module `compiled`), and what its terms
//! of other modes need in memory of this process (module `extras`). Further layers are small changes to the first.

mod any;
#[cfg(test)]
mod automaton;
mod collect;
mod disguises;
mod edges;
mod extras;
mod finder;
mod gram_places;
mod inflected;
mod regexes;
mod rules;
mod scan;
mod tokenise;
mod words;

use crate::compiled::{self, Entry, Image, Layout};
use crate::evasion::Steps;
use crate::{
    CompileError, Interrupt, Item, Level, MatchError, MatchMode, OpenError, TermError, validate_term,
};
use extras::Extras;
use std::sync::Arc;

/// Which hits the caller wants.
#[derive(Clone, Debug, Default)]
pub struct FindOptions {
    /// Only these slots; `None` means all.
    pub slots: Option<Vec<u16>>,
    /// Also return hits that an allow entry suppressed.
    pub suppressed: bool,
    /// Stop collecting after this many hits (0: no limit).
    pub limit: usize,
    /// At most this many places of one item (0: no limit), the first ones: bounds memory without losing an item.
    pub places: usize,
    /// Items (slot, id) that are as if they were not there, sorted; allow entries among them suppress nothing.
    pub inactive: Option<Arc<[(u16, i64)]>>,
}

/// How literal a match was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The most literal level at which this place matches.
    pub level: Level,
    /// 1.0 for an exact match; every evasion step lowers it (the formula is in module `evasion`).
    pub factor: f32,
    /// What had to be assumed; empty at levels literal and folded of the plain modes.
    pub steps: Steps,
}

/// One item found in one place of one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    pub item: i64,
    pub slot: u16,
    /// First character of the match, in code points of the caller's text, from 0.
    pub start: usize,
    /// Length of the match in code points.
    pub length: usize,
    /// The same span in bytes of the caller's text.
    pub bytes: std::ops::Range<usize>,
    pub evidence: Evidence,
    /// `weight × evidence.factor`.
    pub score: f32,
    /// The allow entry that covers this hit.
    pub suppressed_by: Option<i64>,
}

/// Items between two questions whether to stop.
const INTERRUPT_EVERY: usize = 1_024;

/// Most regular expressions in one set: each is a pass of its own over the text, with its own memory.
pub(crate) const MAX_REGEXES: usize = 256;

/// Compiles items to the bytes that [`Matcher::open`] reads. Deterministic: equal items give equal bytes, in
/// whatever order they come.
///
/// # Errors
/// [`CompileError::Term`] for the first item that [`validate_term`] refuses or that is one regular expression too many
/// (256 in a set), [`CompileError::TooLarge`] when the
/// set is over [`crate::MAX_COMPILED_BYTES`] or its folded terms over [`crate::MAX_PATTERN_BYTES`],
/// [`CompileError::Interrupted`], [`CompileError::OutOfMemory`].
pub fn compile(items: &[Item], interrupt: Interrupt<'_>) -> Result<Vec<u8>, CompileError> {
    check(items, interrupt)?;
    compiled::write(items, interrupt)
}

/// The same of items that are not needed afterwards, in less memory.
///
/// # Errors
/// As [`compile`].
pub fn compile_owned(items: Vec<Item>, interrupt: Interrupt<'_>) -> Result<Vec<u8>, CompileError> {
    check(&items, interrupt)?;
    compiled::write_owned(items, interrupt)
}

fn check(items: &[Item], interrupt: Interrupt<'_>) -> Result<(), CompileError> {
    let mut regexes = 0usize;
    for (n, item) in items.iter().enumerate() {
        if n % INTERRUPT_EVERY == 0 && interrupt() {
            return Err(CompileError::Interrupted);
        }
        validate_term(&item.term).map_err(|error| CompileError::Term { item: item.id, error })?;
        regexes += usize::from(item.term.mode == MatchMode::Regex);
        if regexes > MAX_REGEXES {
            let error = TermError::Syntax {
                position: 0,
                message: format!("the set has more than {MAX_REGEXES} regular expressions"),
                hint: "join expressions with |, or use mode wildcard or rule",
            };
            return Err(CompileError::Term { item: item.id, error });
        }
    }
    Ok(())
}

/// Bytes that somebody else holds, such as a mapped file.
type Bytes = Box<dyn AsRef<[u8]> + Send + Sync>;

/// An item of a slot.
type ItemKey = (u16, i64);

/// A compiled set and what it needs besides.
struct Part {
    bytes: Bytes,
    layout: Layout,
    extras: Extras,
    /// The automaton that the finder is compared with.
    #[cfg(test)]
    oracle: Option<automaton::Oracle>,
}

impl Part {
    fn open(bytes: Bytes) -> Result<Self, OpenError> {
        let layout = Layout::open((*bytes).as_ref())?;
        let extras = Extras::new(&layout.image((*bytes).as_ref()))?;
        Ok(Self {
            bytes,
            layout,
            extras,
            #[cfg(test)]
            oracle: None,
        })
    }

    fn image(&self) -> Image<'_> {
        self.layout.image((*self.bytes).as_ref())
    }
}

/// A part, and which of its items are gone (sorted).
#[derive(Clone)]
struct Layer {
    part: Arc<Part>,
    removed: Arc<[ItemKey]>,
}

/// A layer as a scan sees it.
#[derive(Clone, Copy)]
pub(crate) struct View<'m> {
    image: Image<'m>,
    extras: &'m Extras,
    removed: &'m [ItemKey],
    #[cfg(test)]
    oracle: Option<&'m automaton::Oracle>,
}

impl std::ops::Deref for View<'_> {
    type Target = Extras;

    fn deref(&self) -> &Extras {
        self.extras
    }
}

impl View<'_> {
    fn entry(&self, number: u32) -> Option<Entry<'_>> {
        self.image.entry(number)
    }
}

/// A compiled set, ready to match.
#[derive(Clone)]
pub struct Matcher {
    layers: Vec<Layer>,
}

impl Matcher {
    /// Reads a compiled set: checks all of it and keeps a copy.
    ///
    /// # Errors
    /// [`OpenError::WrongVersion`] for bytes of another format or folding version (compile again),
    /// [`OpenError::Damaged`], [`OpenError::OutOfMemory`].
    pub fn open(bytes: &[u8]) -> Result<Self, OpenError> {
        compiled::verify(bytes)?;
        let mut own = Vec::new();
        own.try_reserve_exact(bytes.len())
            .map_err(|_| OpenError::OutOfMemory)?;
        own.extend_from_slice(bytes);
        Self::open_in_place(own)
    }

    /// Matches with bytes where they are; only their header is checked, so this costs the same for every size, unless
    /// the set has regular expressions: those are prepared in memory. (A wildcard or a rule is prepared when a text first asks for
    /// it.) Damaged bytes are safe, but may miss hits or make wrong ones: see [`crate::verify`]. The
    /// bytes must not change.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_in_place(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, OpenError> {
        let part = Part::open(Box::new(bytes))?;
        Ok(Self {
            layers: vec![Layer {
                part: Arc::new(part),
                removed: Arc::new([]),
            }],
        })
    }

    /// This set without some items, (slot, item) each, and with those of `added`, another compiled set. Slots mean the
    /// same in both. An item may be removed and added again, changed.
    pub fn changed(&self, removed: &[(u16, i64)], added: &Self) -> Self {
        let mut removed = removed.to_vec();
        removed.sort_unstable();
        let mut layers = self.layers.clone();
        for layer in &mut layers {
            let mut all = [&*layer.removed, &removed].concat();
            all.sort_unstable();
            all.dedup();
            layer.removed = all.into();
        }
        layers.extend(added.layers.iter().cloned());
        Self { layers }
    }

    /// Bytes of this process's own memory that the matcher holds besides the compiled sets.
    pub fn heap_bytes(&self) -> usize {
        self.layers
            .iter()
            .map(|l| l.part.extras.heap_bytes() + size_of_val(&*l.removed))
            .sum()
    }

    /// Bytes of the compiled sets.
    pub fn set_bytes(&self) -> usize {
        self.layers.iter().map(|l| (*l.part.bytes).as_ref().len()).sum()
    }

    /// Number of items, allow entries included.
    pub fn len(&self) -> usize {
        self.layers
            .iter()
            .map(|layer| {
                let image = layer.part.image();
                let gone = layer
                    .removed
                    .iter()
                    .filter(|&&(s, i)| image.find_item(s, i).is_some());
                image.facts().items - gone.count().min(image.facts().items)
            })
            .sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The term as the operator wrote it, without white space and invisible characters around it.
    pub fn term(&self, item: i64, slot: u16) -> Option<&str> {
        let layers = self.layers.iter().rev();
        let here = layers.filter(|l| l.removed.binary_search(&(slot, item)).is_err());
        let entry = here.filter_map(|l| l.part.image().find_item(slot, item)).next()?;
        std::str::from_utf8(entry.text).ok()
    }

    fn views(&self) -> impl Iterator<Item = View<'_>> {
        self.layers.iter().map(|layer| View {
            image: layer.part.image(),
            extras: &layer.part.extras,
            removed: &layer.removed,
            #[cfg(test)]
            oracle: layer.part.oracle.as_ref(),
        })
    }

    /// Is there an unsuppressed hit in `slot`? Equal to `find` being non-empty, but may stop early.
    ///
    /// # Errors
    /// [`MatchError::Interrupted`], [`MatchError::OutOfMemory`].
    pub fn is_match(&self, text: &str, slot: u16, interrupt: Interrupt<'_>) -> Result<bool, MatchError> {
        self.any(text, slot, interrupt)
    }

    /// All hits, ordered by start, longer first, then slot, then item. Overlapping hits are all reported.
    ///
    /// # Errors
    /// [`MatchError::Interrupted`], [`MatchError::OutOfMemory`].
    pub fn find(
        &self,
        text: &str,
        options: &FindOptions,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<Hit>, MatchError> {
        self.scan(text, options, interrupt)
    }
}

#[cfg(test)]
mod finder_tests;
#[cfg(test)]
pub(crate) mod mode_tests;
#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
pub(crate) mod tests;
