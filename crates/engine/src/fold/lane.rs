//! The vector lane of folding: a block of ASCII and of the Cyrillic letters U+0400–U+045F at once.
//!
//! Both fold byte by byte to the same length: what a byte becomes depends on it and on its two neighbours only. So a block
//! is one pass without a branch or a look-up, which compilers turn into vector instructions of whatever processor they
//! build for; there is no second path that could differ. Not for other letters: the tables of `simple` take those.

use crate::processor::{Processor, for_this_processor};

/// Bytes looked at together.
const LANE: usize = 32;

/// A block, the byte before it and the byte behind it.
type Window = [u8; LANE + 2];

/// The first byte of two of a Cyrillic letter in the lane's range.
#[inline(always)]
fn is_lead(byte: u8) -> bool {
    byte & 0xfe == 0xd0
}

/// Folds the block inside `window`: the folded bytes, and how many of them hold, from the first on. What stops them is a
/// character that is not of the lane, or a space behind a space.
///
/// The byte before the block counts only if it is a space, or the first half of a letter that the block goes on with; pass
/// 0 otherwise. The block must not go on with any other character's rest.
#[inline(always)]
fn fold_block(window: &Window) -> ([u8; LANE], usize) {
    let mut out = [0; LANE];
    let mut bad = [0u8; LANE];
    for n in 0..LANE {
        let (before, byte, after) = (window[n], window[n + 1], window[n + 2]);
        let ascii = byte.wrapping_sub(0x20) < 0x5f;
        let lead = is_lead(byte);
        let rest = is_lead(before);
        let spaces = byte == b' ' && before == b' ';
        // D1 A0 and beyond are older letters.
        let old = before == 0xd1 && byte >= 0xa0;
        bad[n] = u8::from(!(ascii || lead || rest) || spaces || old);
        // ASCII: capitals.
        let lower = byte | u8::from(byte.wrapping_sub(b'A') < 26) << 5;
        // The second half of a letter. Ё and ё are written е; Ѐ–Џ lie 0x50 before their small letters, А–Я 0x20.
        let io = before == 0xd0 && byte == 0x81 || before == 0xd1 && byte == 0x91;
        let moved = match byte & 0xf0 {
            0x80 => 0x10,
            0x90 => 0x20,
            0xa0 => 0xe0,
            _ => 0,
        };
        let small = byte.wrapping_add(if before == 0xd0 { moved } else { 0 });
        let second = if io { 0xb5 } else { small };
        // The first half: what it becomes depends on the second.
        let first = match byte {
            0xd0 => {
                0xd0 | u8::from(after & 0xe0 == 0xa0 && after < 0xb0 || after & 0xf0 == 0x80 && after != 0x81)
            }
            _ => 0xd0 | u8::from(after != 0x91),
        };
        out[n] = if lead {
            first
        } else if rest {
            second
        } else {
            lower
        };
    }
    (out, good(&bad))
}

/// The same of a block that is printable ASCII without two spaces in a row, which is much less work; else `None`.
#[inline(always)]
fn fold_ascii(window: &Window) -> Option<[u8; LANE]> {
    let mut out = [0; LANE];
    let mut bad = 0;
    for n in 0..LANE {
        let (before, byte) = (window[n], window[n + 1]);
        bad |= u8::from(byte.wrapping_sub(0x20) >= 0x5f) | u8::from(byte == b' ') & u8::from(before == b' ');
        out[n] = byte | u8::from(byte.wrapping_sub(b'A') < 26) << 5;
    }
    (bad == 0).then_some(out)
}

