//! Weights and a threshold: logistic regression with an L1 penalty and weights of 0 or more, by coordinate descent in
//! trust regions (A. Genkin, D. Lewis, D. Madigan, "Large-Scale Bayesian Logistic Regression for Text
//! Categorization", Technometrics 49, 2007), then fitted again without L1 on the terms it chose. Penalty and threshold
//! are chosen on texts that the fit has not seen (five folds).
//!
//! Weights below 0 have no place in a package: an item never makes a verdict weaker. What speaks for innocence comes in as
//! rules, see [`super::refine`].

use super::{Class, Columns, Example, MineError, MineOptions, Mined, Outcome, describe, incidence, refine};
use crate::Interrupt;

const FOLDS: usize = 5;

/// Sweeps over the active terms; the fit is long settled by then.
const MAX_SWEEPS: usize = 60;

/// Penalties tried, as shares of the one that leaves no term.
const PENALTIES: [f64; 7] = [0.05, 0.02, 0.008, 0.005, 0.003, 0.0012, 0.0005];

/// Penalty on squared weights, in both fits.
const RIDGE: f64 = 0.02;

/// What the whole background counts, in labelled texts: few of them may be flagged, so it must weigh.
const BACKGROUND: f64 = 10.0;

/// Share of the L1 penalty that is left in the second fit.
const RELAXED: f64 = 0.3;

/// Smallest share of the threshold that a term's weight may be; less is noise.
const MIN_WEIGHT: f32 = 0.001;

struct Model {
    weights: Vec<f64>,
    bias: f64,
}

/// What the fit reads: columns, and per text its target.
struct Problem<'c> {
    columns: &'c Columns,
    violating: &'c [bool],
}

