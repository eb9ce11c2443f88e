//! Wildcard terms: `*` is any run of letters and digits inside a word, `?` is exactly one (`каз*но`, `v??gra`).
//!
//! A wildcard term stands for whole words; a space separates the words of a phrase. It is found by its longest
//! plain piece, so that any number of them costs one pass. Not for regular expressions: see `pattern`.

use crate::TermError;
use crate::fold::classes::{is_extender, is_word};
use crate::fold::fold_text;

/// Longest word that a wildcard is tried on, in bytes of folded text.
const MAX_WORD: usize = 256;

/// Fewest plain letters in the longest plain piece; below it a wildcard stands for a language.
const MIN_PIECE: usize = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Char(char),
    One,
    Any,
}

/// A parsed wildcard term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    words: Vec<Vec<Piece>>,
    /// The longest plain piece, and the word it is in.
    pub(crate) anchor: String,
    anchor_word: usize,
}

fn in_word(c: char) -> bool {
    is_word(c) || is_extender(c) || c.is_alphanumeric()
}

impl Glob {
    /// # Errors
    /// [`TermError::Syntax`] when no plain piece of two letters is left: it would match almost everything.
    pub(crate) fn parse(text: &str) -> Result<Self, TermError> {
        let mut words = Vec::new();
        let (mut anchor, mut anchor_word) = (String::new(), 0);
        for word in text.split_whitespace() {
            let mut pieces: Vec<Piece> = Vec::new();
            let mut plain = String::new();
            let mut flush = |plain: &mut String, pieces: &mut Vec<Piece>| {
                let folded = fold_text(plain);
                if folded.chars().count() > anchor.chars().count() {
                    anchor.clone_from(&folded);
                    anchor_word = words.len();
                }
                pieces.extend(folded.chars().map(Piece::Char));
                plain.clear();
            };
            for c in word.chars() {
                match c {
                    '*' | '?' => {
                        flush(&mut plain, &mut pieces);
                        let piece = if c == '*' { Piece::Any } else { Piece::One };
                        if !(piece == Piece::Any && pieces.last() == Some(&Piece::Any)) {
                            pieces.push(piece);
                        }
                    }
                    c => plain.push(c),
                }
            }
            flush(&mut plain, &mut pieces);
            words.push(pieces);
        }
        if anchor.chars().filter(|c| c.is_alphanumeric()).count() < MIN_PIECE {
            let position = text.chars().position(|c| matches!(c, '*' | '?')).unwrap_or(0);
            return Err(TermError::Syntax {
                position,
                message: "the wildcard leaves no plain piece of two letters".into(),
                hint: "write at least two letters in a row, as in каз*но",
            });
        }
        Ok(Self {
            words,
            anchor,
            anchor_word,
        })
    }

    /// Holds the term where its anchor stands at byte `at` of folded text? The bytes of the whole match.
    pub(crate) fn holds(&self, text: &str, at: usize) -> Option<(usize, usize)> {
        let mut start = word_start(text, at)?;
        for _ in 0..self.anchor_word {
            let gap = text.get(..start)?.strip_suffix(' ')?;
            start = word_start(text, gap.len())?;
        }
        let mut position = start;
        for (n, pieces) in self.words.iter().enumerate() {
            if n > 0 {
                text.get(position..)?.strip_prefix(' ')?;
                position += 1;
            }
            let length = word_length(text.get(position..)?)?;
            if !matches(pieces, text.get(position..position + length)?) {
                return None;
            }
            position += length;
        }
        (position > at).then_some((start, position))
    }
}

/// Where the word around `at` begins: signs that the pattern spells (as in `c++`) belong to it too.
fn word_start(text: &str, at: usize) -> Option<usize> {
    let left = text.get(..at)?;
    let kept = left.trim_end_matches(in_word);
    (at - kept.len() <= MAX_WORD).then_some(kept.len())
}

fn word_length(text: &str) -> Option<usize> {
    let length = text.find(|c| !in_word(c)).unwrap_or(text.len());
    (length > 0 && length <= MAX_WORD).then_some(length)
}

/// The classic greedy match with one point to return to: linear in text times pattern.
fn matches(pieces: &[Piece], word: &str) -> bool {
    let word: Vec<char> = word.chars().collect();
    let (mut p, mut w) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while w < word.len() {
        match pieces.get(p) {
            Some(Piece::Any) => {
                again = Some((p, w));
                p += 1;
                continue;
            }
            Some(Piece::One) => {
                p += 1;
                w += 1;
                continue;
            }
            Some(Piece::Char(c)) if word.get(w) == Some(c) => {
                p += 1;
                w += 1;
                continue;
            }
            _ => {}
        }
        let Some((star, from)) = again else { return false };
        again = Some((star, from + 1));
        p = star + 1;
        w = from + 1;
    }
    pieces
        .get(p..)
        .is_some_and(|rest| rest.iter().all(|piece| *piece == Piece::Any))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span<'t>(glob: &str, text: &'t str) -> Option<&'t str> {
        let glob = Glob::parse(glob).expect("parses");
        let at = text.find(&glob.anchor)?;
        glob.holds(text, at).map(|(from, to)| &text[from..to])
    }

    #[test]
    fn stars_and_question_marks() {
        assert_eq!(span("каз*но", "в казкинно тут"), Some("казкинно"));
        assert_eq!(span("каз*но", "казно"), Some("казно"));
        assert_eq!(span("каз*но", "казино"), Some("казино"));
        assert_eq!(span("каз*но", "казинок"), None);
        assert_eq!(span("каз*", "в казино да"), Some("казино"));
        assert_eq!(span("v??gra", "viagra"), Some("viagra"));
        assert_eq!(span("v??gra", "vigra"), None);
        assert_eq!(
            span("онлайн каз*но", "да онлайн казино тут"),
            Some("онлайн казино")
        );
        assert_eq!(span("* казино", "наше казино тут"), Some("наше казино"));
    }

    #[test]
    fn a_wildcard_alone_is_refused() {
        for bad in ["*", "??", "a*", "* ?", "*й*"] {
            assert!(matches!(Glob::parse(bad), Err(TermError::Syntax { .. })), "{bad}");
        }
    }

    #[test]
    fn many_stars_stay_linear() {
        let glob = Glob::parse(&format!("aa{}b", "*a".repeat(60))).expect("parses");
        let text = "a".repeat(250);
        assert_eq!(glob.holds(&text, 0), None);
    }
}
