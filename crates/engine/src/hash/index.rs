//! Finding every hash within a distance, exactly: multi-index hashing over the sixteen 16-bit slots of a PDQ hash
//! (Norouzi, Punjani, Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing", 2014), as flat bytes that
//! mean the same wherever they lie. Not for fewer bits, and not for sets that change: build again.
//!
//! Why it is complete. Give slot `i` a threshold `t(i)` such that the thresholds sum to `radius - 15`. Two hashes
//! within the radius differ in their slots by `d(i)` bits, which sum to at most the radius, so `d(i) - t(i) - 1`
//! sums to less than zero. A ring of numbers with a negative sum has a place from which all partial sums are
//! negative (the cycle lemma). So some slot has `d(i) <= t(i)`, *and* with the next slot of the ring
//! `d(i) + d(i+1) <= t(i) + t(i+1) + 1` (the pigeonring principle: Qin, Xiao, VLDB 2018). The first condition says
//! which buckets to look into; the second rejects all but about one in four hundred of what is there, from 16 bits
//! that lie beside each entry, before anything else is fetched. At a radius of 31 every threshold is 1: 272 buckets.
//!
//! Buckets of real hashes are skewed, and a large radius has very many: when looking into them would read more than
//! all the hashes, all the hashes are read instead, with the same result.

use std::fmt;
use std::hint::black_box;
use std::ops::ControlFlow;

use super::pdq::PdqHash;
use super::probe::{Plan, each_within};
use crate::{CompileError, Interrupt, OpenError};

const MAGIC: &[u8; 8] = b"PGMODPDQ";
/// Changes with the layout.
const FORMAT: u32 = 1;
pub(super) const SLOTS: usize = 16;
const BUCKETS: usize = 1 << 16;
/// Magic, format, number of hashes, whether there are buckets, nothing.
const HEADER: usize = 8 + 4 + 4 + 4 + 12;
/// One hash and its payload.
const HASH: usize = 32;
const PAYLOAD: usize = 4;
/// Starts of the buckets of one slot.
const STARTS: usize = (BUCKETS + 1) * 4;
/// One entry of a bucket: the next slot's bits, and the hash's number, in two arrays.
pub(super) const NEXT: usize = 2;
const NUMBER: usize = 4;
/// Sets of fewer hashes have no buckets: reading all of them is as fast.
const SMALLEST_WITH_BUCKETS: usize = 16_384;
/// Entries that cost as much as reading one hash of all.
const HASH_COST: usize = 6;
/// Most hashes of an index.
pub const MAX_INDEX_HASHES: usize = u32::MAX as usize;
/// Work between two questions whether to stop.
const INTERRUPT_EVERY: usize = 1 << 16;
/// Buckets looked up together.
const TOGETHER: usize = 32;
/// The bytes of an index over hashes, each with a payload that a search hands back. Equal input gives equal bytes.
/// About 132 bytes a hash and 4 MiB; 36 bytes a hash below 16,384.
///
/// # Errors
/// [`CompileError::OutOfMemory`], [`CompileError::Interrupted`], [`CompileError::TooLarge`] over
/// [`MAX_INDEX_HASHES`].
pub fn build(hashes: &[(PdqHash, u32)], interrupt: Interrupt<'_>) -> Result<Vec<u8>, CompileError> {
    let count = hashes.len();
    let total = size(count);
    let (Some(total), true) = (total, count <= MAX_INDEX_HASHES) else {
        return Err(CompileError::TooLarge {
            bytes: total.unwrap_or(usize::MAX),
            limit: size(MAX_INDEX_HASHES).unwrap_or(usize::MAX),
        });
    };
    let mut out = Vec::new();
    out.try_reserve_exact(total)
        .map_err(|_| CompileError::OutOfMemory)?;
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&(count as u32).to_le_bytes());
    out.extend_from_slice(&u32::from(has_buckets(count)).to_le_bytes());
    out.resize(HEADER, 0);
    for chunk in hashes.chunks(INTERRUPT_EVERY) {
        stop(interrupt)?;
        chunk.iter().for_each(|(hash, _)| out.extend_from_slice(&hash.0));
    }
    hashes
        .iter()
        .for_each(|(_, payload)| out.extend_from_slice(&payload.to_le_bytes()));
    if has_buckets(count) {
        for slot in 0..SLOTS {
            build_slot(hashes, slot, &mut out, interrupt)?;
        }
    }
    Ok(out)
}

