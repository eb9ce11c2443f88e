//! Weights and a threshold: terms chosen by a logistic regression with an L1 penalty and weights of 0 or more ([`super::solve`]),
//! then fitted again without most of it. The penalties, what the background weighs and the threshold are chosen on texts that the
//! fit has not seen (five folds).
//!
//! Weights below 0 have no place in a package: an item never makes a verdict weaker. What speaks for innocence comes in as
//! rules, see [`super::refine`].

use super::innocent::{Words, gate, words};
use super::solve::{Problem, get, strongest_penalty, vec_of};
use super::{Class, Columns, Example, MineError, MineOptions, Mined, Outcome, describe, incidence, refine};
use crate::Interrupt;

const FOLDS: usize = 5;

/// Penalties tried, as shares of the one that leaves no term.
const PENALTIES: [f64; 7] = [0.05, 0.02, 0.008, 0.005, 0.003, 0.0012, 0.0005];

/// Penalties tried on the squared weights of the chosen terms: the larger one spreads weight over terms that say the same.
const RIDGES: [f64; 2] = [0.02, 1.0];

/// What the whole background counts, tried, in labelled texts. Few of it may be flagged: where it looks like what violates it must
/// weigh more than the labelled texts, elsewhere that only disturbs.
const BACKGROUNDS: [f64; 2] = [1.0, 10.0];

/// Smallest share of the threshold that a term's weight may be; less is noise.
const MIN_WEIGHT: f32 = 0.001;

/// What is chosen on unseen texts, with the F1 it reached there.
struct Choice {
    f1: f64,
    background: f64,
    penalty: f64,
    ridge: f64,
    threshold: f64,
    outcome: Outcome,
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

fn problem<'c>(columns: &'c Columns, violating: &'c [bool]) -> Problem<'c> {
    Problem {
        columns,
        violating,
        innocent_from: usize::MAX,
    }
}

/// How much each text counts when the background weighs `weight` times the labelled texts.
fn counts_with(examples: &[Example<'_>], weight: f64) -> Vec<f64> {
    let background = examples.iter().filter(|e| e.class == Class::Background).count();
    let share = weight * ((examples.len() - background) as f64 / background.max(1) as f64).min(1.0);
    let count = |e: &Example<'_>| if e.class == Class::Background { share } else { 1.0 };
    examples.iter().map(count).collect()
}

pub(super) fn weighted(
    examples: &[Example<'_>],
    columns: &Columns,
    options: &MineOptions,
    interrupt: Interrupt<'_>,
) -> Result<Mined, MineError> {
    let violating: Vec<bool> = examples.iter().map(|e| e.class == Class::Violating).collect();
    let words = words(examples, interrupt)?;
    let mut best: Option<Choice> = None;
    let has_background = examples.iter().any(|e| e.class == Class::Background);
    for &background in BACKGROUNDS
        .iter()
        .take(if has_background { BACKGROUNDS.len() } else { 1 })
    {
        let counts = counts_with(examples, background);
        let unseen = unseen_sums(examples, columns, &words, &violating, &counts, options, interrupt)?;
        let settings = PENALTIES
            .iter()
            .flat_map(|&p| RIDGES.iter().map(move |&r| (p, r)));
        for ((penalty, ridge), sums) in settings.zip(&unseen) {
            if let Some((f1, threshold, outcome)) = best_threshold(examples, sums, options)
                && best.as_ref().is_none_or(|b| f1 > b.f1)
            {
                best = Some(Choice {
                    f1,
                    background,
                    penalty,
                    ridge,
                    threshold,
                    outcome,
                });
            }
        }
    }
    let Some(best) = best else {
        return Ok(Mined::default());
    };
    let counts = counts_with(examples, best.background);
    let strongest = strongest_penalty(&problem(columns, &violating), &counts);
    let gate = gate(columns, &words, &violating, &counts, interrupt)?;
    let refined = refine::refine(
        columns,
        &words,
        &violating,
        &counts,
        &gate,
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
    let models = problem(columns, &violating).chosen(
        &counts,
        best.penalty * strongest,
        &[best.ridge],
        options.max_terms,
        &mut None,
        interrupt,
    )?;
    let mut chosen: Vec<(usize, f32)> = Vec::new();
    for model in &models {
        let scale = (-model.bias).max(0.1) * best.threshold;
        chosen.extend(
            model
                .weights
                .iter()
                .enumerate()
                .map(|(column, weight)| (column, (weight / scale) as f32))
                .filter(|&(_, weight)| weight >= MIN_WEIGHT),
        );
    }
    chosen.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    describe(examples, columns, &chosen, best.outcome)
}

/// What every text sums up to by the models that did not see it: one list for each of [`PENALTIES`] and, within, of [`RIDGES`].
fn unseen_sums(
    examples: &[Example<'_>],
    columns: &Columns,
    words: &Words,
    violating: &[bool],
    all_counts: &[f64],
    options: &MineOptions,
    interrupt: Interrupt<'_>,
) -> Result<Vec<Vec<f64>>, MineError> {
    let folds: Vec<usize> = examples.iter().map(|e| fold_of(e.text)).collect();
    let strongest = strongest_penalty(&problem(columns, violating), all_counts);
    let mut unseen: Vec<Vec<f64>> = Vec::new();
    for _ in 0..PENALTIES.len() * RIDGES.len() {
        unseen.push(vec_of(examples.len(), 0.0)?);
    }
    for fold in 0..FOLDS {
        let counts: Vec<f64> = all_counts
            .iter()
            .zip(&folds)
            .map(|(&c, &f)| if f == fold { 0.0 } else { c })
            .collect();
        // The penalty grows with the texts that the loss is summed over.
        let part = counts.iter().sum::<f64>() / all_counts.iter().sum::<f64>().max(1e-9);
        let columns = &columns.learned_from(
            examples,
            |text| folds.get(text).is_some_and(|&f| f != fold),
            options.min_support,
        )?;
        let gate = gate(columns, words, violating, &counts, interrupt)?;
        let refined = refine::refine(
            columns,
            words,
            violating,
            &counts,
            &gate,
            options.min_support,
            interrupt,
        )?;
        let columns = columns.with(refined.iter().filter_map(|r| {
            let base = columns.candidates.get(r.base)?;
            Some((base.clone(), r.rows.as_slice()))
        }))?;
        let problem = problem(&columns, violating);
        let mut warm = None;
        for (&penalty, unseen) in PENALTIES.iter().zip(unseen.chunks_mut(RIDGES.len())) {
            let models = problem.chosen(
                &counts,
                penalty * strongest * part,
                &RIDGES,
                options.max_terms,
                &mut warm,
                interrupt,
            )?;
            for (model, unseen) in models.iter().zip(unseen) {
                // Sums as shares of how far the model is from its own middle, so that the folds compare.
                let scale = (-model.bias).max(0.1);
                for ((sum, &f), slot) in problem.margins(model)?.into_iter().zip(&folds).zip(unseen) {
                    if f == fold {
                        *slot = sum / scale;
                    }
                }
            }
        }
    }
    Ok(unseen)
}

/// By the text, so that copies of one text are in one fold.
fn fold_of(text: &str) -> usize {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (hash >> 33) as usize % FOLDS
}
