//! At which places of folded text a gram stands that some pattern has, as far as a filter tells.
//!
//! The inner loop for terms that may stand inside words: a text is asked at every second or fourth byte, or at every
//! character, so it is written for processors that do the same to many numbers at once. What the filter lets through is
//! looked up by module `finder`.

use crate::compiled::tokens::{gram_key_of, padded};
use crate::compiled::{GRAMS, GramFilter};
use crate::processor::{Processor, for_this_processor};

for_this_processor! {
    [Avx2] pub(super) fn fast_grams(filter: &GramFilter<'_>, kept: &[u8], from: usize, to: usize, class: usize) -> u64 = grams;
}

/// At which of at most 64 places a gram of the class may stand that some pattern has, as bits.
#[inline(always)]
fn grams(
    processor: impl Processor,
    filter: &GramFilter<'_>,
    kept: &[u8],
    from: usize,
    to: usize,
    class: usize,
) -> u64 {
    // Written out, so that lengths and strides are constants of the loops; the last number is of the bytes that they read.
    macro_rules! of_class {
        ($class:literal) => {
            grams_of::<
                { GRAMS[$class].length },
                { GRAMS[$class].stride },
                { LANES * GRAMS[$class].stride + 8 },
            >(processor, filter, kept, from, to)
        };
    }
    match class {
        0 => of_class!(0),
        1 => of_class!(1),
        2 => of_class!(2),
        3 => of_class!(3),
        4 => of_class!(4),
        _ => of_class!(5),
    }
}

/// Places whose keys are made at once.
const LANES: usize = 16;

/// Key after key, word after word, answer after answer: most of it is done for several places at once, and the reads from the
/// filter do not wait for each other.
#[inline(always)]
fn grams_of<const LENGTH: usize, const STRIDE: usize, const READ: usize>(
    processor: impl Processor,
    filter: &GramFilter<'_>,
    kept: &[u8],
    from: usize,
    to: usize,
) -> u64 {
    let count = (to - from).div_ceil(STRIDE).min(64);
    let (mut keys, mut begins) = ([0u32; 64], [0u8; 64]);
    let lanes = keys.as_chunks_mut().0.iter_mut().zip(begins.as_chunks_mut().0);
    for (n, (keys, begins)) in lanes.enumerate().take(count.div_ceil(LANES)) {
        let rest = kept.get(from + n * LANES * STRIDE..).unwrap_or_default();
        match rest.first_chunk::<READ>() {
            Some(bytes) => gram_keys::<LENGTH, STRIDE>(bytes, keys, begins),
            None => gram_keys::<LENGTH, STRIDE>(&padded::<READ>(rest), keys, begins),
        }
    }
    let mut words = [0u32; 64];
    for (word, &key) in words.iter_mut().zip(&keys).take(count) {
        *word = filter.word(key);
    }
    let mut flags = [0u8; 64];
    for (((flag, &begins), &key), word) in flags.iter_mut().zip(&begins).zip(&keys).zip(words) {
        *flag = begins & (GramFilter::has(word, key) as u8).wrapping_neg();
    }
    processor.gather(&flags)
}

/// Keys of the grams at the first places of `bytes`, and 255 where one begins with a character.
#[inline(always)]
fn gram_keys<const LENGTH: usize, const STRIDE: usize>(
    bytes: &[u8],
    keys: &mut [u32; LANES],
    begins: &mut [u8; LANES],
) {
    let byte = |at: usize| u32::from(bytes.get(at).copied().unwrap_or_default());
    let number = |at: usize, length| (0..length).fold(0, |number, n| number | byte(at + n) << (8 * n));
    for (n, (key, begins)) in keys.iter_mut().zip(begins).enumerate() {
        let at = n * STRIDE;
        let (first, rest) = (
            number(at, LENGTH.min(4)),
            number(at + 4, LENGTH.saturating_sub(4)),
        );
        *key = gram_key_of(first, rest, LENGTH);
        // Grams at every place are those that begin with a character.
        *begins = if STRIDE > 1 || byte(at) & 0xc0 != 0x80 {
            u8::MAX
        } else {
            0
        };
    }
}