/// Appends the buckets of one slot: starts, next slots' bits, numbers. A counting sort, so equal values keep the
/// order of their numbers.
fn build_slot(
    hashes: &[(PdqHash, u32)],
    slot: usize,
    out: &mut Vec<u8>,
    interrupt: Interrupt<'_>,
) -> Result<(), CompileError> {
    let mut starts: Vec<u32> = Vec::new();
    starts
        .try_reserve_exact(BUCKETS + 1)
        .map_err(|_| CompileError::OutOfMemory)?;
    starts.resize(BUCKETS + 1, 0);
    for chunk in hashes.chunks(INTERRUPT_EVERY) {
        stop(interrupt)?;
        for (hash, _) in chunk {
            starts[usize::from(hash.slots()[slot]) + 1] += 1;
        }
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    starts
        .iter()
        .for_each(|start| out.extend_from_slice(&start.to_le_bytes()));
    let base = out.len();
    out.resize(base + hashes.len() * (NEXT + NUMBER), 0);
    let (nexts, numbers) = out[base..].split_at_mut(hashes.len() * NEXT);
    let (nexts, numbers) = (
        nexts.as_chunks_mut::<NEXT>().0,
        numbers.as_chunks_mut::<NUMBER>().0,
    );
    for (number, (hash, _)) in hashes.iter().enumerate() {
        if number % INTERRUPT_EVERY == 0 {
            stop(interrupt)?;
        }
        let slots = hash.slots();
        let place = &mut starts[usize::from(slots[slot])];
        nexts[*place as usize] = slots[(slot + 1) % SLOTS].to_le_bytes();
        numbers[*place as usize] = (number as u32).to_le_bytes();
        *place += 1;
    }
    Ok(())
}

fn stop(interrupt: Interrupt<'_>) -> Result<(), CompileError> {
    if interrupt() {
        Err(CompileError::Interrupted)
    } else {
        Ok(())
    }
}

fn has_buckets(count: usize) -> bool {
    count >= SMALLEST_WITH_BUCKETS
}

/// Bytes of an index over that many hashes.
fn size(count: usize) -> Option<usize> {
    let slots = if has_buckets(count) {
        count
            .checked_mul(NEXT + NUMBER)?
            .checked_add(STARTS)?
            .checked_mul(SLOTS)?
    } else {
        0
    };
    count
        .checked_mul(HASH + PAYLOAD)?
        .checked_add(HEADER)?
        .checked_add(slots)
}

/// One hash found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Number of the hash in the order it was given to [`build`].
    pub number: u32,
    pub payload: u32,
    /// Bits, at most the radius.
    pub distance: u32,
}

/// The buckets of one slot.
#[derive(Clone, Copy)]
pub(super) struct Slot<'b> {
    starts: &'b [[u8; 4]],
    nexts: &'b [[u8; NEXT]],
    numbers: &'b [[u8; NUMBER]],
}

impl<'b> Slot<'b> {
    pub(super) fn bucket(&self, value: u16) -> std::ops::Range<usize> {
        let value = usize::from(value);
        match self.starts.get(value..value + 2) {
            Some([start, end]) => u32::from_le_bytes(*start) as usize..u32::from_le_bytes(*end) as usize,
            _ => 0..0,
        }
    }
}

/// An opened index; borrows its bytes and copies nothing of them.
#[derive(Clone, Copy)]
pub struct HashIndex<'b> {
    hashes: &'b [[u8; HASH]],
    payloads: &'b [[u8; PAYLOAD]],
    slots: Option<[Slot<'b>; SLOTS]>,
}

