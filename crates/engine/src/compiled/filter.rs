//! Sets of 64-bit keys: a filter that fits the processor's cache and says no most of the time, and a table that says
//! what a key stands for. Keys are hashes of parts of text, see [`super::tokens`].

/// Most bytes of a filter: what a core's own cache holds on today's servers.
const MAX_FILTER: usize = 1024 * 1024;
const MIN_FILTER: usize = 4 * 1024;
/// Bits of a filter per key, as long as it is not at its greatest size.
const BITS_PER_KEY: usize = 16;

/// A blocked Bloom filter (Putze, Sanders, Singler 2007): the three bits of a key lie in one word.
#[derive(Clone, Copy)]
pub(crate) struct Filter<'b> {
    words: &'b [[u8; 8]],
    /// The upper bits of a key that number its word: 64 less than how many there are.
    shift: u32,
}

fn bits(key: u64) -> u64 {
    1 << (key & 63) | 1 << (key >> 6 & 63) | 1 << (key >> 12 & 63)
}

/// The bytes of a filter; none if they are of a damaged length.
fn sound(words: &[u8]) -> &[u8] {
    match words.len() >= MIN_FILTER && words.len().is_power_of_two() {
        true => words,
        false => &[],
    }
}

/// For a filter of `bytes` bytes, a power of two.
fn shift(bytes: usize) -> u32 {
    64 - (bytes / 8).max(2).trailing_zeros()
}

impl<'b> Filter<'b> {
    pub(crate) fn new(words: &'b [u8]) -> Self {
        let bytes = sound(words);
        Self {
            words: bytes.as_chunks().0,
            shift: shift(bytes.len()),
        }
    }

    /// The word that has the bits of a key.
    #[inline(always)]
    fn word(&self, key: u64) -> u64 {
        let word = self.words.get((key >> self.shift) as usize);
        word.map_or(0, |&word| u64::from_le_bytes(word))
    }

    /// `false`: the key is not in the set.
    #[inline(always)]
    pub(crate) fn may_have(&self, key: u64) -> bool {
        let word = self.word(key);
        word >> (key & 63) & word >> (key >> 6 & 63) & word >> (key >> 12 & 63) & 1 != 0
    }
}

/// A filter that is asked at every few bytes of a text: keys and words are of 32 bits, so that a processor makes many keys
/// at once; two bits of a word are a key's.
#[derive(Clone, Copy)]
pub(crate) struct GramFilter<'b> {
    words: &'b [[u8; 4]],
    /// The upper bits of a key that number its word: 32 less than how many there are.
    shift: u32,
}

fn gram_shift(bytes: usize) -> u32 {
    32 - (bytes / 4).max(2).trailing_zeros()
}

/// Which bits of its word are a key's: other bits of the key than those that number the word.
#[inline(always)]
fn gram_bits(key: u32) -> [u32; 2] {
    [key >> 9 & 31, key >> 4 & 31]
}

impl<'b> GramFilter<'b> {
    pub(super) fn new(words: &'b [u8]) -> Self {
        let bytes = sound(words);
        Self {
            words: bytes.as_chunks().0,
            shift: gram_shift(bytes.len()),
        }
    }

    /// The word that has the bits of a key, for [`Self::has`].
    #[inline(always)]
    pub(crate) fn word(&self, key: u32) -> u32 {
        let word = self.words.get((key >> self.shift) as usize);
        word.map_or(0, |&word| u32::from_le_bytes(word))
    }

    /// 0: the gram of this key, whose word this is, is not in the set; otherwise 1.
    #[inline(always)]
    pub(crate) fn has(word: u32, key: u32) -> u32 {
        let [one, other] = gram_bits(key);
        word >> one & word >> other & 1
    }
}

/// Bytes of a filter over these keys.
pub(super) fn build_filter(keys: impl ExactSizeIterator<Item = u64>) -> Vec<u8> {
    build(keys, (BITS_PER_KEY, MAX_FILTER))
}

/// The same, up to twice as large.
pub(crate) fn build_large_filter(keys: impl ExactSizeIterator<Item = u64>) -> Vec<u8> {
    build(keys, (BITS_PER_KEY, 2 * MAX_FILTER))
}

