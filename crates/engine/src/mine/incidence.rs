//! Which texts every candidate hits, by the matcher that will judge with it.

use super::candidates::{Candidate, MIN_Z, log_odds, rank};
use super::{Class, Example, MineError, item};
use crate::{FindOptions, Interrupt, Matcher, compile};
use std::collections::{HashMap, HashSet};

/// Candidates and the texts each hits, ascending.
pub(super) struct Columns {
    pub candidates: Vec<Candidate>,
    rows: Vec<Vec<u32>>,
}

impl Columns {
    pub(super) fn rows(&self, column: usize) -> &[u32] {
        self.rows.get(column).map_or(&[], Vec::as_slice)
    }

    pub(super) fn push(&mut self, candidate: Candidate, rows: Vec<u32>) {
        self.candidates.push(candidate);
        self.rows.push(rows);
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The columns that would be candidates if only some texts were known, with their log-odds in these: what is tried on the other
    /// texts must not know their labels. Shapes and kinds of addresses always are (their z is 0).
    pub(super) fn learned_from(
        &self,
        examples: &[Example<'_>],
        known: impl Fn(usize) -> bool,
        min_support: usize,
    ) -> Result<Self, MineError> {
        let count = |texts: &mut dyn Iterator<Item = usize>| {
            let mut said = [0u32; 2];
            for text in texts.filter(|&text| known(text)) {
                if let Some(example) = examples.get(text) {
                    said[usize::from(example.class != Class::Violating)] += 1;
                }
            }
            said
        };
        let totals = count(&mut (0..examples.len())).map(f64::from);
        let mut kept = Self {
            candidates: Vec::new(),
            rows: Vec::new(),
        };
        for (candidate, rows) in self.candidates.iter().zip(&self.rows) {
            let said = count(&mut rows.iter().map(|&text| text as usize));
            let z = if candidate.z == 0.0 {
                0.0
            } else {
                log_odds(said, totals)
            };
            if said[0] as usize >= min_support && (candidate.z == 0.0 || z >= MIN_Z) {
                kept.candidates.try_reserve(1)?;
                kept.rows.try_reserve(1)?;
                kept.push(
                    Candidate {
                        term: candidate.term.clone(),
                        z,
                    },
                    rows.clone(),
                );
            }
        }
        Ok(kept)
    }

    /// These columns and more; one that hits the same texts as another adds nothing.
    pub(super) fn with<'m>(
        &self,
        more: impl Iterator<Item = (Candidate, &'m [u32])>,
    ) -> Result<Self, MineError> {
        let mut seen: HashSet<&[u32]> = HashSet::new();
        seen.try_reserve(self.len())?;
        seen.extend(self.rows.iter().map(Vec::as_slice));
        let mut all = Self {
            candidates: Vec::new(),
            rows: Vec::new(),
        };
        all.candidates.try_reserve_exact(self.len())?;
        all.rows.try_reserve_exact(self.len())?;
        all.candidates.extend_from_slice(&self.candidates);
        all.rows.extend_from_slice(&self.rows);
        for (candidate, rows) in more {
            if !seen.contains(rows) {
                all.candidates.push(candidate);
                all.rows.push(rows.to_vec());
            }
        }
        Ok(all)
    }
}

/// Matches all candidates against all texts. Candidates that hit too few violating texts after all go; of those that hit
/// the same texts the plainest stays (a word before the beginning of one, and the longest of these: it is the least likely to hit
/// something else).
pub(super) fn incidence(
    examples: &[Example<'_>],
    candidates: Vec<Candidate>,
    min_support: usize,
    interrupt: Interrupt<'_>,
) -> Result<Columns, MineError> {
    let mut items = Vec::new();
    items.try_reserve_exact(candidates.len())?;
    items.extend(
        candidates
            .iter()
            .enumerate()
            .map(|(n, c)| item(n, c.term.clone())),
    );
    let bytes = compile(&items, interrupt)?;
    drop(items);
    let matcher = Matcher::open(&bytes)?;
    let mut rows: Vec<Vec<u32>> = Vec::new();
    rows.try_reserve_exact(candidates.len())?;
    rows.resize_with(candidates.len(), Vec::new);
    let options = FindOptions {
        places: 1,
        ..FindOptions::default()
    };
    for (n, example) in examples.iter().enumerate() {
        for hit in matcher.find(example.text, &options, interrupt)? {
            let Some(row) = usize::try_from(hit.item).ok().and_then(|c| rows.get_mut(c)) else {
                continue;
            };
            if row.last() != Some(&(n as u32)) {
                row.try_reserve(1)?;
                row.push(n as u32);
            }
        }
    }
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    let length = |c: usize| candidates.get(c).map_or(0, |c| c.term.text.len());
    let mode = |c: usize| candidates.get(c).map_or(usize::MAX, |c| rank(c.term.mode));
    let text = |c: usize| candidates.get(c).map_or("", |c| c.term.text.as_str());
    order.sort_by(|&a, &b| {
        (mode(a), std::cmp::Reverse(length(a)), text(a)).cmp(&(
            mode(b),
            std::cmp::Reverse(length(b)),
            text(b),
        ))
    });
    let violating = |row: &[u32]| {
        row.iter()
            .filter(|&&t| {
                examples
                    .get(t as usize)
                    .is_some_and(|e| e.class == Class::Violating)
            })
            .count()
    };
    let mut seen: HashMap<Vec<u32>, ()> = HashMap::new();
    let mut kept = Columns {
        candidates: Vec::new(),
        rows: Vec::new(),
    };
    for column in order {
        let Some(row) = rows.get_mut(column).map(std::mem::take) else {
            continue;
        };
        if violating(&row) < min_support || seen.contains_key(&row) {
            continue;
        }
        if let Some(candidate) = candidates.get(column) {
            kept.candidates.push(candidate.clone());
            kept.rows.push(row.clone());
            seen.insert(row, ());
        }
    }
    Ok(kept)
}
