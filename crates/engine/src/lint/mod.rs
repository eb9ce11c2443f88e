//! Lint: items of one release that cannot do what they are there for, do it twice, or do too much.
//!
//! One pass: all terms are compiled into one matcher and looked for in each other. Not a check of single terms, which
//! [`crate::validate_term`] refuses when they are added, and no substitute for a test on one's own content.
//!
//! | rule | severity | what |
//! |---|---|---|
//! | `matches_everything` | error, warning | a fragment of one letter; an error where a single hit blocks |
//! | `swallowed` | error, warning | an allow entry covers the whole term: it can never hit, or only in disguise |
//! | `duplicate` | warning | the same as another item after folding |
//! | `contained` | warning, info | wherever it stands another item hits as well (info: it counts for less) |
//! | `look_alike` | warning | another item in disguise |
//! | `mixed_script` | warning | letters of two scripts in one word |
//! | `too_short` | warning | a fragment that many words contain |
//! | `too_common` | warning | hits words of everyday language (crate `stop-words`), or words that the caller's own frequencies call common |
//! | `never_suppresses` | warning | an allow entry in which nothing hits |
//! | `regex_cost` | warning | an expression that is large, or has no fixed beginning to look for |

mod relations;
mod rules;

use crate::{CompileError, Interrupt, Item, Level, MatchError, OpenError};

/// How bad a finding is. Errors keep a release from going live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
    Info,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// What would mend it.
#[derive(Clone, Debug, PartialEq)]
pub enum Remedy {
    /// Only the operator can say.
    Think,
    /// Remove the item.
    Remove,
    /// Remove the item and add this text in its place.
    Replace(String),
    /// Look for whole words.
    WholeWord,
    /// Give the other item this level and remove the item.
    Raise { other: i64, level: Level },
}

/// One thing found at one item.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub severity: Severity,
    pub item: i64,
    /// The other item without which it would not be found, if there is one.
    pub other: Option<i64>,
    pub rule: &'static str,
    /// A sentence; names terms.
    pub message: String,
    pub remedy: Remedy,
}

/// What [`lint`] is to look at besides the items.
#[derive(Clone, Debug, Default)]
pub struct LintOptions<'a> {
    /// Words of the caller's language with their share of all words, 0 to 1.
    pub words: &'a [(String, f64)],
    /// The package needs more than one hit to act: an item inside another one still adds to the score.
    pub sums_up: bool,
    /// A single hit blocks a content.
    pub blocks: bool,
    /// Only findings of severity error.
    pub errors_only: bool,
}

/// Why linting stopped.
#[derive(Debug)]
pub enum LintError {
    Compile(CompileError),
    Open(OpenError),
    Match(MatchError),
}

impl From<CompileError> for LintError {
    fn from(error: CompileError) -> Self {
        Self::Compile(error)
    }
}

impl From<OpenError> for LintError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<MatchError> for LintError {
    fn from(error: MatchError) -> Self {
        Self::Match(error)
    }
}

/// Everything that is questionable about the items of one release, worst first, then by item.
///
/// # Errors
/// What compiling and matching can say: too large, interrupted, out of memory.
pub fn lint(
    items: &[Item],
    options: &LintOptions<'_>,
    interrupt: Interrupt<'_>,
) -> Result<Vec<Finding>, LintError> {
    let mut findings = Vec::new();
    rules::too_short(items, options, &mut findings);
    rules::swallowed(items, &mut findings, interrupt)?;
    if options.errors_only {
        findings.retain(|finding| finding.severity == Severity::Error);
    } else {
        let duplicates = rules::duplicates(items, &mut findings);
        rules::mixed_script(items, &mut findings);
        rules::regex_cost(items, &mut findings, interrupt)?;
        relations::against_each_other(items, &duplicates, options, &mut findings, interrupt)?;
    }
    findings.sort_by_key(|finding| (finding.severity, finding.item, finding.rule));
    Ok(findings)
}

#[cfg(test)]
mod tests;