/// The same for grams.
pub(super) fn build_gram_filter(keys: impl ExactSizeIterator<Item = u32>) -> Vec<u8> {
    let mut bytes = empty(keys.len(), (2 * BITS_PER_KEY, MAX_FILTER));
    let shift = gram_shift(bytes.len());
    let (words, _) = bytes.as_chunks_mut::<4>();
    for key in keys {
        if let Some(word) = words.get_mut((key >> shift) as usize) {
            let [one, other] = gram_bits(key);
            *word = (u32::from_le_bytes(*word) | 1 << one | 1 << other).to_le_bytes();
        }
    }
    bytes
}

/// Of the length for so many keys; of none without any.
fn empty(keys: usize, (per_key, most): (usize, usize)) -> Vec<u8> {
    match keys {
        0 => Vec::new(),
        _ => vec![0; (keys * per_key / 8).clamp(MIN_FILTER, most).next_power_of_two()],
    }
}

fn build(keys: impl ExactSizeIterator<Item = u64>, size: (usize, usize)) -> Vec<u8> {
    let mut bytes = empty(keys.len(), size);
    let shift = shift(bytes.len());
    let (words, _) = bytes.as_chunks_mut::<8>();
    for key in keys {
        if let Some(word) = words.get_mut((key >> shift) as usize) {
            *word = (u64::from_le_bytes(*word) | bits(key)).to_le_bytes();
        }
    }
    bytes
}

/// From keys to numbers: open addressing, a slot is the upper half of the key and the number. Several keys may look
/// alike, and a key may have several numbers.
#[derive(Clone, Copy)]
pub(crate) struct Table<'b> {
    slots: &'b [u8],
    mask: usize,
}

const SLOT: usize = 8;

impl<'b> Table<'b> {
    pub(super) fn new(slots: &'b [u8]) -> Self {
        let count = slots.len() / SLOT;
        let mask = if count.is_power_of_two() { count - 1 } else { 0 };
        Self { slots, mask }
    }

    /// The numbers of a key; possibly others.
    #[inline]
    pub(crate) fn get(&self, key: u64) -> impl Iterator<Item = u32> + use<'b> {
        let Self { slots, mask } = *self;
        let tag = (key >> 32) as u32;
        let first = key as usize & mask;
        (0..slots.len() / SLOT)
            .map_while(move |step| {
                let at = ((first + step) & mask) * SLOT;
                let slot: &[u8; SLOT] = slots.get(at..)?.first_chunk()?;
                let slot = u64::from_le_bytes(*slot);
                let number = slot as u32;
                (number != super::NONE_U32).then_some(((slot >> 32) as u32, number))
            })
            .filter(move |&(t, _)| t == tag)
            .map(|(_, number)| number)
    }
}

/// Bytes of a table over these keys and their numbers.
pub(super) fn build_table(pairs: &[(u64, u32)]) -> Vec<u8> {
    if pairs.is_empty() {
        return Vec::new();
    }
    let count = (pairs.len() + pairs.len() / 2 + 1).next_power_of_two();
    let mask = count - 1;
    let empty = u64::from(super::NONE_U32);
    let mut slots = vec![0u8; count * SLOT];
    let (all, _) = slots.as_chunks_mut::<SLOT>();
    all.fill(empty.to_le_bytes());
    for &(key, number) in pairs {
        let mut at = key as usize & mask;
        while all.get(at).is_some_and(|&slot| slot != empty.to_le_bytes()) {
            at = (at + 1) & mask;
        }
        if let Some(slot) = all.get_mut(at) {
            *slot = (key >> 32 << 32 | u64::from(number)).to_le_bytes();
        }
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compiled::tokens::mix;

    #[test]
    fn every_key_is_found_and_few_others() {
        let keys: Vec<u64> = (0..10_000).map(mix).collect();
        let bytes = build_filter(keys.iter().copied());
        let filter = Filter::new(&bytes);
        assert!(keys.iter().all(|&k| filter.may_have(k)));
        let others = (10_000..110_000).filter(|&n| filter.may_have(mix(n))).count();
        assert!(others < 2_000, "{others} of 100,000");
        let pairs: Vec<(u64, u32)> = keys.iter().zip(0..).map(|(&k, n)| (k, n)).collect();
        let bytes = build_table(&pairs);
        let table = Table::new(&bytes);
        for &(key, number) in &pairs {
            assert!(table.get(key).any(|n| n == number));
        }
        assert!(Table::new(&[]).get(1).next().is_none());
        assert!(!Filter::new(&[]).may_have(1));
    }

    #[test]
    fn damaged_tables_end() {
        let full = vec![0; 64];
        assert_eq!(Table::new(&full).get(0).count(), 8);
        assert!(Table::new(&full[..24]).get(0).count() <= 3);
    }
}
