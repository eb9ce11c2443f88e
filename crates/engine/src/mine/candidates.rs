//! Which n-grams could be terms, and how much more violating texts say them than others.

use super::{Class, Example, MineError, plain_term};
use crate::boundary::is_word_boundary;
use crate::explain::fold_text_at;
use crate::{Interrupt, Level, MatchMode, Term, validate_term};
use std::collections::HashMap;

/// Words of a term at most.
const MAX_WORDS: usize = 3;

/// Lengths of word beginnings, in letters: stand for a stem with its endings.
const BEGINNINGS: std::ops::RangeInclusive<usize> = 4..=8;

/// Lengths of letter n-grams.
const LETTERS: std::ops::RangeInclusive<usize> = 4..=6;

/// Folded bytes of a text that are looked at; the beginning of a long mail says what it is.
const MAX_TEXT: usize = 16 * 1024;

/// Different n-grams counted at most, about 100 MB; past them the rarest texts add nothing new.
const MAX_COUNTED: usize = 4_000_000;

/// Candidates that are matched against all texts.
const MAX_CANDIDATES: usize = 16_000;

/// One-sided 90 %: the fit chooses, this only keeps noise out.
pub(super) const MIN_Z: f64 = 1.2816;

/// A possible term, with its log-odds in standard deviations.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub term: Term,
    pub z: f64,
}

/// Shapes of text that no word stands for: a word of two scripts, numbers, amounts, signs in a row.
const SHAPES: [&str; 8] = [
    r"\p{Cyrillic}[a-z]|[a-z]\p{Cyrillic}",
    r"\d{3,}",
    r"\d{5,}",
    r"\p{Sc}\s?\d|\d\s?\p{Sc}",
    r"\d\s?%",
    r"[!?]{2,}",
    r"\p{Extended_Pictographic}",
    r"\p{Extended_Pictographic}{2,}",
];

/// The modes of candidates, the preferred first: of two that hit the same texts the plainer stays.
const MODES: [MatchMode; 11] = [
    MatchMode::Word,
    MatchMode::Inflected,
    MatchMode::Prefix,
    MatchMode::Substring,
    MatchMode::Suffix,
    MatchMode::Phone,
    MatchMode::Domain,
    MatchMode::Email,
    MatchMode::Handle,
    MatchMode::Regex,
    MatchMode::Rule,
];

/// Rank of a candidate's mode among those that say the same.
pub(super) fn rank(mode: MatchMode) -> usize {
    MODES.iter().position(|&m| m == mode).unwrap_or(MODES.len())
}

/// Calls `visit` with every n-gram of a folded text and how it would be matched; repeated ones too.
fn ngrams(folded: &str, mut visit: impl FnMut(MatchMode, &str)) {
    let mut starts: Vec<(usize, usize)> = Vec::new();
    let mut begin = 0;
    for (at, _) in folded.char_indices().chain(std::iter::once((folded.len(), ' '))) {
        if at == 0 || !is_word_boundary(folded, at) {
            continue;
        }
        let segment = folded.get(begin..at).unwrap_or("");
        if segment.chars().any(char::is_alphanumeric) {
            starts.push((begin, at));
            inside(segment, &mut visit);
        } else if !segment.trim().is_empty() {
            // Signs and pictures: the currency, the emoji.
            visit(MatchMode::Substring, segment.trim());
        }
        begin = at;
    }
    for (n, &(start, mut last)) in starts.iter().enumerate() {
        for (words, &(next, end)) in starts.iter().skip(n).take(MAX_WORDS).enumerate() {
            // Neighbours: nothing or a short gap between them.
            if words > 0 && next - last > 2 {
                break;
            }
            last = end;
            if let Some(term) = folded.get(start..end) {
                visit(MatchMode::Word, term);
            }
        }
    }
}

/// Beginnings and letter n-grams of one word.
fn inside(word: &str, visit: &mut impl FnMut(MatchMode, &str)) {
    let ends: Vec<usize> = word.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
    for letters in BEGINNINGS {
        if letters < ends.len()
            && let Some(term) = ends.get(letters - 1).and_then(|&end| word.get(..end))
        {
            visit(MatchMode::Prefix, term);
        }
    }
    for letters in LETTERS {
        for first in 0..(ends.len() + 1).saturating_sub(letters) {
            let start = if first == 0 {
                0
            } else {
                ends.get(first - 1).copied().unwrap_or(0)
            };
            if let Some(term) = ends
                .get(first + letters - 1)
                .and_then(|&end| word.get(start..end))
            {
                visit(MatchMode::Substring, term);
            }
        }
    }
}

