//! The detector entries of a set, by what they can be found by: hosts, what hosts look like, numbers, names.
//!
//! The section has these parts: *modes* of the entries, by their numbers as bits, 4 bytes; *any*: entries that stand for any
//! address of their kind, mode and entry, 4 bytes each; *table* from hashes to entries. Whether an entry really is what was asked for, its own text says (`crate::detect`).

use super::filter::{Table, build_table};
use super::tokens::{hash, mix};
use super::write::{no_memory, push};
use super::{number, parts};
use crate::detect::{Detector, Key};
use crate::{CompileError, MatchMode, reserve};

const PARTS: usize = 3;
const ANY: usize = 8;

fn key_of(key: Key<'_>) -> u64 {
    let (kind, text) = match key {
        Key::Host(text) => (1u64, text),
        Key::Shape(text) => (2, text),
        Key::Phone(text) => (3, text),
        Key::Email(text) => (4, text),
        Key::Handle(text) => (5, text),
    };
    mix(hash(text.as_bytes(), 0, text.len()) ^ kind << 56)
}

/// The section for these entries; empty for none.
pub(crate) fn build(entries: &[(u32, MatchMode, Detector)]) -> Result<Vec<u8>, CompileError> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let mut any = Vec::new();
    let mut keys = Vec::new();
    let mut modes = 0u32;
    for (entry, mode, detector) in entries {
        modes |= 1 << (*mode as u32);
        if matches!(detector, Detector::Any(_)) {
            push(&mut any, &(*mode as u32).to_le_bytes())?;
            push(&mut any, &entry.to_le_bytes())?;
        }
        let mut full = Ok(());
        detector.keys(|key| {
            let pushed = reserve::push(&mut keys, (key_of(key), *entry));
            full = std::mem::replace(&mut full, Ok(())).and(pushed);
        });
        full.map_err(no_memory)?;
    }
    parts::join::<PARTS>([modes.to_le_bytes().to_vec(), any, build_table(&keys)])
}

/// The section, in place.
#[derive(Clone, Copy)]
pub(crate) struct Detectors<'b> {
    any: &'b [u8],
    /// Modes of the entries, by their numbers as bits.
    modes: u32,
    table: Table<'b>,
}

impl<'b> Detectors<'b> {
    pub(crate) fn new(section: &'b [u8]) -> Self {
        let [modes, any, table] = parts::split::<PARTS>(section);
        Self {
            any,
            modes: number(modes, 0),
            table: Table::new(table),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.modes == 0
    }

    /// Is there an entry of this kind?
    pub(crate) fn has(&self, mode: MatchMode) -> bool {
        self.modes >> (mode as u32) & 1 != 0
    }

    /// Entries that stand for any address of this kind.
    pub(crate) fn any(&self, mode: MatchMode) -> impl Iterator<Item = u32> + use<'b> {
        let all = self.any.as_chunks::<ANY>().0.iter();
        let of_kind = all.filter(move |record| number(*record, 0) == mode as u32);
        of_kind.map(|record| number(record, 4))
    }

    /// Entries with this key; possibly others.
    pub(crate) fn get(&self, key: Key<'_>) -> impl Iterator<Item = u32> + use<'b> {
        self.table.get(key_of(key))
    }
}
