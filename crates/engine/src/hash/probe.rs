//! Which buckets of an index a search looks into, and which of their entries pass: the two conditions of
//! [`super::index`].

use std::ops::ControlFlow;
use std::sync::LazyLock;

use super::index::{NEXT, SLOTS, Slot};
use super::pdq::PdqHash;

/// Entries that cost as much as one bucket: a bucket is two or three cache misses.
const BUCKET_COST: usize = 64;
/// How many values of a slot differ from one in so many bits.
pub(super) const NEIGHBOURS: [usize; SLOTS + 1] = [
    1, 16, 120, 560, 1_820, 4_368, 8_008, 11_440, 12_870, 11_440, 8_008, 4_368, 1_820, 560, 120, 16, 1,
];

/// Which buckets a search looks into: a threshold for each slot, -1 for a slot left out.
pub(super) struct Plan {
    thresholds: [i32; SLOTS],
}

impl Plan {
    /// `None` if looking into the buckets would cost more than the budget, in entries.
    pub(super) fn new(
        slots: &[Slot<'_>; SLOTS],
        query: &PdqHash,
        radius: u32,
        budget: usize,
    ) -> Option<Self> {
        let values = query.slots();
        let sum = radius.min(256) as i32 - (SLOTS as i32 - 1);
        let (least, more) = (
            sum.div_euclid(SLOTS as i32),
            sum.rem_euclid(SLOTS as i32) as usize,
        );
        let mut thresholds = [least; SLOTS];
        if more > 0 {
            // Look further where there is little to look at.
            let mut order: [usize; SLOTS] = std::array::from_fn(|slot| slot);
            order.sort_by_cached_key(|&slot| slots[slot].bucket(values[slot]).len());
            order.iter().take(more).for_each(|&slot| thresholds[slot] += 1);
        }
        let plan = Self { thresholds };
        let mut cost = (0..SLOTS).map(|slot| plan.masks(slot).len()).sum::<usize>() * BUCKET_COST;
        if cost > budget {
            return None;
        }
        for (index, slot) in slots.iter().enumerate() {
            for mask in plan.masks(index) {
                cost += slot.bucket(values[index] ^ mask).len();
            }
        }
        (cost <= budget).then_some(plan)
    }

    /// Differences from the query's value of a slot to look at, the smallest first.
    pub(super) fn masks(&self, slot: usize) -> &'static [u16] {
        let count = match usize::try_from(self.thresholds[slot]) {
            Ok(threshold) => NEIGHBOURS.iter().take(threshold + 1).sum(),
            Err(_) => 0,
        };
        MASKS.get(..count).unwrap_or(&MASKS[..])
    }

    /// Most bits in which a slot and the next one may differ together.
    pub(super) fn chain(&self, slot: usize) -> i32 {
        self.thresholds[slot] + self.thresholds[(slot + 1) % SLOTS] + 1
    }

    /// The first slot in which the search comes upon a hash.
    pub(super) fn first(&self, query: &PdqHash, hash: &PdqHash) -> Option<usize> {
        let (a, b) = (query.slots(), hash.slots());
        let differing = |slot: usize| (a[slot] ^ b[slot]).count_ones() as i32;
        (0..SLOTS).find(|&slot| {
            let here = differing(slot);
            here <= self.thresholds[slot] && here + differing((slot + 1) % SLOTS) <= self.chain(slot)
        })
    }
}

/// All differences of 16 bits, those of fewer bits first.
pub(super) static MASKS: LazyLock<Vec<u16>> = LazyLock::new(|| {
    let mut masks: Vec<u16> = (0..=u16::MAX).collect();
    masks.sort_by_key(|mask| mask.count_ones());
    masks
});

/// Calls `entry` for each place of the range whose bits differ from `next` in at most that many. Sixteen places at
/// once, whose bits are counted without a branch; what they read past the range's end is then left out.
#[inline]
pub(super) fn each_within<B>(
    nexts: &[[u8; NEXT]],
    range: std::ops::Range<usize>,
    next: u16,
    most: i32,
    mut entry: impl FnMut(usize) -> ControlFlow<B>,
) -> ControlFlow<B> {
    const WIDE: usize = 16;
    let most = most as i16;
    let mut at = range.start;
    while at < range.end {
        let Some(wide) = nexts.get(at..at + WIDE).and_then(|wide| wide.as_array::<WIDE>()) else {
            for place in at..range.end.min(nexts.len()) {
                if nexts
                    .get(place)
                    .is_some_and(|bits| differing_bits(*bits, next) <= most)
                {
                    entry(place)?;
                }
            }
            break;
        };
        let mut within = [false; WIDE];
        let mut any = false;
        for (within, bits) in within.iter_mut().zip(wide) {
            *within = differing_bits(*bits, next) <= most;
            any |= *within;
        }
        if any {
            for (place, _) in (at..range.end).zip(within).filter(|(_, within)| *within) {
                entry(place)?;
            }
        }
        at += WIDE;
    }
    ControlFlow::Continue(())
}

/// The number of differing bits, in operations that vectors of 16-bit numbers have.
#[inline]
fn differing_bits(bits: [u8; NEXT], next: u16) -> i16 {
    let mut bits = u16::from_le_bytes(bits) ^ next;
    bits -= (bits >> 1) & 0x5555;
    bits = (bits & 0x3333) + ((bits >> 2) & 0x3333);
    bits = (bits + (bits >> 4)) & 0x0f0f;
    ((bits + (bits >> 8)) & 0x1f) as i16
}
