//! Terms that do not count beside certain words: `"free" ~ ("lunch" | "shipping")`, for lists with weights.
//!
//! A package has no weights below 0: no item makes a verdict weaker. What speaks for innocence is said where it belongs, as
//! the *and not* of a rule. For each candidate, greedily, the words that take away most texts that are not violating, where
//! a violating text lost counts as [`COST`] of them (the pruning of one rule in W. Cohen, "Fast Effective Rule Induction",
//! ICML 1995). And once more with the words that speak for innocence whatever the term, see [`super::innocent::gate`]. The term and
//! its rules are then all open to the fit.
//!
//! The choice looks at labels, so it is made anew in every fold, on the texts of its training part.

use super::candidates::Candidate;
use super::incidence::Columns;
use super::innocent::{Words, innocent};
use super::{MineError, plain_term};
use crate::{Interrupt, MatchMode, Term, validate_term};

/// Words of an *and not* of one term at most: more cannot be read.
const MAX_WITHOUT: usize = 6;

/// Texts that are not violating a word must take away.
const MIN_GAIN: f64 = 3.0;

/// What losing a violating text costs, in texts that are not.
const COST: f64 = 5.0;

/// Candidates that are refined, the most telling ones.
const MAX_REFINED: usize = 2_000;

/// A column that hits where `base` does and none of the words is.
pub(super) struct Refined {
    pub base: usize,
    pub without: Vec<u32>,
    pub rows: Vec<u32>,
}

/// The refined columns, chosen on the texts that count.
pub(super) fn refine(
    columns: &Columns,
    words: &Words,
    violating: &[bool],
    counts: &[f64],
    gate: &[u32],
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
    gains.try_reserve_exact(words.len())?;
    for base in order {
        if interrupt() {
            return Err(MineError::Interrupted);
        }
        gains.clear();
        gains.resize(words.len(), 0.0);
        let mut rows = columns.rows(base).to_vec();
        if let Some(candidate) = columns.candidates.get(base) {
            rows.retain(|&text| words.holds(text, &candidate.term));
        }
        let worth = |text: u32| weight(text as usize) * if bad(text as usize) { -COST } else { 1.0 };
        let told = |text: u32| words.of(text);
        let supported = |rows: &[u32]| {
            rows.iter()
                .filter(|&&t| bad(t as usize) && weight(t as usize) > 0.0)
                .count()
                >= min_support
        };
        // Of the words against all terms, those that take a text away here.
        let mut against = gate.to_vec();
        against.retain(|word| {
            rows.iter()
                .any(|&t| !bad(t as usize) && weight(t as usize) > 0.0 && told(t).binary_search(word).is_ok())
        });
        let mut left = rows.clone();
        left.retain(|&t| !against.iter().any(|word| told(t).binary_search(word).is_ok()));
        if !against.is_empty() && supported(&left) {
            found.try_reserve(1)?;
            found.push(Refined {
                base,
                without: against,
                rows: left,
            });
        }
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
        if !without.is_empty() && supported(&rows) {
            found.try_reserve(1)?;
            found.push(Refined { base, without, rows });
        }
    }
    Ok(found)
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
                .filter_map(|&w| words.word(w))
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
