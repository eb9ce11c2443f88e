//! Sets of keys that say "no" at once, and what is filed under the keys that they know; searched where they lie.
//!
//! Keys are hashes already, of which two may be equal by chance: whoever asks has to look at what is filed.

use crate::CompileError;
use crate::compiled::tokens::mix;
use crate::compiled::{Filter, build_large_filter, no_memory};

/// The filters of the compiled set, over keys that need not be good in all bits.
#[derive(Clone, Copy)]
pub(super) struct Known<'b>(Filter<'b>);

impl<'b> Known<'b> {
    pub(super) fn new(part: &'b [u8]) -> Self {
        Self(Filter::new(part))
    }

    pub(super) fn build(keys: impl ExactSizeIterator<Item = u64>) -> Vec<u8> {
        build_large_filter(keys.map(mix))
    }

    #[inline]
    pub(super) fn has(&self, key: u64) -> bool {
        self.0.may_have(mix(key))
    }
}

/// Most of what is filed under one key that is looked at.
const MAX_SAME: usize = 64;

/// Most places of lists.
const MAX_PLACES: usize = 1 << 24;

/// Numbers filed by key: a filter, and behind it lists by the highest bits of the key.
#[derive(Clone, Copy)]
pub(super) struct Filed<'b> {
    filter: Known<'b>,
    /// `list[starts[n]..starts[n + 1]]` are those whose key begins with the bits of `n`: more of the key, and the number.
    starts: &'b [[u8; 4]],
    list: &'b [[u8; 8]],
    shift: u32,
}

impl<'b> Filed<'b> {
    pub(super) fn new([filter, starts, list]: [&'b [u8]; 3]) -> Self {
        let starts = starts.as_chunks().0;
        let count = starts.len().saturating_sub(1);
        // Of a damaged length: one that has nothing.
        let (starts, count) = match count > 1 && count.is_power_of_two() {
            true => (starts, count),
            false => (&[][..], 2),
        };
        Self {
            filter: Known::new(filter),
            starts,
            list: list.as_chunks().0,
            shift: 64 - count.trailing_zeros(),
        }
    }

    /// Its parts, for keys and their numbers; those of one key stay in their order.
    pub(super) fn build(keys: &[(u64, u32)]) -> Result<[Vec<u8>; 3], CompileError> {
        if keys.is_empty() {
            return Ok([const { Vec::new() }; 3]);
        }
        let count = keys.len().clamp(2, MAX_PLACES).next_power_of_two();
        let shift = 64 - count.trailing_zeros();
        let place = |key: u64| (key >> shift) as usize;
        let mut starts: Vec<u32> = Vec::new();
        starts.try_reserve_exact(count + 1).map_err(no_memory)?;
        starts.resize(count + 1, 0);
        for &(key, _) in keys {
            if let Some(n) = starts.get_mut(place(mix(key))) {
                *n += 1;
            }
        }
        let mut sum = 0;
        for n in &mut starts {
            sum += *n;
            *n = sum;
        }
        let mut list = Vec::new();
        list.try_reserve_exact(keys.len()).map_err(no_memory)?;
        list.resize(keys.len(), [0; 8]);
        // Filled from behind, so that the ends become the starts.
        for &(key, number) in keys.iter().rev() {
            let key = mix(key);
            if let Some(end) = starts.get_mut(place(key)) {
                *end -= 1;
                if let Some(slot) = list.get_mut(*end as usize) {
                    *slot = (u64::from(key as u32) | u64::from(number) << 32).to_le_bytes();
                }
            }
        }
        let mut ends = Vec::new();
        ends.try_reserve_exact(starts.len() * 4).map_err(no_memory)?;
        ends.extend(starts.iter().flat_map(|n| n.to_le_bytes()));
        let filter = Known::build(keys.iter().map(|k| k.0));
        Ok([filter, ends, list.into_flattened()])
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
        let mut same = self.filed(key).enumerate();
        same.any(|(n, number)| n == MAX_SAME || fits(number))
    }

    /// All that is filed under this key.
    pub(super) fn get(&self, key: u64) -> impl Iterator<Item = u32> + use<'b> {
        self.filter
            .has(key)
            .then(|| self.filed(key))
            .into_iter()
            .flatten()
    }

    fn filed(&self, key: u64) -> impl Iterator<Item = u32> + use<'b> {
        let key = mix(key);
        let place = (key >> self.shift) as usize;
        let start = |n: usize| {
            self.starts
                .get(n)
                .map_or(0, |&four| u32::from_le_bytes(four) as usize)
        };
        let list = self.list.get(start(place)..start(place + 1)).unwrap_or_default();
        let slots = list.iter().map(|&slot| u64::from_le_bytes(slot));
        let same = slots.filter(move |&slot| slot as u32 == key as u32);
        same.map(|slot| (slot >> 32) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filed_is_found() {
        let keys: Vec<(u64, u32)> = (0..1_000_u32).map(|n| (u64::from(n / 3) * 7, n)).collect();
        let parts = Filed::build(&keys).expect("there is memory");
        let filed = Filed::new(parts.each_ref().map(Vec::as_slice));
        for &(key, number) in &keys {
            assert!(filed.any(key, |n| n == number), "{number}");
            let first = number / 3 * 3;
            assert!(
                filed.get(key).eq(first..(first + 3).min(1_000)),
                "in their order: {number}"
            );
        }
        assert!(!filed.any(7, |n| n > 5));
        assert!((0..1_000).all(|n| !filed.any(n * 7 + 1, |_| true)));
        let none = Filed::new([&[]; 3]);
        assert!(!none.any(0, |_| true) && none.get(0).next().is_none());
        let many: Vec<(u64, u32)> = (0..100).map(|n| (1, n)).collect();
        let parts = Filed::build(&many).expect("there is memory");
        assert!(Filed::new(parts.each_ref().map(Vec::as_slice)).any(1, |_| false));
    }
}
