//! Keys under which an ordered index finds every hash within a distance, exactly: multi-index hashing for index methods
//! that keep sorted integers, such as PostgreSQL's GIN. For a set in memory [`super::index`] is several times faster.
//!
//! A hash is stored under sixteen keys, one for each slot of 16 bits: the slot's number, its bits, and the bits of the
//! next two slots of the ring. A search looks into the ranges of keys whose slot differs from the query's in few enough
//! bits, and passes by the keys whose next slots differ in too many. Which bits are few enough, and why no hash is
//! missed, is explained at the head of [`super::index`]: with thresholds `t(i)` that sum to `radius - 15`, every hash
//! within the radius has a slot with `d(i) <= t(i)`, `d(i) + d(i+1) <= t(i) + t(i+1) + 1` and
//! `d(i) + d(i+1) + d(i+2) <= t(i) + t(i+1) + t(i+2) + 2`. What passes is a candidate: compare the whole hash.

use super::index::SLOTS;
use super::pdq::PdqHash;
use super::probe::{MASKS, NEIGHBOURS};

/// The sixteen keys of a hash. They are positive and sort by slot, then by the slot's bits.
#[must_use]
pub fn index_keys(hash: &PdqHash) -> [i64; SLOTS] {
    let slots = hash.slots();
    std::array::from_fn(|slot| first_key(slot, slots[slot]) | i64::from(following(&slots, slot)))
}

fn first_key(slot: usize, value: u16) -> i64 {
    (slot as i64) << 48 | i64::from(value) << 32
}

fn following(slots: &[u16; SLOTS], slot: usize) -> u32 {
    u32::from(slots[(slot + 1) % SLOTS]) << 16 | u32::from(slots[(slot + 2) % SLOTS])
}

/// A range of keys to look into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The first key of the range.
    pub first: i64,
    /// The query's bits of the next two slots, and how many of the next one's, and of both, may differ.
    next: u32,
    most_of_one: i32,
    most_of_two: i32,
}

/// What a search does with a key at or behind the beginning of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    Yes,
    No,
    /// The range ends before this key.
    Behind,
}

impl Probe {
    #[inline]
    #[must_use]
    pub fn passes(&self, key: i64) -> Passes {
        if key >> 32 != self.first >> 32 {
            return Passes::Behind;
        }
        let differing = key as u32 ^ self.next;
        let (one, two) = (
            (differing >> 16).count_ones() as i32,
            differing.count_ones() as i32,
        );
        if one <= self.most_of_one && two <= self.most_of_two {
            Passes::Yes
        } else {
            Passes::No
        }
    }
}

/// How far to look around each slot's value; -1: not at all.
fn thresholds(radius: u32) -> [i32; SLOTS] {
    let sum = radius.min(256) as i32 - (SLOTS as i32 - 1);
    let (least, more) = (sum.div_euclid(SLOTS as i32), sum.rem_euclid(SLOTS as i32));
    std::array::from_fn(|slot| least + i32::from((slot as i32) < more))
}

/// The ranges in which every hash within `radius` bits of `centre` has a key that passes: 272 at a radius of 31, 2,192
/// at 47. `None` if they were more than `most`.
#[must_use]
pub fn probes(centre: &PdqHash, radius: u32, most: usize) -> Option<Vec<Probe>> {
    let thresholds = thresholds(radius);
    let count = |slot: usize| -> usize {
        usize::try_from(thresholds[slot]).map_or(0, |bits| NEIGHBOURS.iter().take(bits + 1).sum())
    };
    if (0..SLOTS).map(count).sum::<usize>() > most {
        return None;
    }
    let slots = centre.slots();
    let mut probes = Vec::new();
    for slot in 0..SLOTS {
        let limit = |n: usize| thresholds[(slot + n) % SLOTS];
        for &mask in MASKS.iter().take(count(slot)) {
            let differing = mask.count_ones() as i32;
            let probe = Probe {
                first: first_key(slot, slots[slot] ^ mask),
                next: following(&slots, slot),
                most_of_one: limit(0) + limit(1) + 1 - differing,
                most_of_two: limit(0) + limit(1) + limit(2) + 2 - differing,
            };
            if probe.most_of_one >= 0 && probe.most_of_two >= 0 {
                probes.push(probe);
            }
        }
    }
    Some(probes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn thresholds_sum_to_what_the_proof_needs() {
        for radius in 0..=256 {
            assert_eq!(thresholds(radius).iter().sum::<i32>(), radius as i32 - 15);
        }
        assert_eq!(thresholds(31), [1; SLOTS]);
        let hash = PdqHash::default();
        assert_eq!(probes(&hash, 31, 272).map(|probes| probes.len()), Some(272));
        assert_eq!(probes(&hash, 31, 271), None);
        assert_eq!(probes(&hash, 47, 4_096).map(|probes| probes.len()), Some(2_192));
    }

    #[test]
    fn ranges_end() {
        let hash = PdqHash([0xff; 32]);
        let keys = index_keys(&hash);
        assert!(keys.is_sorted() && keys[0] >= 0);
        let probe = probes(&hash, 0, 16).unwrap()[0];
        assert_eq!(probe.passes(keys[0]), Passes::Yes);
        assert_eq!(probe.passes(keys[0] - 0xff), Passes::No);
        assert_eq!(probe.passes(keys[1]), Passes::Behind);
    }

    proptest! {
        #[test]
        fn every_hash_within_the_radius_passes(
            bytes in any::<[u8; 32]>(),
            flips in proptest::collection::vec(0..256usize, 0..64),
            more in 0..20u32,
        ) {
            let query = PdqHash(bytes);
            let mut near = query;
            flips.iter().for_each(|bit| near.0[bit / 8] ^= 1 << (bit % 8));
            let radius = query.distance(&near) + more;
            let keys = index_keys(&near);
            if let Some(probes) = probes(&query, radius, 1 << 20) {
                prop_assert!(probes.iter().any(|probe| keys.iter().any(|&key| probe.passes(key) == Passes::Yes)));
            }
        }
    }
}
