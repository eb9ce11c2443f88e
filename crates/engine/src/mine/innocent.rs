//! Words that speak for innocence: which there are, and which of them do whatever else a text says.

use super::candidates::{Candidate, key, segments};
use super::incidence::Columns;
use super::solve::{Problem, RIDGE, get, strongest_penalty};
use super::{Example, MineError, plain_term};
use crate::boundary::is_word_boundary;
use crate::explain::fold_text_at;
use crate::{Interrupt, Level, MatchMode, Term};
use std::collections::HashMap;

/// Texts that a word is in, at least.
const MIN_TEXTS: u32 = 8;

/// Words that speak for innocence, the most telling ones.
const MAX_INNOCENT: usize = 1_500;

/// Log-odds at which a word speaks for innocence.
const MAX_LOG_ODDS: f64 = -1.0;

/// Folded bytes of a text that are looked at.
const MAX_TEXT: usize = 64 * 1024;

/// Words of the common *and not* at most: it stands in many rules, and once read is known.
const MAX_GATE: usize = 20;

/// L1 penalty of the fit that chooses them, as a share of the one that leaves no term.
const GATE_PENALTY: f64 = 0.005;

/// The words that occur in several texts, and those of each text, ascending.
pub(super) struct Words {
    words: Vec<String>,
    texts: Vec<Vec<u32>>,
    folded: Vec<String>,
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
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    pub(super) fn word(&self, word: u32) -> Option<&String> {
        self.words.get(word as usize)
    }

    /// The words of a text, ascending.
    pub(super) fn of(&self, text: u32) -> &[u32] {
        self.texts.get(text as usize).map_or(&[], Vec::as_slice)
    }

    /// Does the text hold the term as a rule would look for it? Wildcards see no disguises, whole words do.
    pub(super) fn holds(&self, text: u32, term: &Term) -> bool {
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

/// The words that violating texts say far less than others.
pub(super) fn innocent(words: &Words, violating: &[bool], counts: &[f64]) -> Vec<bool> {
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

/// The words that speak for innocence whatever else a text says: those to which a fit over the candidates and all innocent words gives
/// the largest weight against, by what it does to all texts together.
pub(super) fn gate(
    columns: &Columns,
    words: &Words,
    violating: &[bool],
    counts: &[f64],
    interrupt: Interrupt<'_>,
) -> Result<Vec<u32>, MineError> {
    let innocent = innocent(words, violating, counts);
    let mut said: Vec<Vec<u32>> = Vec::new();
    said.try_reserve_exact(words.len())?;
    said.resize_with(words.len(), Vec::new);
    for (text, its) in words.texts.iter().enumerate() {
        for &word in its {
            if innocent.get(word as usize).copied().unwrap_or(false)
                && let Some(said) = said.get_mut(word as usize)
            {
                said.try_reserve(1)?;
                said.push(text as u32);
            }
        }
    }
    let mut all = columns.with(std::iter::empty())?;
    let from = all.len();
    let mut added: Vec<(u32, f64)> = Vec::new();
    for (word, rows) in said.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
        added.push((word as u32, (rows.len() as f64).sqrt()));
        let term = plain_term(
            words.word(word as u32).cloned().unwrap_or_default(),
            MatchMode::Word,
        );
        all.push(Candidate { term, z: 0.0 }, rows);
    }
    let of_terms = Problem {
        columns,
        violating,
        innocent_from: usize::MAX,
    };
    let lasso = GATE_PENALTY * strongest_penalty(&of_terms, counts);
    let problem = Problem {
        columns: &all,
        violating,
        innocent_from: from,
    };
    let every: Vec<usize> = (0..all.len()).collect();
    let model = problem.fit(counts, &every, [lasso, RIDGE], None, interrupt)?;
    let mut against: Vec<(f64, u32)> = added
        .into_iter()
        .enumerate()
        .map(|(n, (word, size))| (get(&model.weights, from + n) * size, word))
        .filter(|&(effect, _)| effect > 0.0)
        .collect();
    against.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    against.truncate(MAX_GATE);
    Ok(against.into_iter().map(|(_, word)| word).collect())
}
