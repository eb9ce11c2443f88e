//! Tokens of folded text, and the keys they are searched by.
//!
//! A token is a maximal run of characters inside which no word ends (`is_token_char`). So a term that must stand
//! between word boundaries can only begin where a token begins, and when it begins with a token, then with the
//! whole of it.

use crate::fold::simple::is_token_char;

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
/// Longest stretch between two tokens that is part of a key, in bytes.
pub(crate) const MAX_GAP: usize = 16;

/// One multiplication, both halves of the product.
#[inline(always)]
pub(crate) fn mix(x: u64) -> u64 {
    let product = u128::from(x ^ 0xd6e8_feb8_6659_fd93) * u128::from(MULTIPLIER);
    product as u64 ^ (product >> 64) as u64
}

/// Eight bytes from `at` on; zeros behind the end.
#[inline(always)]
pub(crate) fn load(bytes: &[u8], at: usize) -> u64 {
    if let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        return u64::from_le_bytes(*eight);
    }
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(eight) = bytes.last_chunk() {
        let before = 64 - rest.len() as u32 * 8;
        return u64::from_le_bytes(*eight).checked_shr(before).unwrap_or(0);
    }
    let mut eight = [0; 8];
    for (to, &from) in eight.iter_mut().zip(rest) {
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

/// Hash of `bytes[start..end]`. Up to sixteen bytes take the same way, whatever their number: no branch that a processor
/// could guess wrong.
#[inline(always)]
pub(crate) fn hash(bytes: &[u8], start: usize, end: usize) -> u64 {
    let length = end - start;
    let sixteen = bytes.get(start..).and_then(|rest| rest.first_chunk::<16>());
    let (first, second) = match sixteen {
        Some(&[a, b, c, d, e, f, g, h, ref rest @ ..]) => (
            u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            u64::from_le_bytes(*rest),
        ),
        None => (load(bytes, start), load(bytes, start + 8)),
    };
    let mut hash = mix(length as u64 ^ low(first, length));
    hash = mix(hash ^ low(second, length.saturating_sub(8)));
    let mut at = start + 16;
    while at < end {
        hash = mix(hash ^ low(load(bytes, at), end - at));
        at += 8;
    }
    hash
}

/// Hash of what stands between two tokens; `None` when that is too long for a key.
#[inline(always)]
pub(crate) fn gap(bytes: &[u8], start: usize, end: usize) -> Option<u64> {
    let length = end - start;
    if length > 8 {
        return (length <= MAX_GAP).then(|| hash(bytes, start, end));
    }
    (length > 0).then(|| mix(length as u64 ^ low(load(bytes, start), length)))
}

/// Key of a token by itself.
#[inline(always)]
pub(crate) fn head_key(head: u64) -> u64 {
    head
}

/// Key of two tokens and what is between.
#[inline(always)]
pub(crate) fn pair_key(head: u64, gap: u64, second: u64) -> u64 {
    mix(head.rotate_left(23) ^ gap.rotate_left(41) ^ second)
}

/// Key of the gram of class `class` that `x` begins with.
#[inline(always)]
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