/// Calls `visit` with every word of a folded text.
pub(super) fn segments(folded: &str, mut visit: impl FnMut(&str)) {
    let mut begin = 0;
    for (at, _) in folded.char_indices().chain(std::iter::once((folded.len(), ' '))) {
        if at > 0 && is_word_boundary(folded, at) {
            visit(folded.get(begin..at).unwrap_or(""));
            begin = at;
        }
    }
}

/// FNV-1a, 64 bits; `mode` keeps equal texts of different modes apart.
pub(super) fn key(mode: MatchMode, term: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ (mode as u64);
    for byte in term.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

fn beginning(text: &str) -> String {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    fold_text_at(text.get(..end).unwrap_or(""), Level::Evasion)
}

/// The most telling n-grams of the violating texts, and the kinds of addresses.
pub(super) fn candidates(
    examples: &[Example<'_>],
    min_support: usize,
    interrupt: Interrupt<'_>,
) -> Result<Vec<Candidate>, MineError> {
    let violating = examples.iter().filter(|e| e.class == Class::Violating).count();
    if violating == 0 || violating == examples.len() {
        return Ok(Vec::new());
    }
    // Texts that say it: violating, others.
    let mut counts: HashMap<u64, [u32; 2]> = HashMap::new();
    let mut said: Vec<u64> = Vec::new();
    for pass in 0..2 {
        for example in examples
            .iter()
            .filter(|e| (e.class == Class::Violating) == (pass == 0))
        {
            if interrupt() {
                return Err(MineError::Interrupted);
            }
            said.clear();
            ngrams(&beginning(example.text), |mode, term| said.push(key(mode, term)));
            said.sort_unstable();
            said.dedup();
            for &ngram in &said {
                if let Some(count) = counts.get_mut(&ngram) {
                    count[pass] += 1;
                } else if pass == 0 && counts.len() < MAX_COUNTED {
                    counts.try_reserve(1)?;
                    counts.insert(ngram, [1, 0]);
                }
            }
        }
        if pass == 0 {
            counts.retain(|_, count| count[0] as usize >= min_support);
        }
    }
    let totals = [violating as f64, (examples.len() - violating) as f64];
    let mut scored: Vec<(u64, f64)> = Vec::new();
    scored.try_reserve_exact(counts.len())?;
    scored.extend(
        counts
            .iter()
            .map(|(&ngram, &count)| (ngram, log_odds(count, totals))),
    );
    scored.retain(|&(_, z)| z >= MIN_Z);
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scored.truncate(MAX_CANDIDATES);
    let mut wanted: HashMap<u64, f64> = scored.into_iter().collect();
    let mut found: Vec<Candidate> = Vec::new();
    found.try_reserve_exact(wanted.len() + 4)?;
    // Once more over the violating texts, for the words behind the keys.
    for example in examples.iter().filter(|e| e.class == Class::Violating) {
        if interrupt() {
            return Err(MineError::Interrupted);
        }
        if wanted.is_empty() {
            break;
        }
        ngrams(&beginning(example.text), |mode, term| {
            if let Some(z) = wanted.remove(&key(mode, term)) {
                if mode == MatchMode::Word
                    && term.chars().filter(|c| c.is_alphabetic()).count() >= 4
                    && !term.contains(' ')
                {
                    found.push(Candidate {
                        term: plain_term(term.to_owned(), MatchMode::Inflected),
                        z,
                    });
                }
                found.push(Candidate {
                    term: plain_term(term.to_owned(), mode),
                    z,
                });
            }
        });
    }
    for mode in [
        MatchMode::Phone,
        MatchMode::Domain,
        MatchMode::Email,
        MatchMode::Handle,
    ] {
        found.push(Candidate {
            term: plain_term("*".to_owned(), mode),
            z: 0.0,
        });
    }
    for shape in SHAPES {
        found.push(Candidate {
            term: plain_term(shape.to_owned(), MatchMode::Regex),
            z: 0.0,
        });
    }
    found.retain(|c| validate_term(&c.term).is_ok());
    Ok(found)
}

/// Log-odds of being said in violating texts against others, over its standard deviation (Monroe et al., equations 16,
/// 18, 22, with texts for words: each says an n-gram or does not), with the whole collection as prior, weighing a tenth of the
/// violating part.
pub(super) fn log_odds(count: [u32; 2], texts: [f64; 2]) -> f64 {
    let [y1, y2] = count.map(f64::from);
    let [n1, n2] = texts;
    let weight = 0.1 * n1.max(1.0);
    let prior = weight * (y1 + y2) / (n1 + n2).max(1.0);
    let odds = |y: f64, n: f64| (y + prior) / (n + weight - y - prior).max(0.5);
    let delta = odds(y1, n1).ln() - odds(y2, n2).ln();
    delta / (1.0 / (y1 + prior) + 1.0 / (y2 + prior)).sqrt()
}
