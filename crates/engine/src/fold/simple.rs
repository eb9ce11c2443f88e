//! Characters that fold by themselves to one character of the same length, as tables: the fast lanes of folding.
//!
//! Every character here begins a normalisation segment, is never removed, and folds to what the slow path folds it
//! to when nothing combines with it; a test compares all of them with it. Not for deciding what a character is:
//! most that are missing here are only rarer, or fold to another length.

/// White space of one byte that folds to a space.
pub(super) fn is_ascii_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | 0x1c..=0x1f | b' ')
}

/// ASCII that folds by itself: everything printable. A space after a space does not.
pub(super) fn is_plain_ascii(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte)
}

const fn two_bytes(c: u32) -> u32 {
    match c {
        // Latin-1, Latin Extended-A.
        0xd7 | 0xdf | 0xf7 => 0,
        0xc0..=0xde => c + 0x20,
        0xe0..=0xff => c,
        0x130..=0x133 | 0x138 | 0x13f | 0x140 | 0x149 | 0x17f => 0,
        0x178 => 0xff,
        0x139..=0x148 | 0x179..=0x17e => c + (c & 1),
        0x100..=0x177 => c | 1,
        // Greek.
        0x386 => 0x3ac,
        0x388..=0x38a => c + 37,
        0x38c => 0x3cc,
        0x38e | 0x38f => c + 63,
        0x3a2 | 0x390 | 0x3b0 => 0,
        0x391..=0x3ab => c + 0x20,
        0x3c2 => 0x3c3,
        0x3ac..=0x3ce => c,
        // Cyrillic; ё is written е.
        0x401 | 0x451 => 0x435,
        0x400..=0x40f => c + 0x50,
        0x410..=0x42f => c + 0x20,
        0x430..=0x45f => c,
        0x460..=0x481 | 0x48a..=0x4bf | 0x4d0..=0x52f => c | 1,
        0x4c0 => 0x4cf,
        0x4c1..=0x4ce => c + (c & 1),
        0x4cf => c,
        _ => 0,
    }
}

/// First character and number of characters of the table.
const FIRST: usize = 0xc0;
const COUNT: usize = 0x530 - FIRST;

const fn table() -> [u16; COUNT] {
    let mut out = [0; COUNT];
    let mut n = 0;
    while n < COUNT {
        let folded = two_bytes((FIRST + n) as u32);
        // As its two bytes, the first one low.
        if folded != 0 {
            out[n] = ((0xc0 | folded >> 6) | (0x80 | folded & 0x3f) << 8) as u16;
        }
        n += 1;
    }
    out
}

/// UTF-8 of the folded letter, first byte low; 0 for none.
static TWO_BYTES: [u16; COUNT] = table();

/// The two bytes that the character `lead`, `next` folds to, when it is a simple letter.
#[inline]
pub(super) fn fold_two(lead: u8, next: u8) -> Option<[u8; 2]> {
    // Anything but a lead byte of two leaves the table, upwards or below it.
    let c = (usize::from(lead ^ 0xc0)) << 6 | usize::from(next) & 0x3f;
    match TWO_BYTES.get(c.wrapping_sub(FIRST)) {
        Some(&folded) if folded != 0 => Some(folded.to_le_bytes()),
        _ => None,
    }
}

/// Three-byte characters that stay as they are: Han, kana, Hangul syllables.
pub(super) fn is_plain_three(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3041}'..='\u{3094}' | '\u{30a1}'..='\u{30fa}' | '\u{ac00}'..='\u{d7a3}')
}

/// Signs that stay as they are, in texts of many languages: « and », dashes, quotation marks, the bullet, €.
pub(super) fn is_plain_sign(c: char) -> bool {
    matches!(
        c,
        '\u{ab}' | '\u{bb}' | '\u{2010}' | '\u{2012}'..='\u{2015}' | '\u{2018}'..='\u{201f}' | '\u{2022}' | '\u{20ac}'
    )
}

/// The character that `text` begins with, folded, and its length, if it has two or three bytes and folds by itself.
#[inline]
pub(super) fn fold_longer(text: &[u8]) -> Option<([u8; 3], usize)> {
    match *text {
        [0xc2, b @ (0xab | 0xbb), ..] => Some(([0xc2, b, 0], 2)),
        [lead @ 0xc3..=0xdf, next, ..] => fold_two(lead, next).map(|[a, b]| ([a, b, 0], 2)),
        [a @ 0xe2..=0xed, b, c, ..] => {
            let code = (u32::from(a) & 0xf) << 12 | (u32::from(b) & 0x3f) << 6 | u32::from(c) & 0x3f;
            let whole = char::from_u32(code)?;
            (is_plain_three(whole) || is_plain_sign(whole)).then_some(([a, b, c], 3))
        }
        _ => None,
    }
}

/// Does this character fold by itself, behind anything but a space?
pub(crate) fn is_simple(c: char) -> bool {
    match c.len_utf8() {
        1 => is_plain_ascii(c as u8),
        2 => is_simple_two(c) || is_plain_sign(c),
        3 => is_plain_three(c) || is_plain_sign(c),
        _ => false,
    }
}

fn is_simple_two(c: char) -> bool {
    TWO_BYTES
        .get((c as usize).wrapping_sub(FIRST))
        .is_some_and(|&f| f != 0)
}

/// Letters and digits inside of which no word ever ends, as folding writes them: ASCII letters and digits, and the
/// two-byte letters that fold by themselves. The tokens of the matcher are made of these.
pub(crate) fn is_token_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || is_simple_two(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::classes::{is_boundary, is_extender, is_ignorable, is_word};
    use crate::fold::segment::{Collector, fold_segment};

    #[test]
    fn the_tables_agree_with_the_slow_path() {
        let mut simple = 0;
        for c in ('\u{80}'..='\u{ffff}').filter(|&c| is_simple(c)) {
            simple += 1;
            assert!(is_boundary(c) && !is_ignorable(c), "{c:?}");
            let mut collector = Collector::default();
            collector.push(c);
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes);
            let (folded, length) = fold_longer(&bytes[..c.len_utf8()]).expect("simple");
            let folded = &folded[..length];
            assert_eq!(fold_segment(&collector.text).as_bytes(), folded, "{c:?}");
            assert_eq!(length, c.len_utf8());
            if c.len_utf8() == 2 && !is_plain_sign(c) {
                assert!(is_word(c) && !is_extender(c), "{c:?}");
                let folded = std::str::from_utf8(folded).expect("UTF-8").chars().next();
                assert!(folded.is_some_and(|f| is_token_char(f) && is_word(f)), "{c:?}");
            }
            if is_plain_sign(c) {
                assert!(!is_token_char(c) && folded == &bytes[..length], "{c:?}");
            }
        }
        assert!(simple > 32_000);
        for c in (0x20..0x7fu8).map(char::from) {
            assert!(is_simple(c) && is_boundary(c) && !is_ignorable(c));
            assert_eq!(fold_segment(&c.to_string()), c.to_ascii_lowercase().to_string());
        }
        for c in (0..0x80u8).filter(|&b| is_ascii_space(b)).map(char::from) {
            assert_eq!(fold_segment(&c.to_string()), " ");
        }
    }
}
