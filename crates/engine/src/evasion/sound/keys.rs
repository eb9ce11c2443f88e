//! Words by a key of 64 bits, most of which are refused by one bit.

use std::collections::TryReserveError;

/// Fewest bits of the filter, and bits for a key in it.
const SOME_BITS: u64 = 1 << 14;
const BITS: u64 = 16;

#[derive(Default)]
pub(super) struct Keys {
    /// Key and word, sorted.
    list: Vec<(u64, u32)>,
    /// Which keys there may be, by their lowest bits.
    some: Vec<u64>,
}

impl Keys {
    pub(super) fn add(&mut self, key: u64, word: u32) -> Result<(), TryReserveError> {
        self.list.try_reserve(1)?;
        self.list.push((key, word));
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<(), TryReserveError> {
        self.list.sort_unstable();
        let bits = (self.list.len() as u64 * BITS)
            .clamp(SOME_BITS, 1 << 24)
            .next_power_of_two();
        self.some.try_reserve_exact((bits / 64) as usize)?;
        self.some.resize((bits / 64) as usize, 0);
        for (key, _) in &self.list {
            let bit = key % bits;
            if let Some(word) = self.some.get_mut((bit / 64) as usize) {
                *word |= 1 << (bit % 64);
            }
        }
        Ok(())
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.list.len() * size_of::<(u64, u32)>() + self.some.len() * 8
    }

    /// The words with this key.
    pub(super) fn get(&self, key: u64) -> &[(u64, u32)] {
        // A power of two.
        let bit = key & (self.some.len() as u64 * 64).wrapping_sub(1);
        let word = self.some.get((bit / 64) as usize);
        if word.is_none_or(|w| w & (1 << (bit % 64)) == 0) {
            return &[];
        }
        let from = self.list.partition_point(|k| k.0 < key);
        let same = self.list.get(from..).unwrap_or(&[]);
        let count = same.iter().take_while(|k| k.0 == key).count();
        same.get(..count).unwrap_or(&[])
    }
}
