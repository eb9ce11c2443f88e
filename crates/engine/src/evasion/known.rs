//! Sets of keys that say "no" at once, and what is filed under the keys that they know.
//!
//! Keys are hashes already, of which two may be equal by chance: whoever asks has to look at what is filed.

use crate::compiled::tokens::mix;
use std::collections::TryReserveError;

/// A blocked Bloom filter, as those of the compiled set.
#[derive(Default)]
pub(super) struct Known {
    words: Vec<u64>,
    shift: u32,
}

fn bits(key: u64) -> u64 {
    1 << (key & 63) | 1 << (key >> 6 & 63) | 1 << (key >> 12 & 63)
}

impl Known {
    /// With 16 bits a key, and at most 2 MiB.
    pub(super) fn new(keys: impl ExactSizeIterator<Item = u64>) -> Result<Self, TryReserveError> {
        let count = (keys.len() / 4).clamp(64, 256 * 1024).next_power_of_two();
        let mut words = Vec::new();
        words.try_reserve_exact(count)?;
        words.resize(count, 0);
        let shift = 64 - count.trailing_zeros();
        for key in keys {
            let key = mix(key);
            if let Some(word) = words.get_mut((key >> shift) as usize) {
                *word |= bits(key);
            }
        }
        Ok(Self { words, shift })
    }

    #[inline]
    pub(super) fn has(&self, key: u64) -> bool {
        let key = mix(key);
        let bits = bits(key);
        self.words
            .get((key >> self.shift) as usize)
            .is_some_and(|word| word & bits == bits)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.words.len() * size_of::<u64>()
    }
}

/// Most of what is filed under one key that is looked at.
const MAX_SAME: usize = 64;

/// Numbers filed by key: a filter, and behind it lists by the highest bits of the key.
#[derive(Default)]
pub(super) struct Filed {
    filter: Known,
    /// `list[starts[n]..starts[n + 1]]` are those whose key begins with the bits of `n`: more of the key, and the number.
    starts: Vec<u32>,
    list: Vec<(u32, u32)>,
    shift: u32,
}

impl Filed {
    pub(super) fn new(keys: &[(u64, u32)]) -> Result<Self, TryReserveError> {
        let count = keys.len().clamp(2, 1 << 24).next_power_of_two();
        let shift = 64 - count.trailing_zeros();
        let place = |key: u64| (key >> shift) as usize;
        let mut starts: Vec<u32> = Vec::new();
        starts.try_reserve_exact(count + 1)?;
        starts.resize(count + 1, 0);
        for &(key, _) in keys {
            if let Some(n) = starts.get_mut(place(mix(key)) + 1) {
                *n += 1;
            }
        }
        let mut sum = 0;
        for n in &mut starts {
            sum += *n;
            *n = sum;
        }
        let mut list = Vec::new();
        list.try_reserve_exact(keys.len())?;
        list.resize(keys.len(), (0, 0));
        // Filled from behind, so that the ends become the starts.
        for &(key, number) in keys {
            let key = mix(key);
            if let Some(end) = starts.get_mut(place(key) + 1) {
                *end -= 1;
                if let Some(slot) = list.get_mut(*end as usize) {
                    *slot = (key as u32, number);
                }
            }
        }
        starts.remove(0);
        starts.push(list.len() as u32);
        Ok(Self {
            filter: Known::new(keys.iter().map(|k| k.0))?,
            starts,
            list,
            shift,
        })
    }

    /// May something be filed under this key?
    #[inline]
    pub(super) fn has(&self, key: u64) -> bool {
        self.filter.has(key)
    }

    /// Does something filed under this key fit? Where very much is filed, it does.
    #[inline]
    pub(super) fn any(&self, key: u64, fits: impl FnMut(u32) -> bool) -> bool {
        self.filter.has(key) && self.any_of(key, fits)
    }

    fn any_of(&self, key: u64, mut fits: impl FnMut(u32) -> bool) -> bool {
        let key = mix(key);
        let place = (key >> self.shift) as usize;
        let (Some(&from), Some(&to)) = (self.starts.get(place), self.starts.get(place + 1)) else {
            return false;
        };
        let list = self.list.get(from as usize..to as usize).unwrap_or(&[]);
        let same = list.iter().filter(|slot| slot.0 == key as u32);
        same.enumerate().any(|(n, slot)| n == MAX_SAME || fits(slot.1))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.filter.heap_bytes() + self.starts.len() * 4 + self.list.len() * size_of::<(u32, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filed_is_found() {
        let keys: Vec<(u64, u32)> = (0..1_000_u32).map(|n| (u64::from(n / 3) * 7, n)).collect();
        let filed = Filed::new(&keys).expect("there is memory");
        for &(key, number) in &keys {
            assert!(filed.any(key, |n| n == number), "{number}");
        }
        assert!(!filed.any(7, |n| n > 5));
        assert!((0..1_000).all(|n| !filed.any(n * 7 + 1, |_| true)));
        assert!(Filed::new(&[]).is_ok_and(|none| !none.any(0, |_| true)));
        let many: Vec<(u64, u32)> = (0..100).map(|n| (1, n)).collect();
        assert!(Filed::new(&many).is_ok_and(|all| all.any(1, |_| false)));
    }
}
