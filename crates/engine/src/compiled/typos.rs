//! The terms of mode `typo`, found by their letters with one left out.
//!
//! Every term is filed under itself and under itself with each letter but the first left out (Garbe's symmetric delete, SymSpell); words
//! of a text that, with one letter left out or none, meet a term are then compared properly (`crate::typo`). What is filed
//! are hashes, and a filter says first whether any term has one of them. The hash is a polynomial, so that leaving out a
//! letter takes one multiplication.
//!
//! The section has these parts: *head*: the words of the longest term, 4 bytes. *terms*: [`TERM`] bytes each and one more as the
//! end: where its text starts, its entry. *texts*. *filter* and *table* of the hashes.

use super::filter::{self, Filter, Table};
use super::tokens::{inverse, mix};
use super::write::{no_memory, push};
use super::{number, parts};
use crate::CompileError;
use crate::reserve;
use crate::typo::{MAX_BYTES, MIN_TYPO_LETTERS, is_common, is_one_apart};
use std::collections::TryReserveError;

const PARTS: usize = 5;
const TERM: usize = 8;
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// A folded term and its entry.
pub(super) struct TypoTerm {
    pub(super) folded: String,
    pub(super) entry: u32,
}

/// What undoes a multiplication by [`BASE`].
const INVERSE: u64 = inverse(BASE);

/// Hashes of a text as it is, and without each of its letters but the first.
fn variants(text: &str) -> impl Iterator<Item = u64> {
    // The sum of letter times BASE to the power of its place.
    let powers = std::iter::successors(Some(1u64), |p| Some(p.wrapping_mul(BASE)));
    let mut terms = text
        .chars()
        .zip(powers)
        .map(|(letter, power)| (u64::from(letter) + 1).wrapping_mul(power));
    let first = terms.next().unwrap_or(0);
    let all = terms.clone().fold(first, u64::wrapping_add);
    let mut before = first;
    let without = terms.map(move |term| {
        let head = before;
        before = before.wrapping_add(term);
        // Letters behind it move up by one place.
        head.wrapping_add(all.wrapping_sub(before).wrapping_mul(INVERSE))
    });
    std::iter::once(all).chain(without).map(mix)
}

/// The section for these terms; empty for none.
pub(super) fn build(
    terms: &[TypoTerm],
    ask: &mut impl FnMut(usize) -> Result<(), CompileError>,
) -> Result<Vec<u8>, CompileError> {
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    let words = terms.iter().map(|t| t.folded.split(' ').count()).max();
    let head = (words.unwrap_or(0) as u32).to_le_bytes().to_vec();
    let (mut records, mut texts) = (Vec::new(), Vec::new());
    let mut keys: Vec<(u64, u32)> = Vec::new();
    for (n, term) in terms.iter().enumerate() {
        ask(n)?;
        push(&mut records, &(texts.len() as u32).to_le_bytes())?;
        push(&mut records, &term.entry.to_le_bytes())?;
        push(&mut texts, term.folded.as_bytes())?;
        for key in variants(&term.folded) {
            reserve::push(&mut keys, (key, n as u32)).map_err(no_memory)?;
        }
    }
    push(&mut records, &(texts.len() as u32).to_le_bytes())?;
    push(&mut records, &[0; 4])?;
    // Leaving out either of two equal letters is the same.
    keys.sort_unstable();
    keys.dedup();
    parts::join::<PARTS>([
        head,
        records,
        texts,
        filter::build_filter(keys.iter().map(|key| key.0)),
        filter::build_table(&keys),
    ])
}

/// The section, in place.
#[derive(Clone, Copy)]
pub(crate) struct Typos<'b> {
    /// Words of the longest term; 0: there are no terms.
    pub(crate) words: usize,
    terms: &'b [u8],
    texts: &'b [u8],
    filter: Filter<'b>,
    table: Table<'b>,
}

impl<'b> Typos<'b> {
    pub(super) fn new(section: &'b [u8]) -> Self {
        let [head, terms, texts, filter, table] = parts::split::<PARTS>(section);
        Self {
            words: (number(head, 0) as usize).min(MAX_BYTES),
            terms,
            texts,
            filter: Filter::new(filter),
            table: Table::new(table),
        }
    }

    /// Adds the entries that `text` (folded words) is a typing error of.
    ///
    /// # Errors
    /// When there is no memory.
    pub(crate) fn find(&self, text: &str, out: &mut Vec<u32>) -> Result<(), TryReserveError> {
        if text.len() > MAX_BYTES || text.chars().count() + 1 < MIN_TYPO_LETTERS {
            return Ok(());
        }
        let mut seen: Vec<u32> = Vec::new();
        let mut common = None;
        for key in variants(text).filter(|&key| self.filter.may_have(key)) {
            if *common.get_or_insert_with(|| is_common(text)) {
                return Ok(());
            }
            for term in self.table.get(key) {
                if seen.contains(&term) {
                    continue;
                }
                reserve::push(&mut seen, term)?;
                let at = term as usize * TERM;
                let span = number(self.terms, at) as usize..number(self.terms, at + TERM) as usize;
                let spelled = self.texts.get(span).map(std::str::from_utf8);
                if spelled.is_some_and(|term| term.is_ok_and(|term| is_one_apart(term, text))) {
                    reserve::push(out, number(self.terms, at + 4))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_one(text: &str) -> Vec<String> {
        let letters: Vec<char> = text.chars().collect();
        let without = |n: usize| [&letters[..n], &letters[n + 1..]].concat().iter().collect();
        (1..letters.len()).map(without).collect()
    }

    #[test]
    fn variants_are_hashes_of_what_is_left() {
        for text in ["закладка", "ab", "a", "telegram channel"] {
            let whole = |text: &str| variants(text).next();
            let expected: Vec<_> = without_one(text).iter().map(|t| whole(t)).collect();
            assert_eq!(
                variants(text).skip(1).map(Some).collect::<Vec<_>>(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn one_error_is_found() {
        let terms = [TypoTerm {
            folded: "закладка".into(),
            entry: 7,
        }];
        let section = build(&terms, &mut |_| Ok(())).expect("there is memory");
        let typos = Typos::new(&section);
        for (text, found) in [
            ("закладкаа", true),
            ("зкладка", true),
            ("закалдка", true),
            ("заклатка", true),
            ("закладка", false),
            ("накладка", false),
            ("закатка", false),
            ("зкладкаа", false),
        ] {
            let mut got = Vec::new();
            typos.find(text, &mut got).expect("there is memory");
            assert_eq!(got, [7][..usize::from(found)], "{text}");
        }
        assert_eq!(Typos::new(&[]).words, 0);
    }
}
