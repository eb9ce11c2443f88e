//! Mining terms from labelled texts: what violating content says that benign and background content does not.
//!
//! 1. [`candidates`]: word n-grams, word beginnings, letter n-grams and address kinds of the violating texts, ranked by
//!    log-odds with an informative Dirichlet prior (B. Monroe, M. Colaresi, K. Quinn, "Fightin' Words", Political
//!    Analysis 16, 2008; the prior is the whole collection, background included).
//! 2. [`incidence`]: the matcher itself says which texts a candidate hits, so what is learned is what will be judged;
//!    candidates that hit the same texts are one.
//! 3. [`refine`] and [`fit`]: a list with weights and a threshold, a sparse logistic regression with weights of 0 or more over
//!    terms, and terms that do not count beside innocent words; or
//!    [`cover`]: a plain list, greedy set cover under a precision floor.
//!
//! Images of the same kind are grouped by [`image_clusters`].
//!
//! Deterministic: the same texts give the same terms. Not for one-off questions about a single term (that is
//! matching), and not for fewer than a few dozen examples: nothing can be learned from them.

mod candidates;
mod cover;
mod fit;
mod images;
mod incidence;
mod innocent;
mod refine;
mod solve;
#[cfg(test)]
mod tests;
mod variants;

use crate::{CompileError, Interrupt, Item, Level, MatchError, MatchMode, OpenError, Term};
use candidates::candidates;
pub use cover::{Gain, greedy_cover};
pub use images::{ClusterOptions, ImageCluster, LabelledImage, image_clusters};
use incidence::{Columns, incidence};
use std::fmt;
pub use variants::{Variant, VariantKind, variants};

/// What is known of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Violating,
    Benign,
    /// Unreviewed content, taken for benign: most of it is.
    Background,
}

/// A text to learn from.
#[derive(Clone, Copy, Debug)]
pub struct Example<'t> {
    pub text: &'t str,
    pub class: Class,
}

/// How to mine.
#[derive(Clone, Debug)]
pub struct MineOptions {
    /// Most terms in the result.
    pub max_terms: usize,
    /// Violating texts that a term must hit at least.
    pub min_support: usize,
    /// With weights and a threshold for all of them together; else each term acts alone.
    pub weighted: bool,
    /// Plain list: share of violating texts among the labelled ones that each term newly hits, at least.
    pub precision_floor: f64,
    /// Share of the background's kind of text that the list may flag. Of the background itself it flags less, by what
    /// chance may hide: see [`MineOptions::allowed`].
    pub max_background: f64,
}

impl Default for MineOptions {
    fn default() -> Self {
        Self {
            max_terms: 500,
            min_support: 3,
            weighted: true,
            precision_floor: 0.9,
            max_background: 0.01,
        }
    }
}

impl MineOptions {
    /// How many of so many background texts may be flagged, so that with 95 % confidence no more than `max_background` of
    /// all such texts are (one-sided, normal approximation of the binomial).
    fn allowed(&self, background: usize) -> usize {
        let expected = self.max_background * background as f64;
        let spread = (expected * (1.0 - self.max_background)).max(0.0).sqrt();
        (expected - 1.645 * spread).max(0.0) as usize
    }
}

/// A mined term. Counts are texts it hits.
#[derive(Clone, Debug)]
pub struct MinedTerm {
    pub term: Term,
    /// The package acts when the weights of a text's terms sum up to 1. A plain list has weight 1 everywhere.
    pub weight: f32,
    pub violating: usize,
    pub benign: usize,
    pub background: usize,
    /// Violating texts that no term before it hits.
    pub new_violating: usize,
    /// Log-odds over its standard deviation.
    pub z: f64,
    /// The first violating texts it hits, as positions in the examples.
    pub examples: Vec<usize>,
}

/// What the list does to texts it was not learned from: every text judged by a list learned from the other four
/// fifths (plain lists: what it does to the examples themselves).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub true_positives: usize,
    pub false_positives: usize,
    pub false_negatives: usize,
    /// Background texts flagged.
    pub background: usize,
}

