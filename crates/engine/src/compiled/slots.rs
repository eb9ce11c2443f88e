//! What each slot of a set has, so that a search for one of them pays for nothing else.

use super::keys::{gram_class, start_class};
use super::write::Pattern;
use super::{ENTRY, SLOT, SlotFacts, kind, stage};
use crate::{Level, MatchMode};
use std::collections::BTreeMap;

/// What each slot has, see [`SlotFacts`].
pub(super) fn slot_facts(
    patterns: &[Pattern],
    targets: &[u32],
    special: &[u32],
    entries: &[u8],
) -> BTreeMap<u16, SlotFacts> {
    let record = |number: u32| {
        let records = entries.as_chunks::<ENTRY>().0;
        records.get(number as usize).copied().unwrap_or([0; ENTRY])
    };
    let slot_of = |number: u32| u16::from_le_bytes([record(number)[12], record(number)[13]]);
    let mut out: BTreeMap<u16, SlotFacts> = BTreeMap::new();
    let mut known = (None, SlotFacts::default());
    let mut add = |slot: u16, facts: SlotFacts| {
        // Mostly one slot has nearly all.
        if known.0 != Some(slot) || known.1.with(facts) != known.1 {
            let all = out.entry(slot).or_default();
            *all = all.with(facts);
            known = (Some(slot), *all);
        }
    };
    for (n, pattern) in patterns.iter().enumerate() {
        let length = pattern.length as usize;
        let (gram_classes, start_classes) = match pattern.kind {
            kind::ANYWHERE => (1 << gram_class(length).0, 0),
            _ => (0, 1 << start_class(length)),
        };
        let facts = SlotFacts {
            kinds: pattern.kind,
            stages: 0,
            gram_classes,
            start_classes,
        };
        let end = patterns
            .get(n + 1)
            .map_or(targets.len(), |next| next.target as usize);
        for &entry in targets.get(pattern.target as usize..end).unwrap_or_default() {
            add(slot_of(entry), facts);
        }
    }
    for &number in special {
        let flags = record(number)[14];
        let (mode, level) = (MatchMode::from_u8(flags & 0x1f), Level::from_u8(flags >> 5));
        let mut stages = match mode {
            Some(MatchMode::Regex) => stage::REGEXES,
            Some(MatchMode::Rule) => 0,
            Some(mode) if mode.is_plain() => 0,
            _ => stage::WORDS,
        };
        if level == Some(Level::Evasion) {
            stages |= stage::EVASION;
        }
        let facts = SlotFacts {
            stages,
            ..SlotFacts::default()
        };
        add(slot_of(number), facts);
    }
    out
}

pub(super) fn encode_slots(slots: &BTreeMap<u16, SlotFacts>) -> Vec<u8> {
    let mut out = Vec::with_capacity(slots.len() * SLOT);
    for (slot, facts) in slots {
        out.extend_from_slice(&slot.to_le_bytes());
        out.extend_from_slice(&[facts.kinds, facts.stages]);
        out.extend_from_slice(&facts.gram_classes.to_le_bytes());
        out.extend_from_slice(&facts.start_classes.to_le_bytes());
    }
    out
}
