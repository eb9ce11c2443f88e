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
    u64::from_le_bytes(padded(bytes.get(at..).unwrap_or_default()))
}

/// The bytes with zeros behind them, or as many of them as asked for.
#[inline(always)]
pub(crate) fn padded<const LENGTH: usize>(bytes: &[u8]) -> [u8; LENGTH] {
    let mut out = [0; LENGTH];
    out.iter_mut().zip(bytes).for_each(|(to, &from)| *to = from);
    out
}

/// The lowest `count` bytes of `x`; all of them from eight on.
#[inline(always)]
pub(crate) fn low(x: u64, count: usize) -> u64 {
    match count {
        0..8 => x & ((1 << (count * 8)) - 1),
        _ => x,
    }
}

/// A token with what stands behind it, as far as its hash and the gap to the next token are read from at once.
pub(crate) type Window = [u8; 48];

/// Both halves of a product, as one number (after wyhash, Wang Yi).
#[inline(always)]
fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Hash of a token of `length` bytes, at least one, and the eight bytes behind it; `None` for a long one.
///
/// Up to sixteen bytes of ASCII, or 32 of another script, take the same way whatever their number, so that a processor cannot guess
/// wrong: the first eight bytes and the last, or sixteen each, which may be the same ones. Which of the two ways it is changes
/// seldom within a text.
#[inline(always)]
pub(crate) fn hash_and_behind(window: &Window, length: usize) -> Option<(u64, u64)> {
    // Of fewer than eight bytes: those behind them are shifted out.
    let beyond = 64 - length.min(8) as u32 * 8;
    let from = |at| load(window, at).wrapping_shl(beyond);
    let last = length.max(8) - 8;
    match window[0] < 0x80 {
        true if length <= 16 => {
            let hash = multiply(from(0) ^ FIRST, from(last) ^ SECOND ^ length as u64);
            Some((hash, load(window, length)))
        }
        false if length <= 32 => {
            let outer = multiply(from(0) ^ FIRST, from(last) ^ SECOND ^ length as u64);
            let inner = (from(last.min(8)), from(length.max(16) - 16));
            let inner = multiply(inner.0 ^ SECOND.rotate_left(16), inner.1 ^ FIRST.rotate_left(16));
            Some((outer ^ inner, load(window, length)))
        }
        _ => None,
    }
}

/// Hash of `bytes[start..end]`, which are at least one.
pub(crate) fn hash(bytes: &[u8], start: usize, end: usize) -> u64 {
    let token = bytes.get(start..end).unwrap_or_default();
    match hash_and_behind(&padded(token), token.len()) {
        Some((hash, _)) => hash,
        None => hash_of_long(token),
    }
}

#[cold]
fn hash_of_long(token: &[u8]) -> u64 {
    let all = (0..token.len()).step_by(8);
    all.fold(token.len() as u64, |hash, at| mix(hash ^ load(token, at)))
}

/// What stands between two tokens, as a number; 0 when that is nothing, or too long for a key. `behind`: eight bytes from
/// `start` on.
#[inline(always)]
pub(crate) fn gap(bytes: &[u8], start: usize, end: usize, behind: u64) -> u64 {
    match end - start {
        length @ 1..=8 => behind << (64 - length * 8),
        9..=MAX_GAP => hash(bytes, start, end).max(1),
        _ => 0,
    }
}

/// Key of a token by itself.
#[inline(always)]
pub(crate) fn head_key(head: u64) -> u64 {
    head
}

/// Key of two tokens and of what is between (see [`gap`]), or [`NO_PAIR`]. The two hashes are good numbers already.
#[inline(always)]
pub(crate) fn pair_key(head: u64, gap: u64, second: u64) -> u64 {
    match gap {
        0 => NO_PAIR,
        _ => (head.rotate_left(23) ^ second ^ gap).max(1),
    }
}

/// In place of the key of a pair: there is none.
pub(crate) const NO_PAIR: u64 = 0;

