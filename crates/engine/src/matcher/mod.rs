//! From items to bytes to hits.
//!
//! Every term, literal ones too, is found by its folded form in the folded text, in windows of bounded size;
//! then its place is mapped back, checked for word boundaries on the caller's text, and, for a literal term,
//! compared as written. So a literal hit is always a folded hit, and no second automaton is needed.

mod automaton;
mod build;
mod collect;
mod format;
mod inflected;
mod rules;
mod scan;
mod words;

use crate::detect::Detectors;
use crate::evasion::{Evasion, Steps};
use crate::fold::fold_text;
use crate::glob::Glob;
use crate::rule::Rule;
use crate::typo::Typos;
use crate::{
    CompileError, Interrupt, Item, Level, MatchError, MatchMode, OpenError, TermError, validate_term,
};
use automaton::Patterns;
use inflected::Inflected;
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
    let mut patterns = 0usize;
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
        patterns = patterns.saturating_add(fold_text(&item.term.text).len());
    }
    if patterns > crate::MAX_PATTERN_BYTES {
        return Err(CompileError::TooLarge {
            bytes: patterns,
            limit: crate::MAX_PATTERN_BYTES,
        });
    }
    format::encode(items, interrupt)
}

/// An item as the scan needs it.
struct Entry {
    id: i64,
    slot: u16,
    allow: bool,
    mode: MatchMode,
    level: Level,
    weight: f32,
    text: Box<str>,
    /// A word of a rule: its number. It makes no hit of its own.
    leaf: Option<u32>,
    /// Number of the wildcard among the wildcards.
    detail: u32,
}

/// A rule and its words.
struct RuleEntry {
    rule: Rule,
    entry: u32,
    first_leaf: u32,
    leaves: usize,
}

/// A compiled set, ready to match.
pub struct Matcher {
    entries: Vec<Entry>,
    /// For every pattern of the automaton, the entries it stands for: `targets[bounds[p]..bounds[p + 1]]`.
    targets: Vec<u32>,
    bounds: Vec<u32>,
    patterns: Option<Patterns>,
    evasion: Evasion,
    globs: Vec<Glob>,
    inflected: Inflected,
    /// Some inflected term is of level evasion.
    evasive_forms: bool,
    typos: Typos,
    detectors: Detectors,
    regexes: Vec<(regex_automata::meta::Regex, u32)>,
    rules: Vec<RuleEntry>,
    /// Words of all rules.
    leaves: usize,
    /// Position of an item: sorted (slot, id, entry).
    index: Vec<(u16, i64, u32)>,
    pattern_bytes: usize,
}

impl Matcher {
    /// Reads a compiled set. The bytes are not trusted.
    ///
    /// # Errors
    /// [`OpenError::WrongVersion`] for bytes of another format or folding version (compile again),
    /// [`OpenError::Damaged`], [`OpenError::OutOfMemory`].
    pub fn open(bytes: &[u8]) -> Result<Self, OpenError> {
        let items = format::decode(bytes)?;
        let mut builder = build::Builder::new(items.len())?;
        for item in &items {
            builder.add(item)?;
        }
        builder.finish()
    }

    /// Bytes of memory the matcher holds.
    pub fn heap_bytes(&self) -> usize {
        let texts: usize = self.entries.iter().map(|e| e.text.len()).sum();
        self.entries.capacity() * size_of::<Entry>()
            + texts
            + (self.targets.capacity() + self.bounds.capacity()) * size_of::<u32>()
            + self.index.capacity() * size_of::<(u16, i64, u32)>()
            + self.patterns.as_ref().map_or(0, Patterns::heap_bytes)
            + self.evasion.heap_bytes()
            + self.inflected.heap_bytes()
            + self.typos.heap_bytes()
            + self.detectors.heap_bytes()
            + self.regexes.iter().map(|(r, _)| r.memory_usage()).sum::<usize>()
    }

    /// Bytes of folded text that the automaton holds as patterns.
    pub fn pattern_bytes(&self) -> usize {
        self.pattern_bytes
    }

    /// Number of items, allow entries included.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The term as the operator wrote it, without white space and invisible characters around it.
    pub fn term(&self, item: i64, slot: u16) -> Option<&str> {
        let at = self.index.partition_point(|&(s, i, _)| (s, i) < (slot, item));
        let &(s, i, entry) = self.index.get(at)?;
        if (s, i) != (slot, item) {
            return None;
        }
        self.entries.get(entry as usize).map(|e| &*e.text)
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

    fn entries_of(&self, pattern: usize) -> &[u32] {
        let from = self.bounds.get(pattern).copied().unwrap_or(0) as usize;
        let to = self.bounds.get(pattern + 1).copied().unwrap_or(0) as usize;
        self.targets.get(from..to).unwrap_or(&[])
    }
}

#[cfg(test)]
pub(crate) mod mode_tests;
#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
pub(crate) mod tests;
