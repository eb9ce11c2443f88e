//! Logistic regression with an L1 penalty and weights of 0 or more, by coordinate descent in trust regions (A. Genkin, D. Lewis,
//! D. Madigan, "Large-Scale Bayesian Logistic Regression for Text Categorization", Technometrics 49, 2007).

use super::{Columns, MineError};
use crate::Interrupt;

/// Sweeps over the active terms; the fit is long settled by then.
const MAX_SWEEPS: usize = 60;

/// Share of the L1 penalty that is left in the second fit.
const RELAXED: f64 = 0.3;

/// Penalty on squared weights while terms are chosen.
pub(super) const RIDGE: f64 = 0.02;

pub(super) struct Model {
    pub weights: Vec<f64>,
    pub bias: f64,
}

/// What the fit reads: columns, and per text its target.
pub(super) struct Problem<'c> {
    pub columns: &'c Columns,
    pub violating: &'c [bool],
    /// Columns from here on speak for innocence: their weight is taken off the sum.
    pub innocent_from: usize,
}

impl Problem<'_> {
    fn texts(&self) -> usize {
        self.violating.len()
    }

    /// Fits on the texts that count. `allowed` are the columns that may have a weight; penalties: on weights, on their squares.
    pub(super) fn fit(
        &self,
        counts: &[f64],
        allowed: &[usize],
        [lasso, ridge]: [f64; 2],
        start: Option<&Model>,
        interrupt: Interrupt<'_>,
    ) -> Result<Model, MineError> {
        let mut weights = vec_of(self.columns.len(), 0.0)?;
        let mut bias = 0.0;
        let mut margin = vec_of(self.texts(), 0.0)?;
        if let Some(start) = start {
            bias = start.bias;
            margin.fill(bias);
            for &column in allowed {
                let weight = start.weights.get(column).copied().unwrap_or(0.0);
                if weight > 0.0 {
                    set(&mut weights, column, weight);
                    for &text in self.columns.rows(column) {
                        add(&mut margin, text as usize, self.sign(column) * weight);
                    }
                }
            }
        }
        let mut region = vec_of(self.columns.len(), 1.0)?;
        let mut bias_region = 1.0f64;
        let all: Vec<u32> = (0..self.texts() as u32).collect();
        for sweep in 0..MAX_SWEEPS {
            let mut moved = 0.0f64;
            let (g, h) = self.slope(&all, counts, &margin, bias_region);
            let step = (-g / h.max(1e-9)).clamp(-bias_region, bias_region);
            bias += step;
            margin.iter_mut().for_each(|m| *m += step);
            bias_region = (2.0 * step.abs()).max(bias_region / 2.0);
            for &column in allowed {
                let weight = get(&weights, column);
                // Every fifth sweep asks the terms without a weight again.
                if sweep % 5 != 0 && weight == 0.0 {
                    continue;
                }
                if interrupt() {
                    return Err(MineError::Interrupted);
                }
                let rows = self.columns.rows(column);
                let trust = get(&region, column);
                let sign = self.sign(column);
                let (g, h) = self.slope(rows, counts, &margin, trust);
                let gradient = sign * g + lasso + ridge * weight;
                let step = (-gradient / (h + ridge)).clamp(-trust, trust).max(-weight);
                set(&mut region, column, (2.0 * step.abs()).max(trust / 2.0));
                if step != 0.0 {
                    set(&mut weights, column, weight + step);
                    for &text in rows {
                        add(&mut margin, text as usize, sign * step);
                    }
                    moved = moved.max(step.abs());
                }
            }
            if moved < 1e-3 && sweep % 5 == 0 && sweep > 0 {
                break;
            }
        }
        Ok(Model { weights, bias })
    }

    fn sign(&self, column: usize) -> f64 {
        if column < self.innocent_from { 1.0 } else { -1.0 }
    }

    /// First derivative of the loss along a column, and a bound of the second within `trust`.
    fn slope(&self, rows: &[u32], counts: &[f64], margin: &[f64], trust: f64) -> (f64, f64) {
        let (mut g, mut h) = (0.0, 0.0);
        for &text in rows {
            let text = text as usize;
            let count = get(counts, text);
            if count == 0.0 {
                continue;
            }
            let m = get(margin, text);
            let violating = self.violating.get(text).copied().unwrap_or(false);
            g += count * (1.0 / (1.0 + (-m).exp()) - f64::from(u8::from(violating)));
            let beyond = m.abs() - trust;
            h += count
                * if beyond <= 0.0 {
                    0.25
                } else {
                    1.0 / (2.0 + beyond.exp() + (-beyond).exp())
                };
        }
        (g, h)
    }

    /// L1 to choose at most `max_terms`, then these alone are fitted again: a model for each penalty on squared weights.
    pub(super) fn chosen(
        &self,
        counts: &[f64],
        lasso: f64,
        ridges: &[f64],
        max_terms: usize,
        warm: &mut Option<Model>,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<Model>, MineError> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let first = self.fit(counts, &all, [lasso, RIDGE], warm.as_ref(), interrupt)?;
        let mut kept: Vec<usize> = all
            .into_iter()
            .filter(|&c| get(&first.weights, c) > 0.0)
            .collect();
        // What a term does to all texts together, if there are too many.
        let effect = |c: usize| get(&first.weights, c) * (self.columns.rows(c).len() as f64).sqrt();
        kept.sort_by(|&a, &b| effect(b).total_cmp(&effect(a)).then(a.cmp(&b)));
        kept.truncate(max_terms);
        let mut models = Vec::new();
        for &ridge in ridges {
            models.push(self.fit(counts, &kept, [lasso * RELAXED, ridge], Some(&first), interrupt)?);
        }
        *warm = Some(first);
        Ok(models)
    }

    /// The sum of the weights of each text's terms.
    pub(super) fn margins(&self, model: &Model) -> Result<Vec<f64>, MineError> {
        let mut sums = vec_of(self.texts(), 0.0)?;
        for (column, &weight) in model.weights.iter().enumerate() {
            if weight > 0.0 {
                for &text in self.columns.rows(column) {
                    add(&mut sums, text as usize, weight);
                }
            }
        }
        Ok(sums)
    }
}

pub(super) fn vec_of(length: usize, value: f64) -> Result<Vec<f64>, MineError> {
    let mut values = Vec::new();
    values.try_reserve_exact(length)?;
    values.resize(length, value);
    Ok(values)
}

pub(super) fn get(values: &[f64], index: usize) -> f64 {
    values.get(index).copied().unwrap_or(0.0)
}

pub(super) fn set(values: &mut [f64], index: usize, value: f64) {
    if let Some(slot) = values.get_mut(index) {
        *slot = value;
    }
}

pub(super) fn add(values: &mut [f64], index: usize, value: f64) {
    if let Some(slot) = values.get_mut(index) {
        *slot += value;
    }
}

/// The smallest L1 penalty at which no term gets a weight: the steepest slope at no weights.
pub(super) fn strongest_penalty(problem: &Problem<'_>, counts: &[f64]) -> f64 {
    let total: f64 = counts.iter().sum();
    let positive: f64 = counts
        .iter()
        .zip(problem.violating)
        .filter(|(_, v)| **v)
        .map(|(c, _)| c)
        .sum();
    let bias = (positive / (total - positive).max(1e-9)).max(1e-9).ln();
    let margin: Vec<f64> = counts.iter().map(|_| bias).collect();
    (0..problem.columns.len())
        .map(|c| -problem.slope(problem.columns.rows(c), counts, &margin, 1.0).0)
        .fold(1e-6, f64::max)
}
