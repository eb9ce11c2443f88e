//! From items to bytes to hits.

use crate::{CompileError, Interrupt, Item, Level, MatchError, OpenError};

/// Which hits the caller wants.
#[derive(Clone, Debug, Default)]
pub struct FindOptions {
    /// Only these slots; `None` means all.
    pub slots: Option<Vec<u16>>,
    /// Also return hits that an allow entry suppressed.
    pub suppressed: bool,
    /// Stop collecting after this many hits (0: no limit).
    pub limit: usize,
}

/// How literal a match was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The most literal level at which this place matches.
    pub level: Level,
    /// 1.0 for an exact match; every evasion step lowers it.
    pub factor: f32,
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

/// Compiles items to the bytes that [`Matcher::open`] reads. Deterministic: equal items give equal bytes.
pub fn compile(items: &[Item], interrupt: Interrupt<'_>) -> Result<Vec<u8>, CompileError> {
    let _ = (items, interrupt);
    Ok(Vec::new())
}

/// A compiled set, ready to match.
pub struct Matcher {}

impl Matcher {
    pub fn open(bytes: &[u8]) -> Result<Self, OpenError> {
        let _ = bytes;
        Ok(Self {})
    }

    /// Bytes of memory the matcher holds.
    pub fn heap_bytes(&self) -> usize {
        0
    }

    /// The term as the operator wrote it.
    pub fn term(&self, item: i64, slot: u16) -> Option<&str> {
        let _ = (item, slot);
        None
    }

    /// Is there an unsuppressed hit in `slot`? Equal to `find` being non-empty, but may stop early.
    pub fn is_match(&self, text: &str, slot: u16, interrupt: Interrupt<'_>) -> Result<bool, MatchError> {
        let _ = (text, slot, interrupt);
        Ok(false)
    }

    /// All hits, ordered by start, longer first, then slot, then item.
    pub fn find(
        &self,
        text: &str,
        options: &FindOptions,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<Hit>, MatchError> {
        let _ = (text, options, interrupt);
        Ok(Vec::new())
    }
}
