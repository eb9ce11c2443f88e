//! Tokens of folded text, and the keys they are searched by.
//!
//! A token is a maximal run of characters inside which no word ends (`is_token_char`). So a term that must stand
//! between word boundaries can only begin where a token begins, and when it begins with a token, then with the
//! whole of it.

use crate::fold::simple::is_token_char;

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
/// Stands for the single space between two tokens.
pub(crate) const SPACE: u64 = 0x2545_f491_4f6c_dd1d;
/// Longest stretch between two tokens that is part of a key, in bytes.
pub(crate) const MAX_GAP: usize = 16;

/// One multiplication, both halves of the product.
#[inline]
pub(crate) fn mix(x: u64) -> u64 {
    let product = u128::from(x ^ 0xd6e8_feb8_6659_fd93) * u128::from(MULTIPLIER);
    product as u64 ^ (product >> 64) as u64
}

/// Eight bytes from `at` on; zeros behind the end.
#[inline]
pub(crate) fn load(bytes: &[u8], at: usize) -> u64 {
    if let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        return u64::from_le_bytes(*eight);
    }
    let mut eight = [0; 8];
    for (to, &from) in eight.iter_mut().zip(bytes.get(at..).unwrap_or_default()) {
        *to = from;
    }
    u64::from_le_bytes(eight)
}

/// The lowest `count` (1 to 8) bytes of `x`.
#[inline]
pub(crate) fn low(x: u64, count: usize) -> u64 {
    x & u64::MAX >> (64 - count * 8)
}

/// Hash of `bytes[start..end]`, and whether it has a byte of a character of three bytes or more.
#[inline]
pub(crate) fn hash(bytes: &[u8], start: usize, end: usize) -> (u64, bool) {
    let mut hash = (end - start) as u64;
    let mut long = 0;
    let mut at = start;
    while end - at > 8 {
        let x = load(bytes, at);
        long |= x & x << 1 & x << 2;
        hash = mix(hash ^ x);
        at += 8;
    }
    if at < end {
        let x = low(load(bytes, at), end - at);
        long |= x & x << 1 & x << 2;
        hash = mix(hash ^ x);
    }
    (hash, long & 0x8080_8080_8080_8080 != 0)
}

/// Hash of what stands between two tokens; `None` when that is too long for a key.
#[inline]
pub(crate) fn gap(bytes: &[u8], start: usize, end: usize) -> Option<u64> {
    if end == start + 1 && bytes.get(start) == Some(&b' ') {
        return Some(SPACE);
    }
    (start < end && end - start <= MAX_GAP).then(|| hash(bytes, start, end).0)
}

/// Key of a token by itself.
#[inline]
pub(crate) fn head_key(head: u64) -> u64 {
    mix(head)
}

/// Key of two tokens and what is between.
#[inline]
pub(crate) fn pair_key(head: u64, gap: u64, second: u64) -> u64 {
    mix(head.rotate_left(23) ^ mix(gap ^ second))
}

/// Key of the gram of class `class` that `x` begins with.
#[inline]
pub(crate) fn gram_key(x: u64, class: usize) -> u64 {
    let length = super::GRAMS.get(class).copied().unwrap_or(1);
    mix(low(x, length) ^ (class as u64) << 56)
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
    let (first, _) = hash(bytes, 0, head);
    let rest = term.get(head..).unwrap_or_default();
    let between = rest.find(is_token_char);
    if let Some(between) = between
        && let Some(gap) = gap(bytes, head, head + between)
    {
        let begin = head + between;
        let end = begin + token_end(term.get(begin..).unwrap_or_default());
        let (second, _) = hash(bytes, begin, end);
        return Some((pair_key(first, gap, second), end, true));
    }
    Some((head_key(first), head, false))
}