/// The result of [`mine`], best terms first.
#[derive(Clone, Debug, Default)]
pub struct Mined {
    pub terms: Vec<MinedTerm>,
    pub outcome: Outcome,
}

/// Why nothing could be mined.
#[derive(Debug)]
pub enum MineError {
    Compile(CompileError),
    Open(OpenError),
    Match(MatchError),
    OutOfMemory,
    Interrupted,
}

impl fmt::Display for MineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compile(error) => error.fmt(f),
            Self::Open(error) => error.fmt(f),
            Self::Match(error) => error.fmt(f),
            Self::OutOfMemory => f.write_str("not enough memory to mine these texts"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl From<CompileError> for MineError {
    fn from(error: CompileError) -> Self {
        Self::Compile(error)
    }
}

impl From<OpenError> for MineError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<MatchError> for MineError {
    fn from(error: MatchError) -> Self {
        Self::Match(error)
    }
}

impl From<std::collections::TryReserveError> for MineError {
    fn from(_: std::collections::TryReserveError) -> Self {
        Self::OutOfMemory
    }
}

/// Mines terms. Without violating texts, or without others, the result is empty.
///
/// # Errors
/// [`MineError::Interrupted`] when `interrupt` says so, [`MineError::OutOfMemory`], and what compiling and matching the
/// candidates may return.
pub fn mine(
    examples: &[Example<'_>],
    options: &MineOptions,
    interrupt: Interrupt<'_>,
) -> Result<Mined, MineError> {
    let found = candidates(examples, options.min_support, interrupt)?;
    if found.is_empty() || options.max_terms == 0 {
        return Ok(Mined::default());
    }
    let columns = incidence(examples, found, options.min_support, interrupt)?;
    if options.weighted {
        fit::weighted(examples, &columns, options, interrupt)
    } else {
        cover::plain(examples, &columns, options, interrupt)
    }
}

/// Level evasion for words in other scripts than Latin, which look-alikes of Latin letters disguise; folded for the rest:
/// the readings of numbers and codes as letters would hit by accident.
fn plain_term(text: String, mode: MatchMode) -> Term {
    let level = if mode.is_plain() && !text.is_ascii() {
        Level::Evasion
    } else {
        Level::Folded
    };
    Term {
        text,
        mode,
        level,
        language: None,
    }
}

fn item(id: usize, term: Term) -> Item {
    Item {
        id: id as i64,
        slot: 0,
        allow: false,
        weight: 1.0,
        term,
    }
}

/// Counts and examples of a chosen column; `covered` are the violating texts hit so far.
fn describe(
    examples: &[Example<'_>],
    columns: &Columns,
    chosen: &[(usize, f32)],
    outcome: Outcome,
) -> Result<Mined, MineError> {
    let mut covered = Vec::new();
    covered.try_reserve_exact(examples.len())?;
    covered.resize(examples.len(), false);
    let mut terms = Vec::new();
    terms.try_reserve_exact(chosen.len())?;
    for &(column, weight) in chosen {
        let Some(candidate) = columns.candidates.get(column) else {
            continue;
        };
        let mut mined = MinedTerm {
            term: candidate.term.clone(),
            weight,
            violating: 0,
            benign: 0,
            background: 0,
            new_violating: 0,
            z: candidate.z,
            examples: Vec::new(),
        };
        for &text in columns.rows(column) {
            let text = text as usize;
            match examples.get(text).map(|e| e.class) {
                Some(Class::Violating) => {
                    mined.violating += 1;
                    if mined.examples.len() < 3 {
                        mined.examples.push(text);
                    }
                    if let Some(seen) = covered.get_mut(text)
                        && !*seen
                    {
                        *seen = true;
                        mined.new_violating += 1;
                    }
                }
                Some(Class::Benign) => mined.benign += 1,
                Some(Class::Background) => mined.background += 1,
                None => {}
            }
        }
        terms.push(mined);
    }
    Ok(Mined { terms, outcome })
}