impl fmt::Debug for HashIndex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashIndex")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl<'b> HashIndex<'b> {
    /// Reads what [`build`] wrote. Checks the header and every length, in constant time: no bytes, however damaged,
    /// make a search panic or read outside them. Only [`verify`](Self::verify), or a checksum of the caller's, tells
    /// whether the contents are those that were written.
    ///
    /// # Errors
    /// [`OpenError::WrongVersion`], [`OpenError::Damaged`].
    pub fn open(bytes: &'b [u8]) -> Result<Self, OpenError> {
        let mut rest = bytes;
        let mut take = |length: usize| -> Result<&'b [u8], OpenError> {
            let (head, tail) = rest
                .split_at_checked(length)
                .ok_or(OpenError::Damaged("too short"))?;
            rest = tail;
            Ok(head)
        };
        let header = take(HEADER)?;
        if header.get(..8) != Some(MAGIC) {
            return Err(OpenError::Damaged("not an index of hashes"));
        }
        let word = |at: usize| {
            let field = header.get(at..at + 4).and_then(|field| field.as_array::<4>());
            field.map_or(0, |field| u32::from_le_bytes(*field))
        };
        if word(8) != FORMAT {
            return Err(OpenError::WrongVersion {
                found: word(8),
                expected: FORMAT,
            });
        }
        let count = word(12) as usize;
        if size(count) != Some(bytes.len()) || word(16) != u32::from(has_buckets(count)) {
            return Err(OpenError::Damaged("length"));
        }
        let (hashes, _) = take(count * HASH)?.as_chunks();
        let (payloads, _) = take(count * PAYLOAD)?.as_chunks();
        let slots = if has_buckets(count) {
            let empty = Slot {
                starts: &[],
                nexts: &[],
                numbers: &[],
            };
            let mut slots = [empty; SLOTS];
            for slot in &mut slots {
                slot.starts = take(STARTS)?.as_chunks().0;
                slot.nexts = take(count * NEXT)?.as_chunks().0;
                slot.numbers = take(count * NUMBER)?.as_chunks().0;
            }
            Some(slots)
        } else {
            None
        };
        Ok(Self {
            hashes,
            payloads,
            slots,
        })
    }

    /// Number of hashes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Hash and payload by number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<(PdqHash, u32)> {
        let hash = PdqHash(*self.hashes.get(number as usize)?);
        Some((hash, u32::from_le_bytes(*self.payloads.get(number as usize)?)))
    }

    /// Checks that every hash is in its bucket of every slot, once: reads all of the bytes.
    ///
    /// # Errors
    /// [`OpenError::Damaged`].
    pub fn verify(&self) -> Result<(), OpenError> {
        let Some(slots) = &self.slots else { return Ok(()) };
        for (index, slot) in slots.iter().enumerate() {
            let mut at = 0;
            for value in 0..=u16::MAX {
                let bucket = slot.bucket(value);
                if bucket.start != at || bucket.end < at || bucket.end > self.len() {
                    return Err(OpenError::Damaged("buckets"));
                }
                at = bucket.end;
                // Numbers rise in a bucket, so none can be there twice, and there are as many as hashes.
                let mut last = None;
                for entry in bucket {
                    let number = slot.numbers.get(entry).map(|number| u32::from_le_bytes(*number));
                    let next = slot.nexts.get(entry).map(|next| u16::from_le_bytes(*next));
                    let hash = number.and_then(|number| self.get(number));
                    let values = hash.map(|(hash, _)| hash.slots());
                    let as_written = values.is_some_and(|values| {
                        values[index] == value && Some(values[(index + 1) % SLOTS]) == next
                    });
                    if !as_written || number <= last {
                        return Err(OpenError::Damaged("entries"));
                    }
                    last = number;
                }
            }
            if at != self.len() {
                return Err(OpenError::Damaged("buckets"));
            }
        }
        Ok(())
    }

    /// Visits every hash within `radius` bits of the query exactly once, in no promised order; `visit` may stop the
    /// search. Any radius is complete; from 256 on it is every hash. At worst a search reads all the hashes, about
    /// a millisecond and a half for a million.
    pub fn search<B>(
        &self,
        query: &PdqHash,
        radius: u32,
        mut visit: impl FnMut(Found) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        match &self.slots {
            Some(slots) => match Plan::new(slots, query, radius, self.len() * HASH_COST) {
                Some(plan) => self.search_buckets(slots, &plan, query, radius, &mut visit),
                None => self.search_all(query, radius, &mut visit),
            },
            None => self.search_all(query, radius, &mut visit),
        }
    }

    fn search_all<B>(
        &self,
        query: &PdqHash,
        radius: u32,
        visit: &mut impl FnMut(Found) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        for (number, hash) in self.hashes.iter().enumerate() {
            let distance = query.distance(&PdqHash(*hash));
            if distance <= radius {
                self.found(number as u32, distance, visit)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn found<B>(
        &self,
        number: u32,
        distance: u32,
        visit: &mut impl FnMut(Found) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        match self.payloads.get(number as usize) {
            Some(payload) => visit(Found {
                number,
                payload: u32::from_le_bytes(*payload),
                distance,
            }),
            None => ControlFlow::Continue(()),
        }
    }

    fn search_buckets<B>(
        &self,
        slots: &[Slot<'_>; SLOTS],
        plan: &Plan,
        query: &PdqHash,
        radius: u32,
        visit: &mut impl FnMut(Found) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let values = query.slots();
        let mut passed = Passed {
            numbers: [0; 64],
            count: 0,
        };
        for (index, slot) in slots.iter().enumerate() {
            let next = values[(index + 1) % SLOTS];
            for masks in plan.masks(index).chunks(TOGETHER) {
                // All buckets' first entries are asked for before any is looked at, so that the cache misses overlap.
                let mut buckets = [(0, 0); TOGETHER];
                let mut touched = 0;
                for (bucket, mask) in buckets.iter_mut().zip(masks) {
                    let range = slot.bucket(values[index] ^ mask);
                    touched ^= slot.nexts.get(range.start).map_or(0, |next| next[0]);
                    *bucket = (range.start, range.end);
                }
                black_box(touched);
                for (mask, (start, end)) in masks.iter().zip(buckets) {
                    let most = plan.chain(index) - mask.count_ones() as i32;
                    if most < 0 {
                        continue;
                    }
                    each_within(slot.nexts, start..end, next, most, |entry| {
                        let number = slot
                            .numbers
                            .get(entry)
                            .map_or(u32::MAX, |number| u32::from_le_bytes(*number));
                        if let Some(place) = passed.numbers.get_mut(passed.count) {
                            *place = number;
                        }
                        passed.count += 1;
                        if passed.count < passed.numbers.len() {
                            return ControlFlow::Continue(());
                        }
                        self.check(plan, index, query, radius, &mut passed, visit)
                    })?;
                }
            }
            self.check(plan, index, query, radius, &mut passed, visit)?;
        }
        ControlFlow::Continue(())
    }

    /// Compares whole hashes of entries that passed. Together, so that their cache misses overlap.
    fn check<B>(
        &self,
        plan: &Plan,
        index: usize,
        query: &PdqHash,
        radius: u32,
        passed: &mut Passed,
        visit: &mut impl FnMut(Found) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let count = std::mem::take(&mut passed.count);
        for &number in passed.numbers.get(..count).unwrap_or(&[]) {
            let Some(hash) = self.hashes.get(number as usize) else {
                continue;
            };
            let hash = PdqHash(*hash);
            let distance = query.distance(&hash);
            // A hash may pass in several slots: only the first one counts.
            if distance <= radius && plan.first(query, &hash) == Some(index) {
                self.found(number, distance, visit)?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Entries whose 16 bits passed, before their hashes are compared.
struct Passed {
    numbers: [u32; 64],
    count: usize,
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
