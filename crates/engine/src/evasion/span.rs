//! What stands between two plain words of a text, read off the bytes. Not for what the signs may be read as: only whether they may.

use super::plain::{char_at, is_blank, is_wordy};
use super::table::is_mask;

/// What stands between two words.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    from: usize,
    /// Where the next word begins, or the text ends, or a character stands that is not plain.
    pub(super) to: usize,
    blanks: usize,
    signs: usize,
    first_is_sign: bool,
    /// A blank, signs, and a blank.
    pub(super) spaces_behind_signs: bool,
    /// Exclamation marks behind the word, which may be an i.
    pub(super) exclaims: bool,
    /// A parenthesis before the next word, which may be a c.
    pub(super) opens: bool,
    /// It ends at a character that is not plain.
    pub(super) strange: bool,
    /// It may be read as letters.
    pub(super) odd: bool,
    hyphen: bool,
    set: u128,
}

/// One of the letters from А to я.
pub(super) fn begins_with_cyrillic(text: &[u8]) -> bool {
    matches!(text, [0xd0, 0x90..=0xbf, ..] | [0xd1, 0x80..=0x8f, ..])
}

impl Span {
    /// The one that begins at byte `from`.
    #[inline]
    pub(super) fn behind(text: &[u8], from: usize) -> Self {
        // Nearly always.
        if let [b' ', next, ..] = *text.get(from..).unwrap_or_default()
            && (next.is_ascii_alphabetic() || text.get(from + 1..).is_some_and(begins_with_cyrillic))
        {
            return Self {
                from,
                to: from + 1,
                blanks: 1,
                ..Self::default()
            };
        }
        Self::read(text, from)
    }

    fn read(text: &[u8], from: usize) -> Self {
        let mut out = Self {
            from,
            to: from,
            ..Self::default()
        };
        while out.to < text.len() {
            let Some((c, length)) = char_at(text, out.to) else {
                out.strange = true;
                out.odd = true;
                break;
            };
            if is_wordy(c) {
                break;
            }
            let next = char_at(text, out.to + length).map(|n| n.0);
            let end = out.to + length == text.len();
            if is_blank(c) {
                out.spaces_behind_signs |= out.blanks > 0 && out.signs > 0;
                out.blanks += 1;
            } else {
                let exclaimed = out.signs == 0 || out.exclaims;
                match c {
                    '@' | '$' | '|' | '+' | '<' | '\\' => out.odd = true,
                    '!' if out.blanks == 0
                        && exclaimed
                        && (end || next.is_some_and(|n| n == '!' || is_blank(n))) =>
                    {
                        out.exclaims = true;
                    }
                    '!' => out.odd = true,
                    '(' if out.signs == 0 && out.blanks > 0 && next.is_some_and(is_wordy) => out.opens = true,
                    '(' => out.odd = true,
                    '*' | '#' | '%' | '&' | '?' | '^' => {
                        let harmless =
                            |n: char| !is_wordy(n) && !matches!(n, '*' | '#' | '%' | '&' | '?' | '^');
                        let question = c == '?' && next == Some('?');
                        out.odd |= !(end || question || next.is_some_and(harmless));
                    }
                    // Several of them may hide letters.
                    '-' | '_' => out.odd |= out.blanks == 0 && next == Some(c),
                    _ => {}
                }
                out.first_is_sign |= out.blanks == 0;
                out.signs += 1;
                out.hyphen = c == '-';
                out.set |= if c.is_ascii() { 1 << (c as u32) } else { 0 };
            }
            out.to += length;
        }
        out
    }

    /// Is there a blank in it?
    pub(super) fn spaced(&self) -> bool {
        self.blanks > 0
    }

    pub(super) fn signs(&self) -> bool {
        self.signs > 0
    }

    pub(super) fn first_is_sign(&self) -> bool {
        self.first_is_sign
    }

    /// Only blanks, or one hyphen: what words of a phrase have between them.
    pub(super) fn joins(&self) -> bool {
        self.to > self.from && (self.signs == 0 || self.signs == 1 && self.hyphen && self.blanks == 0)
    }

    /// Has it one of these signs, all of them ASCII?
    pub(super) fn has_any(&self, signs: u128) -> bool {
        self.set & signs != 0
    }
}

/// Signs between two letters of a word, as in `gaps`.
const MAX_SEPARATORS: usize = 3;

/// How letters may be kept apart from a byte on, as in `gaps`.
pub(super) enum Apart {
    No,
    /// What follows is not plain, or hides a letter.
    Perhaps,
    /// The next letter stands here, behind signs of this kind; a space: behind spaces only.
    By(usize, char),
}

impl Apart {
    pub(super) fn behind(text: &[u8], from: usize) -> Self {
        let (mut at, mut kind) = (from, ' ');
        for _ in 0..MAX_SEPARATORS {
            let Some((c, length)) = char_at(text, at).filter(|c| !is_wordy(c.0)) else {
                break;
            };
            if is_blank(c) {
                at += blanks(text, at);
                continue;
            }
            if kind != ' ' && kind != c {
                return Self::No;
            }
            kind = c;
            at += length;
        }
        if at == from || at == text.len() {
            return Self::No;
        }
        match char_at(text, at) {
            Some((next, _)) if is_wordy(next) => Self::By(at, kind),
            Some((next, _)) if !is_mask(next) => Self::No,
            _ => Self::Perhaps,
        }
    }
}

/// Bytes of white space from byte `at` on.
pub(super) fn blanks(text: &[u8], at: usize) -> usize {
    let mut to = at;
    while let Some((_, length)) = char_at(text, to).filter(|c| is_blank(c.0)) {
        to += length;
    }
    to - at
}
