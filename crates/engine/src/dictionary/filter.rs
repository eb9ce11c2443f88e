//! The set of words as bits: a Bloom filter (B. Bloom, 1970) with double hashing (Kirsch and Mitzenmacher, 2006).
//! Compiled twice: into the build script, which fills it, and into the engine, which asks it.

/// Bits looked at for a word. With 12 bits a word in the filter, one string in about 300 is taken for a known word.
const PROBES: u64 = 8;

/// FNV-1a of no bytes.
pub(crate) const START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a of one more byte.
#[inline]
pub(crate) fn add(h: u64, byte: u8) -> u64 {
    (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

/// The finaliser of SplitMix64: with FNV-1a, the same on every machine.
#[inline]
fn finish(mut h: u64) -> u64 {
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}

/// The bits of a word, of which this is the FNV-1a, in a filter of `bits` bits.
#[inline]
pub(crate) fn places(h: u64, bits: u64) -> impl Iterator<Item = (usize, u8)> {
    let h = finish(h);
    let step = h.rotate_left(32) | 1;
    (0..PROBES).map(move |n| {
        let bit = h.wrapping_add(n.wrapping_mul(step)) % bits.max(1);
        ((bit / 8) as usize, 1 << (bit % 8))
    })
}