/// Key of the beginning of class `class` that `x` begins with.
#[inline(always)]
pub(crate) fn start_key(x: u64, class: usize) -> u64 {
    let length = super::STARTS.get(class).copied().unwrap_or(1);
    mix(low(x, length) ^ (class as u64) << 56)
}

/// Key of the gram of `length` (1 to 8) bytes that `x` begins with, for the filter of grams.
pub(super) fn gram_key(x: u64, length: usize) -> u32 {
    let x = low(x, length);
    gram_key_of(x as u32, (x >> 32) as u32, length)
}

/// The same of the gram's first four bytes and the rest, zeros behind them: in numbers of 32 bits, of which a processor
/// multiplies many at once. Upper and middle bits are good.
#[inline(always)]
pub(crate) fn gram_key_of(four: u32, rest: u32, length: usize) -> u32 {
    // Other multipliers for each length, so that a shorter gram is not what a longer one begins with.
    let salt = length as u32 * 2;
    let sum = four
        .wrapping_mul(0x9e37_79b1 + salt)
        .wrapping_add(rest.wrapping_mul(0x85eb_ca77 + salt));
    (sum ^ sum >> 15).wrapping_mul(0xc2b2_ae3d)
}

/// The same for the table of grams, where all bits have to be good.
#[inline(always)]
pub(crate) fn gram_table_key(x: u64, length: usize) -> u64 {
    mix(low(x, length) ^ (length as u64) << 56)
}

/// Bytes of a margin: they refuse most grams that stand in a text. With more of them more terms would have none.
pub(super) const MARGIN: usize = 2;

/// Where a pattern has the bytes that are looked for beside its gram.
#[derive(Clone, Copy)]
pub(crate) enum Margin {
    Behind,
    Before,
    /// It is too short.
    Nowhere,
}

/// Key of a gram of `length` bytes at `at` together with its margin; `gram` is its key in the table.
#[inline(always)]
pub(crate) fn margin_key(gram: u64, bytes: &[u8], at: usize, length: usize, margin: Margin) -> u64 {
    let beside = match margin {
        Margin::Behind => load(bytes, at + length),
        // No pattern that has bytes before its gram stands where the text has none.
        Margin::Before => at.checked_sub(MARGIN).map_or(0, |from| load(bytes, from)),
        Margin::Nowhere => 0,
    };
    mix(gram ^ (low(beside, MARGIN) << 2 | margin as u64))
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
        && let gap @ 1.. = gap(bytes, head, head + between, load(bytes, head))
    {
        let begin = head + between;
        let end = begin + token_end(term.get(begin..).unwrap_or_default());
        let second = hash(bytes, begin, end);
        return Some((pair_key(first, gap, second), end, true));
    }
    Some((head_key(first), head, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_the_token_alone() {
        let texts = [
            "abcdefghijklmnopqrstuvwxyz0123456789".repeat(4),
            "абвгдежзийклмнопрстуфхцчшщ".repeat(3),
        ];
        let mut hashes = std::collections::HashSet::new();
        for text in texts.iter().map(String::as_bytes) {
            for start in (0..40).step_by(2) {
                for length in 1..=44 {
                    let end = start + length;
                    let expected = hash(text.get(..end).expect("long enough"), start, end);
                    assert_eq!(hash(text, start, end), expected, "{start} {length}");
                    let window = text
                        .get(start..)
                        .and_then(|rest| rest.first_chunk())
                        .expect("long enough");
                    if let Some((found, behind)) = hash_and_behind(window, length) {
                        assert_eq!(found, expected, "{start} {length}");
                        assert_eq!(behind, load(text, end), "{start} {length}");
                    }
                    hashes.insert((expected, text.get(start..end)));
                }
            }
        }
        let different: std::collections::HashSet<u64> = hashes.iter().map(|h| h.0).collect();
        assert_eq!(different.len(), hashes.len());
    }
}