impl Problem<'_> {
    fn texts(&self) -> usize {
        self.violating.len()
    }

    /// Fits on the texts that count. `allowed` are the columns that may have a weight.
    fn fit(
        &self,
        counts: &[f64],
        allowed: &[usize],
        lasso: f64,
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
                        add(&mut margin, text as usize, weight);
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
                let (g, h) = self.slope(rows, counts, &margin, trust);
                let gradient = g + lasso + RIDGE * weight;
                let step = (-gradient / (h + RIDGE)).clamp(-trust, trust).max(-weight);
                set(&mut region, column, (2.0 * step.abs()).max(trust / 2.0));
                if step != 0.0 {
                    set(&mut weights, column, weight + step);
                    for &text in rows {
                        add(&mut margin, text as usize, step);
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

    /// L1 to choose at most `max_terms`, then a second fit of these alone.
    fn chosen(
        &self,
        counts: &[f64],
        lasso: f64,
        max_terms: usize,
        warm: &mut Option<Model>,
        interrupt: Interrupt<'_>,
    ) -> Result<Model, MineError> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let first = self.fit(counts, &all, lasso, warm.as_ref(), interrupt)?;
        let mut kept: Vec<usize> = all
            .into_iter()
            .filter(|&c| get(&first.weights, c) > 0.0)
            .collect();
        // What a term does to all texts together, if there are too many.
        let effect = |c: usize| get(&first.weights, c) * (self.columns.rows(c).len() as f64).sqrt();
        kept.sort_by(|&a, &b| effect(b).total_cmp(&effect(a)).then(a.cmp(&b)));
        kept.truncate(max_terms);
        let second = self.fit(counts, &kept, lasso * RELAXED, Some(&first), interrupt)?;
        *warm = Some(first);
        Ok(second)
    }

    fn margins(&self, model: &Model) -> Result<Vec<f64>, MineError> {
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

fn vec_of(length: usize, value: f64) -> Result<Vec<f64>, MineError> {
    let mut values = Vec::new();
    values.try_reserve_exact(length)?;
    values.resize(length, value);
    Ok(values)
}

fn get(values: &[f64], index: usize) -> f64 {
    values.get(index).copied().unwrap_or(0.0)
}

fn set(values: &mut [f64], index: usize, value: f64) {
    if let Some(slot) = values.get_mut(index) {
        *slot = value;
    }
}

fn add(values: &mut [f64], index: usize, value: f64) {
    if let Some(slot) = values.get_mut(index) {
        *slot += value;
    }
}

/// The threshold on `sums` with the best F1 of the labelled texts that flags no more of the background than allowed; above
/// 0, since a text that nothing hits is never flagged.
fn best_threshold(
    examples: &[Example<'_>],
    sums: &[f64],
    options: &MineOptions,
) -> Option<(f64, f64, Outcome)> {
    let mut order: Vec<usize> = (0..examples.len()).filter(|&n| get(sums, n) > 1e-9).collect();
    order.sort_by(|&a, &b| get(sums, b).total_cmp(&get(sums, a)));
    let all = |wanted: Class| examples.iter().filter(|e| e.class == wanted).count();
    let violating = all(Class::Violating);
    let allowed = options.allowed(all(Class::Background));
    let mut outcome = Outcome::default();
    let mut best: Option<(f64, f64, Outcome)> = None;
    for (n, &text) in order.iter().enumerate() {
        match examples.get(text).map(|e| e.class) {
            Some(Class::Violating) => outcome.true_positives += 1,
            Some(Class::Benign) => outcome.false_positives += 1,
            _ => outcome.background += 1,
        }
        if outcome.background > allowed {
            break;
        }
        let here = get(sums, text);
        let next = order.get(n + 1).map_or(0.0, |&t| get(sums, t));
        if next >= here {
            continue;
        }
        let f1 = 2.0 * outcome.true_positives as f64
            / (violating + outcome.true_positives + outcome.false_positives) as f64;
        if best.is_none_or(|(value, _, _)| f1 > value) {
            outcome.false_negatives = violating - outcome.true_positives;
            best = Some((f1, (here + next) / 2.0, outcome));
        }
    }
    best
}

pub(super) fn weighted(
    examples: &[Example<'_>],
    columns: &Columns,
    options: &MineOptions,
    interrupt: Interrupt<'_>,
) -> Result<Mined, MineError> {
    let background = examples.iter().filter(|e| e.class == Class::Background).count();
    let share = BACKGROUND * ((examples.len() - background) as f64 / background.max(1) as f64).min(1.0);
    let violating: Vec<bool> = examples.iter().map(|e| e.class == Class::Violating).collect();
    let counts: Vec<f64> = examples
        .iter()
        .map(|e| if e.class == Class::Background { share } else { 1.0 })
        .collect();
    fn problem<'c>(columns: &'c Columns, violating: &'c [bool]) -> Problem<'c> {
        Problem { columns, violating }
    }
    let folds: Vec<usize> = examples.iter().map(|e| fold_of(e.text)).collect();
    let strongest = strongest_penalty(&problem(columns, &violating), &counts);
    let words = refine::words(examples, interrupt)?;
    let mut unseen: Vec<Vec<f64>> = Vec::new();
    for _ in PENALTIES {
        unseen.push(vec_of(examples.len(), 0.0)?);
    }
    for fold in 0..FOLDS {
        let all_counts = &counts;
        let counts: Vec<f64> = counts
            .iter()
            .zip(&folds)
            .map(|(&c, &f)| if f == fold { 0.0 } else { c })
            .collect();
        // The penalty grows with the texts that the loss is summed over.
        let part = counts.iter().sum::<f64>() / all_counts.iter().sum::<f64>().max(1e-9);
        let refined = refine::refine(
            columns,
            &words,
            &violating,
            &counts,
            options.min_support,
            interrupt,
        )?;
        let columns = columns.with(refined.iter().filter_map(|r| {
            let base = columns.candidates.get(r.base)?;
            Some((base.clone(), r.rows.as_slice()))
        }))?;
        let problem = problem(&columns, &violating);
        let mut warm = None;
        for (&penalty, unseen) in PENALTIES.iter().zip(&mut unseen) {
            let model = problem.chosen(
                &counts,
                penalty * strongest * part,
                options.max_terms,
                &mut warm,
                interrupt,
            )?;
            // Sums as shares of how far the model is from its own middle, so that the folds compare.
            let scale = (-model.bias).max(0.1);
            for ((sum, &f), slot) in problem
                .margins(&model)?
                .into_iter()
                .zip(&folds)
                .zip(unseen.iter_mut())
            {
                if f == fold {
                    *slot = sum / scale;
                }
            }
        }
    }
    let mut best: Option<(f64, f64, f64, Outcome)> = None;
    for (&penalty, unseen) in PENALTIES.iter().zip(&unseen) {
        if let Some((f1, threshold, outcome)) = best_threshold(examples, unseen, options)
            && best.is_none_or(|(value, ..)| f1 > value)
        {
            best = Some((f1, penalty, threshold, outcome));
        }
    }
    let Some((_, penalty, threshold, outcome)) = best else {
        return Ok(Mined::default());
    };
    let refined = refine::refine(
        columns,
        &words,
        &violating,
        &counts,
        options.min_support,
        interrupt,
    )?;
    let rules = incidence(
        examples,
        refine::rules(columns, &words, &refined),
        options.min_support,
        interrupt,
    )?;
    let columns = &columns
        .with((0..rules.len()).filter_map(|c| Some((rules.candidates.get(c)?.clone(), rules.rows(c)))))?;
    let mut warm = None;
    let mut model = problem(columns, &violating).chosen(
        &counts,
        penalty * strongest,
        options.max_terms,
        &mut warm,
        interrupt,
    )?;
    let scale = (-model.bias).max(0.1) * threshold;
    let mut chosen: Vec<(usize, f32)> = model
        .weights
        .drain(..)
        .enumerate()
        .map(|(column, weight)| (column, (weight / scale) as f32))
        .filter(|&(_, weight)| weight >= MIN_WEIGHT)
        .collect();
    chosen.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    describe(examples, columns, &chosen, outcome)
}

/// The smallest L1 penalty at which no term gets a weight: the steepest slope at no weights.
fn strongest_penalty(problem: &Problem<'_>, counts: &[f64]) -> f64 {
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

/// By the text, so that copies of one text are in one fold.
fn fold_of(text: &str) -> usize {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (hash >> 33) as usize % FOLDS
}
