//! Tokens of folded text, and the keys they are searched by.
//!
//! A token is a maximal run of characters inside which no word ends (`is_token_char`). So a term that must stand
//! between word boundaries can only begin where a token begins, and when it begins with a token, then with the
//! whole of it.

use crate::fold::simple::is_token_char;

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
/// Odd, and in no text: the first byte of none is a continuation.
const FIRST: u64 = 0xd6e8_feb8_6659_fd93;
const SECOND: u64 = MULTIPLIER;
/// Longest stretch between two tokens that is part of a key, in bytes.
pub(crate) const MAX_GAP: usize = 16;

/// One multiplication, both halves of the product.
#[inline(always)]
pub(crate) fn mix(x: u64) -> u64 {
    let product = u128::from(x ^ FIRST) * u128::from(MULTIPLIER);
    product as u64 ^ (product >> 64) as u64
}

/// What undoes a multiplication by an odd number: Newton's iteration.
pub(crate) const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut n = 0;
    while n < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        n += 1;
    }
    inverse
}

/// Eight bytes from `at` on; zeros behind the end.
#[inline(always)]
pub(crate) fn load(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(eight) => u64::from_le_bytes(*eight),
        None => load_last(bytes, at),
    }
}

#[cold]
fn load_last(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    for (to, &from) in eight.iter_mut().zip(bytes.get(at..).unwrap_or_default()) {
        *to = from;
    }
    u64::from_le_bytes(eight)
}

/// The lowest `count` bytes of `x`; all of them from eight on.
#[inline(always)]
pub(crate) fn low(x: u64, count: usize) -> u64 {
    match count {
        0..8 => x & ((1 << (count * 8)) - 1),
        _ => x,
    }
}

/// Hash of `bytes[start..end]`, which are at least one: the first eight and the last eight bytes, which may be the same ones, in
/// one multiplication (after wyhash, Wang Yi). Up to sixteen bytes take the same way, whatever their number: no branch that a
/// processor could guess wrong.
#[inline(always)]
pub(crate) fn hash(bytes: &[u8], start: usize, end: usize) -> u64 {
    let length = end - start;
    // Fewer than eight: those behind the token are shifted out of both.
    let beyond = 64 - length.min(8) as u32 * 8;
    let first = load(bytes, start).wrapping_shl(beyond);
    let mut at = end.saturating_sub(8).max(start);
    let last = load(bytes, at).wrapping_shl(beyond);
    let product = u128::from(first ^ FIRST) * u128::from(last ^ SECOND ^ length as u64);
    let mut hash = product as u64 ^ (product >> 64) as u64;
    while at > start + 8 {
        at = (at - 8).max(start + 8);
        hash = mix(hash ^ load(bytes, at));
    }
    hash
}

/// What stands between two tokens, as a number; `None` when that is nothing, or too long for a key.
#[inline(always)]
pub(crate) fn gap(bytes: &[u8], start: usize, end: usize) -> Option<u64> {
    let length = end - start;
    if length > 8 {
        return (length <= MAX_GAP).then(|| hash(bytes, start, end));
    }
    (length > 0).then(|| low(load(bytes, start), length))
}

/// Key of a token by itself.
#[inline(always)]
pub(crate) fn head_key(head: u64) -> u64 {
    head
}

/// Key of two tokens and what is between; never [`NO_PAIR`]. The two hashes are good numbers already.
#[inline(always)]
pub(crate) fn pair_key(head: u64, gap: u64, second: u64) -> u64 {
    (head.rotate_left(23) ^ second ^ gap.wrapping_mul(MULTIPLIER)).max(1)
}

/// In place of the key of a pair: there is none.
pub(crate) const NO_PAIR: u64 = 0;

/// Key of the beginning of class `class` that `x` begins with.
#[inline(always)]
pub(crate) fn start_key(x: u64, class: usize) -> u64 {
    let length = super::STARTS.get(class).copied().unwrap_or(1);
    mix(low(x, length) ^ (class as u64) << 56)
}

/// Key of the gram of `length` (1 to 8) bytes that `x` begins with, for the filter of grams: one multiplication, of which
/// the upper bits are good.
#[inline(always)]
pub(crate) fn gram_key(x: u64, length: usize) -> u64 {
    // Another multiplier for each length, so that a shorter gram is not what a longer one begins with.
    (x << (64 - length.clamp(1, 8) * 8)).wrapping_mul(MULTIPLIER.wrapping_add(length as u64 * 2))
}

/// The same for the table of grams, where all bits have to be good.
#[inline(always)]
pub(crate) fn gram_table_key(x: u64, length: usize) -> u64 {
    mix(low(x, length) ^ (length as u64) << 56)
}

/// Bits of [`glance`].
pub(super) const GLANCE_BITS: u32 = 18;

/// A short hash of the first `length` (1 to 8) bytes of a pattern, or of what stands in its place.
#[inline]
pub(crate) fn glance(x: u64, length: usize) -> u64 {
    mix(low(x, length.clamp(1, 8))) >> (64 - GLANCE_BITS)
}

/// The end of the token that `text` begins with; 0 for none.
fn token_end(text: &str) -> usize {
    text.find(|c| !is_token_char(c)).unwrap_or(text.len())
}

/// How a folded term that must begin and end at word boundaries is searched: its key, the length of what the key
/// stands for, and whether that is two tokens. `None`: it begins with no token.
pub(crate) fn key_of(term: &str) -> Option<(u64, usize, bool)> {
    let head = token_end(term);
    if head == 0 {
        return None;
    }
    let bytes = term.as_bytes();
    let first = hash(bytes, 0, head);
    let rest = term.get(head..).unwrap_or_default();
    let between = rest.find(is_token_char);
    if let Some(between) = between
        && let Some(gap) = gap(bytes, head, head + between)
    {
        let begin = head + between;
        let end = begin + token_end(term.get(begin..).unwrap_or_default());
        let second = hash(bytes, begin, end);
        return Some((pair_key(first, gap, second), end, true));
    }
    Some((head_key(first), head, false))
}
