//! Terms that do not count beside certain words: `"free" ~ ("lunch" | "shipping")`, for lists with weights.
//!
//! A package has no weights below 0: no item makes a verdict weaker. What speaks for innocence is said where it belongs, as
//! the *and not* of a rule. For each candidate, greedily, the words that take away most texts that are not violating, where
//! a violating text lost counts as [`COST`] of them (the pruning of one rule in W. Cohen, "Fast Effective Rule Induction",
//! ICML 1995). Both the term and its rule are then open to the fit.
//!
//! The choice looks at labels, so it is made anew in every fold, on the texts of its training part.

use super::candidates::{Candidate, key, segments};
use super::incidence::Columns;
use super::{Example, MineError, plain_term};
use crate::boundary::is_word_boundary;
use crate::explain::fold_text_at;
use crate::{Interrupt, Level, MatchMode, Term, validate_term};
use std::collections::HashMap;

/// Words of one *and not* at most: more cannot be read.
const MAX_WITHOUT: usize = 6;

/// Texts that are not violating a word must take away.
const MIN_GAIN: f64 = 3.0;

/// What losing a violating text costs, in texts that are not.
const COST: f64 = 5.0;

/// Texts that a word is in, at least.
const MIN_TEXTS: u32 = 8;

/// Words that speak for innocence, the most telling ones.
const MAX_INNOCENT: usize = 1_500;

/// Log-odds at which a word speaks for innocence.
const MAX_LOG_ODDS: f64 = -1.0;

/// Candidates that are refined, the most telling ones.
const MAX_REFINED: usize = 2_000;

/// Folded bytes of a text that are looked at.
const MAX_TEXT: usize = 64 * 1024;

/// The words that occur in several texts, and those of each text, ascending.
pub(super) struct Words {
    words: Vec<String>,
    texts: Vec<Vec<u32>>,
    folded: Vec<String>,
}

/// A column that hits where `base` does and none of the words is.
pub(super) struct Refined {
    pub base: usize,
    pub without: Vec<u32>,
    pub rows: Vec<u32>,
}

