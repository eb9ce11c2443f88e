//! The slow path of folding: one normalisation segment (a starter and what combines with it) at a time.
//!
//! NFKC_Casefold as The Unicode Standard, section 3.13, defines it (definitions D144–D147), then what the
//! language writes optionally: ё is е, stress marks on Cyrillic vowels, the dot that full case folding leaves
//! on İ, Arabic vowel marks, Hebrew points.

use super::classes::{is_decomposed_boundary, is_ignorable, is_space};
use icu_casemap::CaseMapper;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_compatible;

/// Combining characters kept per base. UAX #15 (Stream-Safe Text Format) needs 30 for every language; the rest
/// is decoration, and without a bound one character could carry 100 MB.
const MAX_COMBINING: usize = 30;

/// Folding is repeated until nothing changes; the standard's tables need two rounds, the bound is for safety.
const MAX_ROUNDS: usize = 6;

/// Collects the compatibility decomposition of a segment, at most [`MAX_COMBINING`] combining characters a base.
#[derive(Default)]
pub(crate) struct Collector {
    pub(crate) text: String,
    combining: usize,
}

impl Collector {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.combining = 0;
    }

    pub(crate) fn push(&mut self, c: char) {
        decompose_compatible(c, |d| {
            if is_ignorable(d) {
                return;
            }
            if is_decomposed_boundary(d) {
                self.combining = 0;
            } else {
                self.combining += 1;
                if self.combining > MAX_COMBINING {
                    return;
                }
            }
            self.text.push(d);
        });
    }
}

/// Segments of one character that were folded before: punctuation, accents and emoji come again and again.
#[derive(Default)]
pub(crate) struct Cached {
    /// By the low bits of the character.
    slots: Vec<(char, String)>,
}

impl Cached {
    const SLOTS: usize = 512;

    /// What `c` folds to when nothing combines with it.
    pub(crate) fn fold(&mut self, c: char) -> &str {
        if self.slots.is_empty() {
            // No character is ignorable and looked up here, so an empty slot is never taken for U+0000.
            self.slots.resize_with(Self::SLOTS, || ('\0', String::new()));
        }
        let Some(slot) = self.slots.get_mut(c as usize % Self::SLOTS) else {
            return "";
        };
        if slot.0 != c {
            let mut collector = Collector::default();
            collector.push(c);
            *slot = (c, fold_segment(&collector.text));
        }
        &slot.1
    }
}

/// Folds a decomposed segment.
pub(crate) fn fold_segment(decomposed: &str) -> String {
    let mapper = CaseMapper::new();
    let mut current: String = decomposed.nfkc().collect();
    for _ in 0..MAX_ROUNDS {
        let cased = mapper.fold_string(&current);
        let composed: String = cased.chars().filter(|&c| !is_ignorable(c)).nfkc().collect();
        let next = apply_language(&composed);
        if next == current {
            break;
        }
        current = next;
    }
    current
}

/// What the language writes optionally. Runs on composed, case-folded text.
fn apply_language(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before: Option<char> = None;
    for c in text.chars() {
        match c {
            'ё' => out.push('е'),
            // Stress marks: Cyrillic letters that carry a grave or acute of their own (ѓ, ќ, ѐ, ѝ) are composed.
            '\u{300}' | '\u{301}' if before.is_some_and(|b| ('\u{400}'..='\u{52f}').contains(&b)) => continue,
            '\u{307}' if before == Some('i') => continue,
            '\u{64b}'..='\u{652}' | '\u{670}' => continue,
            '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}' => {
                continue;
            }
            c if is_space(c) => out.push(' '),
            c => out.push(c),
        }
        before = Some(c);
    }
    out
}
