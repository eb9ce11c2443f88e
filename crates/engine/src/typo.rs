//! Mode `typo`: one wrong, missing, additional or swapped letter in a long term.
//!
//! Every term is filed under itself with each letter left out (Garbe's symmetric delete, SymSpell); a word of
//! a text that, with one letter left out or none, meets a term is then compared properly (Damerau's distance of
//! one). The first letter must be right, and a common word of some language is never taken for a typing error.

use crate::fold::fold_text;
use crate::reserve::{file, push};
use std::collections::{HashMap, HashSet, TryReserveError};
use std::sync::OnceLock;

/// Fewest letters; in shorter words one letter makes another word too often.
pub const MIN_TYPO_LETTERS: usize = 6;

/// Longest term or text compared, in bytes.
const MAX_BYTES: usize = 160;

#[derive(Default)]
pub(crate) struct Typos {
    terms: Vec<(String, u32)>,
    filed: HashMap<String, Vec<u32>>,
    /// Words of the longest term.
    pub(crate) words: usize,
}

fn without_one(text: &str) -> impl Iterator<Item = String> {
    text.char_indices().skip(1).map(move |(at, c)| {
        let mut rest = String::with_capacity(text.len());
        rest.push_str(text.get(..at).unwrap_or(""));
        rest.push_str(text.get(at + c.len_utf8()..).unwrap_or(""));
        rest
    })
}

/// Common words of the languages most typed, made once per process.
fn common() -> &'static HashSet<&'static str> {
    static COMMON: OnceLock<HashSet<&'static str>> = OnceLock::new();
    COMMON.get_or_init(|| {
        let lists = ["en", "ru", "uk", "de", "fr", "es", "it", "pt"].map(stop_words::lookup);
        lists.into_iter().flatten().flatten().copied().collect()
    })
}

impl Typos {
    pub(crate) fn add(&mut self, folded: String, entry: u32) -> Result<(), TryReserveError> {
        let number = self.terms.len() as u32;
        self.words = self.words.max(folded.split(' ').count());
        for key in without_one(&folded).chain(std::iter::once(folded.clone())) {
            if self.filed.get(&key).and_then(|list| list.last()) != Some(&number) {
                file(&mut self.filed, key, number)?;
            }
        }
        push(&mut self.terms, (folded, entry))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.terms.iter().map(|(t, _)| t.len() * (t.len() + 3)).sum()
    }

    /// Adds the entries that `text` (folded words) is a typing error of.
    ///
    /// # Errors
    /// When there is no memory.
    pub(crate) fn find(&self, text: &str, out: &mut Vec<u32>) -> Result<(), TryReserveError> {
        if text.len() > MAX_BYTES || text.chars().count() + 1 < MIN_TYPO_LETTERS || common().contains(text) {
            return Ok(());
        }
        let mut seen: Vec<u32> = Vec::new();
        for key in without_one(text).chain(std::iter::once(text.to_string())) {
            for &number in self.filed.get(&key).into_iter().flatten() {
                if seen.contains(&number) {
                    continue;
                }
                push(&mut seen, number)?;
                if let Some((term, entry)) = self.terms.get(number as usize)
                    && term != text
                    && is_one_apart(term, text)
                {
                    push(out, *entry)?;
                }
            }
        }
        Ok(())
    }
}

/// Can the term be had by this mode?
pub(crate) fn is_long_enough(text: &str) -> bool {
    let folded = fold_text(text);
    folded.chars().filter(|c| c.is_alphabetic()).count() >= MIN_TYPO_LETTERS && folded.len() < MAX_BYTES
}

/// Damerau–Levenshtein distance of exactly one, with the same first letter.
fn is_one_apart(a: &str, b: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_is_found() {
        let mut typos = Typos::default();
        typos.add("закладка".into(), 7).expect("there is memory");
        for text in ["закладкаа", "зкладка", "закалдка", "заклатка"] {
            let mut got = Vec::new();
            typos.find(text, &mut got).expect("there is memory");
            assert_eq!(got, [7], "{text}");
        }
        for text in ["закладка", "накладка", "закатка", "зкладкаа"] {
            let mut got = Vec::new();
            typos.find(text, &mut got).expect("there is memory");
            assert_eq!(got, [0; 0], "{text}");
        }
    }
}