/// The words of all texts.
pub(super) fn words(examples: &[Example<'_>], interrupt: Interrupt<'_>) -> Result<Words, MineError> {
    let each = |folded: &str, visit: &mut dyn FnMut(&str)| {
        segments(folded, |segment| {
            let letters = segment.chars().filter(|c| c.is_alphabetic()).count();
            if (2..=30).contains(&letters) && segment.chars().all(char::is_alphanumeric) {
                visit(segment);
            }
        });
    };
    let mut folded = Vec::new();
    folded.try_reserve_exact(examples.len())?;
    let mut counts: HashMap<u64, u32> = HashMap::new();
    let mut said: Vec<u64> = Vec::new();
    for example in examples {
        if interrupt() {
            return Err(MineError::Interrupted);
        }
        let mut end = example.text.len().min(MAX_TEXT);
        while !example.text.is_char_boundary(end) {
            end -= 1;
        }
        let text = fold_text_at(example.text.get(..end).unwrap_or(""), Level::Folded);
        said.clear();
        each(&text, &mut |word| said.push(key(MatchMode::Word, word)));
        said.sort_unstable();
        said.dedup();
        counts.try_reserve(said.len())?;
        for &word in &said {
            *counts.entry(word).or_default() += 1;
        }
        folded.push(text);
    }
    counts.retain(|_, count| *count >= MIN_TEXTS);
    let mut numbers: HashMap<u64, u32> = HashMap::new();
    let mut found = Words {
        words: Vec::new(),
        texts: Vec::new(),
        folded: Vec::new(),
    };
    found.texts.try_reserve_exact(examples.len())?;
    for folded in &folded {
        if interrupt() {
            return Err(MineError::Interrupted);
        }
        let mut text = Vec::new();
        each(folded, &mut |word| {
            let key = key(MatchMode::Word, word);
            if counts.contains_key(&key) {
                let next = found.words.len() as u32;
                let number = *numbers.entry(key).or_insert(next);
                if number == next {
                    found.words.push(word.to_owned());
                }
                text.push(number);
            }
        });
        text.sort_unstable();
        text.dedup();
        text.shrink_to_fit();
        found.texts.push(text);
    }
    found.folded = folded;
    Ok(found)
}

impl Words {
    /// Does the text hold the term as a rule would look for it? Wildcards see no disguises, whole words do.
    fn holds(&self, text: u32, term: &Term) -> bool {
        let folded = self.folded.get(text as usize).map_or("", String::as_str);
        match term.mode {
            MatchMode::Prefix => folded
                .match_indices(&term.text)
                .any(|(at, _)| at == 0 || is_word_boundary(folded, at)),
            MatchMode::Substring => folded.contains(&term.text),
            _ => true,
        }
    }
}

/// The refined columns, chosen on the texts that count.
pub(super) fn refine(
    columns: &Columns,
    words: &Words,
    violating: &[bool],
    counts: &[f64],
    min_support: usize,
    interrupt: Interrupt<'_>,
) -> Result<Vec<Refined>, MineError> {
    let weight = |text: usize| counts.get(text).copied().unwrap_or(0.0);
    let bad = |text: usize| violating.get(text).copied().unwrap_or(false);
    let innocent = innocent(words, violating, counts);
    let mut order: Vec<usize> = (0..columns.len())
        .filter(|&c| {
            columns
                .candidates
                .get(c)
                .is_some_and(|c| phrase(&c.term).is_some())
        })
        .filter(|&c| {
            let others = |&&t: &&u32| !bad(t as usize);
            columns
                .rows(c)
                .iter()
                .filter(others)
                .map(|&t| weight(t as usize))
                .sum::<f64>()
                >= MIN_GAIN
        })
        .collect();
    let z = |c: usize| columns.candidates.get(c).map_or(0.0, |c| c.z);
    order.sort_by(|&a, &b| z(b).total_cmp(&z(a)).then(a.cmp(&b)));
    order.truncate(MAX_REFINED);
    let mut found = Vec::new();
    let mut gains = Vec::new();
    gains.try_reserve_exact(words.words.len())?;
    for base in order {
        if interrupt() {
            return Err(MineError::Interrupted);
        }
        gains.clear();
        gains.resize(words.words.len(), 0.0);
        let mut rows = columns.rows(base).to_vec();
        if let Some(candidate) = columns.candidates.get(base) {
            rows.retain(|&text| words.holds(text, &candidate.term));
        }
        let worth = |text: u32| weight(text as usize) * if bad(text as usize) { -COST } else { 1.0 };
        let told = |text: u32| words.texts.get(text as usize).map_or(&[][..], Vec::as_slice);
        let mut touched: Vec<u32> = Vec::new();
        for &text in &rows {
            for &word in told(text) {
                if innocent.get(word as usize).copied().unwrap_or(false)
                    && let Some(gain) = gains.get_mut(word as usize)
                {
                    *gain += worth(text);
                    touched.push(word);
                }
            }
        }
        touched.sort_unstable();
        touched.dedup();
        let mut without = Vec::new();
        while without.len() < MAX_WITHOUT {
            let gain = |word: u32| gains.get(word as usize).copied().unwrap_or(0.0);
            let Some(best) = touched
                .iter()
                .copied()
                .reduce(|a, b| if gain(b) > gain(a) { b } else { a })
                .filter(|&word| gain(word) >= MIN_GAIN)
            else {
                break;
            };
            without.push(best);
            rows.retain(|&text| {
                let gone = told(text).binary_search(&best).is_ok();
                if gone {
                    for &word in told(text) {
                        if let Some(gain) = gains.get_mut(word as usize) {
                            *gain -= worth(text);
                        }
                    }
                }
                !gone
            });
        }
        let support = rows
            .iter()
            .filter(|&&t| bad(t as usize) && weight(t as usize) > 0.0)
            .count();
        if !without.is_empty() && support >= min_support {
            found.try_reserve(1)?;
            found.push(Refined { base, without, rows });
        }
    }
    Ok(found)
}

/// The words that violating texts say far less than others.
fn innocent(words: &Words, violating: &[bool], counts: &[f64]) -> Vec<bool> {
    // Weighted texts: violating, others.
    let mut said = vec![[0.0f64; 2]; words.words.len()];
    let mut total = [0.0f64; 2];
    for ((text, &bad), &count) in words.texts.iter().zip(violating).zip(counts) {
        let class = usize::from(!bad);
        total[class] += count;
        for &word in text {
            if let Some(said) = said.get_mut(word as usize) {
                said[class] += count;
            }
        }
    }
    let odds = |said: &[f64; 2]| {
        ((said[0] + 0.1) / total[0].max(1.0)).ln() - ((said[1] + 0.1) / total[1].max(1.0)).ln()
    };
    let mut best: Vec<(f64, usize)> = said
        .iter()
        .enumerate()
        .filter(|(_, said)| said[1] >= f64::from(MIN_TEXTS) && odds(said) < MAX_LOG_ODDS)
        .map(|(word, said)| (-odds(said) * said[1].sqrt(), word))
        .collect();
    best.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    best.truncate(MAX_INNOCENT);
    let mut innocent = vec![false; words.words.len()];
    for (_, word) in best {
        if let Some(slot) = innocent.get_mut(word) {
            *slot = true;
        }
    }
    innocent
}

/// A candidate as a part of a rule, if it can be one.
fn phrase(term: &Term) -> Option<String> {
    let plain = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == ' ');
    match term.mode {
        MatchMode::Word if !term.text.contains('"') => Some(format!("\"{}\"", term.text)),
        MatchMode::Prefix if plain(&term.text) => Some(format!("{}*", term.text)),
        MatchMode::Substring if plain(&term.text) && !term.text.contains(' ') => {
            Some(format!("*{}*", term.text))
        }
        _ => None,
    }
}

/// The rules of refined columns, for the matcher to say what they really hit.
pub(super) fn rules(columns: &Columns, words: &Words, refined: &[Refined]) -> Vec<Candidate> {
    refined
        .iter()
        .filter_map(|refined| {
            let base = columns.candidates.get(refined.base)?;
            let without: Vec<String> = refined
                .without
                .iter()
                .filter_map(|&w| words.words.get(w as usize))
                .map(|w| format!("\"{w}\""))
                .collect();
            let without = match without.as_slice() {
                [one] => one.clone(),
                several => format!("({})", several.join(" | ")),
            };
            let mut term = plain_term(format!("{} ~ {without}", phrase(&base.term)?), MatchMode::Rule);
            if base.term.mode == MatchMode::Word {
                term.level = base.term.level;
            }
            Some(Candidate { term, z: base.z })
        })
        .filter(|candidate| validate_term(&candidate.term).is_ok())
        .collect()
}
