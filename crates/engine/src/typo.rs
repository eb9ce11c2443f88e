//! Mode `typo`: one wrong, missing, additional or swapped letter in a long term.
//!
//! What may be one is found by `compiled::typos`, and then compared properly here (Damerau's distance of one). The first
//! letter must be right, and a common word of some language is never taken for a typing error.

use crate::fold::fold_text;
use std::collections::HashSet;
use std::sync::OnceLock;

/// Fewest letters; in shorter words one letter makes another word too often.
pub const MIN_TYPO_LETTERS: usize = 6;

/// Longest term or text compared, in bytes.
pub(crate) const MAX_BYTES: usize = 160;

/// Common words of the languages most typed, made once per process.
fn common() -> &'static HashSet<&'static str> {
    static COMMON: OnceLock<HashSet<&'static str>> = OnceLock::new();
    COMMON.get_or_init(|| {
        let lists = ["en", "ru", "uk", "de", "fr", "es", "it", "pt"].map(stop_words::lookup);
        lists.into_iter().flatten().flatten().copied().collect()
    })
}

/// Is the text (folded) a common word?
pub(crate) fn is_common(text: &str) -> bool {
    common().contains(text)
}

/// Can the term be had by this mode?
pub(crate) fn is_long_enough(text: &str) -> bool {
    let folded = fold_text(text);
    folded.chars().filter(|c| c.is_alphabetic()).count() >= MIN_TYPO_LETTERS && folded.len() < MAX_BYTES
}

/// Damerau–Levenshtein distance of exactly one, with the same first letter.
pub(crate) fn is_one_apart(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.first() != b.first() || a == b {
        return false;
    }
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (a, b) = (a.get(head..).unwrap_or(&[]), b.get(head..).unwrap_or(&[]));
    let tail = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let (a, b) = (
        &a[..a.len() - tail.min(a.len())],
        &b[..b.len() - tail.min(b.len())],
    );
    match (a, b) {
        ([_], [] | [_]) | ([], [_]) => true,
        ([x, y], [z, w]) => x == w && y == z,
        _ => false,
    }
}
