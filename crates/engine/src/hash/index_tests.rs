//! The index against brute force: uniform, clustered and skewed hashes, every kind of radius, damaged bytes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A reproducible source of bits: SplitMix64 (Steele, Lea, Flood 2014).
struct Bits(u64);

impl Bits {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn hash(&mut self) -> PdqHash {
        let mut bytes = [0; 32];
        bytes
            .as_chunks_mut::<8>()
            .0
            .iter_mut()
            .for_each(|part| *part = self.next().to_le_bytes());
        PdqHash(bytes)
    }

    fn flip(&mut self, mut hash: PdqHash, flips: usize) -> PdqHash {
        for _ in 0..flips {
            let bit = self.below(256);
            hash.0[bit / 8] ^= 1 << (bit % 8);
        }
        hash
    }

    /// How a set of hashes is spread: 0 uniform, 1 clusters, 2 nearly everything in few buckets, 3 all equal.
    fn set(&mut self, kind: u8, count: usize) -> Vec<(PdqHash, u32)> {
        let centres: Vec<PdqHash> = (0..40).map(|_| self.hash()).collect();
        (0..count)
            .map(|number| {
                let hash = match kind {
                    0 => self.hash(),
                    1 => {
                        let (centre, flips) = (self.below(centres.len()), self.below(90));
                        self.flip(centres[centre], flips)
                    }
                    2 => {
                        let flips = self.below(12);
                        self.flip(PdqHash::default(), flips)
                    }
                    _ => centres[0],
                };
                (hash, (number as u32).wrapping_mul(7))
            })
            .collect()
    }
}

fn never() -> impl FnMut() -> bool {
    || false
}

fn search(index: &HashIndex<'_>, query: &PdqHash, radius: u32) -> BTreeMap<u32, (u32, u32)> {
    let mut found = BTreeMap::new();
    let flow = index.search(query, radius, |hit| {
        let before = found.insert(hit.number, (hit.payload, hit.distance));
        assert_eq!(before, None, "visited twice");
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(flow, ControlFlow::Continue(()));
    found
}

fn brute(hashes: &[(PdqHash, u32)], query: &PdqHash, radius: u32) -> BTreeMap<u32, (u32, u32)> {
    let distances = hashes
        .iter()
        .map(|(hash, payload)| (*payload, query.distance(hash)));
    (0..)
        .zip(distances)
        .filter(|(_, (_, distance))| *distance <= radius)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Recall 1.0 and nothing else, with buckets, at any radius.
    #[test]
    fn same_as_brute_force(seed: u64, kind in 0u8..4, extra in 0usize..9_000) {
        let mut bits = Bits(seed);
        let hashes = bits.set(kind, SMALLEST_WITH_BUCKETS + extra);
        let bytes = build(&hashes, &mut never()).unwrap();
        let index = HashIndex::open(&bytes).unwrap();
        prop_assert_eq!(index.verify(), Ok(()));
        for radius in [0, 1, 3, 8, 14, 15, 16, 20, 30, 31, 32, 40, 47, 60, 90, 128, 256, 1_000] {
            let (near, flips) = (bits.below(hashes.len()), bits.below(40));
            let query = bits.flip(hashes[near].0, flips);
            prop_assert_eq!(search(&index, &query, radius), brute(&hashes, &query, radius), "radius {}", radius);
        }
    }

    /// Buckets at a radius for which the budget would choose to read everything.
    #[test]
    fn buckets_are_complete_without_a_budget(seed: u64, kind in 0u8..3) {
        let mut bits = Bits(seed);
        let hashes = bits.set(kind, SMALLEST_WITH_BUCKETS);
        let bytes = build(&hashes, &mut never()).unwrap();
        let index = HashIndex::open(&bytes).unwrap();
        let slots = index.slots.unwrap();
        for radius in [0, 7, 15, 17, 25, 31, 37, 50, 64] {
            let query = bits.flip(hashes[3].0, radius as usize);
            let plan = Plan::new(&slots, &query, radius, usize::MAX).unwrap();
            let mut found = BTreeMap::new();
            let _ = index.search_buckets(&slots, &plan, &query, radius, &mut |hit| {
                assert_eq!(found.insert(hit.number, (hit.payload, hit.distance)), None, "visited twice");
                ControlFlow::<()>::Continue(())
            });
            prop_assert_eq!(found, brute(&hashes, &query, radius), "radius {}", radius);
        }
    }

    /// Damaged bytes are refused or searched without a panic, and verification sees the damage to buckets.
    #[test]
    fn damaged_bytes(seed: u64, damage in 1usize..40, cut in 0usize..3) {
        let mut bits = Bits(seed);
        let hashes = bits.set(1, SMALLEST_WITH_BUCKETS);
        let mut bytes = build(&hashes, &mut never()).unwrap();
        for _ in 0..damage {
            let at = bits.below(bytes.len());
            bytes[at] = bits.next() as u8;
        }
        bytes.truncate(bytes.len() - cut);
        if let Ok(index) = HashIndex::open(&bytes) {
            let _ = index.verify();
            for radius in [5, 31, 70] {
                let _ = index.search(&hashes[5].0, radius, |_| ControlFlow::<()>::Continue(()));
            }
        }
    }
}

#[test]
fn small_sets_and_stopping() {
    let mut bits = Bits(1);
    for count in [0, 1, 2, 100] {
        let hashes = bits.set(1, count);
        let bytes = build(&hashes, &mut never()).unwrap();
        let index = HashIndex::open(&bytes).unwrap();
        assert_eq!((index.len(), index.is_empty()), (count, count == 0));
        let query = bits.hash();
        assert_eq!(search(&index, &query, 120), brute(&hashes, &query, 120));
    }
    let hashes = bits.set(3, 20_000);
    let bytes = build(&hashes, &mut never()).unwrap();
    let mut visited = 0;
    let flow = HashIndex::open(&bytes).unwrap().search(&hashes[0].0, 31, |hit| {
        visited += 1;
        if visited == 5 {
            ControlFlow::Break(hit.payload)
        } else {
            ControlFlow::Continue(())
        }
    });
    assert!(matches!(flow, ControlFlow::Break(_)));
    assert_eq!(visited, 5);
}

#[test]
fn building_can_be_interrupted_and_is_deterministic() {
    let mut bits = Bits(2);
    let hashes = bits.set(0, 20_000);
    assert_eq!(build(&hashes, &mut || true), Err(CompileError::Interrupted));
    assert_eq!(build(&hashes, &mut never()), build(&hashes, &mut never()));
}

#[test]
fn wrong_bytes() {
    let mut bits = Bits(3);
    let bytes = build(&bits.set(0, 10), &mut never()).unwrap();
    assert!(matches!(HashIndex::open(&[]), Err(OpenError::Damaged(_))));
    assert!(matches!(
        HashIndex::open(&bytes[..bytes.len() - 1]),
        Err(OpenError::Damaged("length"))
    ));
    let mut wrong = bytes.clone();
    wrong[8] = 99;
    assert_eq!(
        HashIndex::open(&wrong).unwrap_err(),
        OpenError::WrongVersion {
            found: 99,
            expected: FORMAT
        }
    );
    let mut bytes = build(&bits.set(0, SMALLEST_WITH_BUCKETS), &mut never()).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert!(HashIndex::open(&bytes).unwrap().verify().is_err());
}