/// How many zeros `bad` begins with.
#[inline(always)]
fn good(bad: &[u8; LANE]) -> usize {
    let mut at = 0;
    for eight in bad.as_chunks::<8>().0 {
        let x = u64::from_le_bytes(*eight);
        if x != 0 {
            return at + x.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at
}

for_this_processor! {
    [Avx2]
    /// Folds blocks of `text[at..stop]` onto `out`, as far as they go without a break, and returns where that ends: at a
    /// character boundary. `space`: what was folded last is a space; kept up to date.
    pub(super) fn fold_blocks(text: &[u8], at: usize, stop: usize, space: &mut bool, out: &mut Vec<u8>) -> usize = blocks;
}

#[inline(always)]
fn blocks(
    _: impl Processor,
    text: &[u8],
    mut at: usize,
    stop: usize,
    space: &mut bool,
    out: &mut Vec<u8>,
) -> usize {
    let begin = at;
    if *space && text.get(at) == Some(&b' ') {
        return at;
    }
    while at < stop {
        let before = at.wrapping_sub(1);
        let whole = text.get(before..).and_then(|rest| rest.first_chunk());
        let (folded, good) = match whole {
            Some(window) => fold_ascii(window).map_or_else(|| fold_block(window), |folded| (folded, LANE)),
            None => fold_block(&padded(text, at)),
        };
        let good = good.min(stop - at);
        // All of it and then less again: copies of one length are faster than the right one.
        out.extend_from_slice(&folded);
        out.truncate(out.len() - (LANE - good));
        at += good;
        if good < LANE {
            break;
        }
    }
    if at > begin && text.get(at - 1).copied().is_some_and(is_lead) {
        // A letter whose other half did not follow.
        at -= 1;
        out.pop();
    }
    if at > begin {
        *space = text.get(at - 1) == Some(&b' ');
    }
    at
}

/// A window at the beginning or the end of the text.
fn padded(text: &[u8], at: usize) -> Window {
    let mut window = [0; LANE + 2];
    if at == 0
        && let Some(first) = text.first_chunk::<{ LANE + 1 }>()
        && let Some(behind) = window.last_chunk_mut()
    {
        *behind = *first;
        return window;
    }
    let from = at.saturating_sub(1);
    let rest = text.get(from..).unwrap_or_default();
    for (to, &byte) in window.iter_mut().skip(usize::from(at == 0)).zip(rest) {
        *to = byte;
    }
    window
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::simple::fold_two;

    #[test]
    fn letters_fold_as_the_tables_say() {
        for c in ('\u{400}'..='\u{45f}').chain(' '..='~') {
            let text = format!("x{c}y");
            let mut out = Vec::new();
            let mut space = false;
            assert_eq!(
                fold_blocks(text.as_bytes(), 0, text.len(), &mut space, &mut out),
                text.len()
            );
            let expected = match c.len_utf8() {
                1 => text.to_ascii_lowercase().into_bytes(),
                _ => {
                    let two = fold_two(text.as_bytes()[1], text.as_bytes()[2]).expect("a letter");
                    [&b"x"[..], &two, b"y"].concat()
                }
            };
            assert_eq!(out, expected, "{c:?}");
        }
        for c in
            ('\0'..='\u{7ff}').filter(|c| !('\u{400}'..='\u{45f}').contains(c) && !(' '..='~').contains(c))
        {
            let text = format!("x{c}y");
            let (mut space, mut out) = (false, Vec::new());
            assert_eq!(
                fold_blocks(text.as_bytes(), 0, text.len(), &mut space, &mut out),
                1,
                "{c:?}"
            );
            assert_eq!(out, b"x");
        }
    }

    #[test]
    fn every_offset_and_length() {
        let text = "Ab Яё іїЏ zZ".repeat(12);
        let folded = "ab яе іїџ zz".repeat(12);
        for start in (0..text.len()).filter(|&n| text.is_char_boundary(n)) {
            for end in (start..=text.len()).filter(|&n| text.is_char_boundary(n)) {
                let (mut space, mut out) = (false, Vec::new());
                assert_eq!(
                    fold_blocks(text.as_bytes(), start, end, &mut space, &mut out),
                    end
                );
                assert_eq!(std::str::from_utf8(&out), Ok(&folded[start..end]));
                assert_eq!(space, folded[start..end].ends_with(' '));
            }
        }
        // Blocks of ASCII alone, and with one byte that is none, at every place of a block.
        let ascii: String = ('!'..='~').chain([' ']).cycle().take(4 * LANE).collect();
        let folded = ascii.to_ascii_lowercase();
        for start in 0..=LANE {
            for (stop, breaks) in (start..ascii.len()).flat_map(|n| [(n, "\t"), (n, "é"), (n, "  ")]) {
                let mut text = ascii.clone();
                text.insert_str(stop, breaks);
                let (mut space, mut out) = (false, Vec::new());
                let end = fold_blocks(text.as_bytes(), start, text.len(), &mut space, &mut out);
                let spaces = text
                    .as_bytes()
                    .windows(2)
                    .skip(start)
                    .position(|two| two == b"  ");
                let expected = spaces.map_or(stop, |n| (start + n + 1).min(text.len()));
                assert_eq!(end, expected, "{start} {stop} {breaks:?}");
                assert!(
                    folded
                        .as_bytes()
                        .get(start..end.min(stop))
                        .is_some_and(|f| out.starts_with(f))
                );
            }
        }
        let (mut space, mut out) = (true, Vec::new());
        assert_eq!(fold_blocks(b" a", 0, 2, &mut space, &mut out), 0);
        assert_eq!(fold_blocks(b"a  b", 0, 4, &mut space, &mut out), 2);
        assert!(space && out == b"a ");
    }
}
