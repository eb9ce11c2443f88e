//! Regular expressions as terms, made safe: a linear-time engine (crate `regex-automata`), bounded compiled size,
//! bounded length of a match.
//!
//! At level `folded` the expression runs on folded text and ignores case; at level `literal` on the text as it is.
//! A repetition without an upper bound matches at most [`MAX_REPETITIONS`] times, so that a match has a greatest
//! length and every window of text gives the same hits.

use crate::{Level, TermError};
use regex_automata::meta::Regex;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind, Repetition};

/// What `*`, `+` and `{n,}` stand for at most.
pub const MAX_REPETITIONS: u32 = 64;

/// Longest match, in bytes.
pub(crate) const MAX_MATCH_BYTES: usize = 4_096;

/// Compiled size of one expression, in bytes.
const MAX_SIZE: usize = 8 * 1024 * 1024;

/// Depth of nested groups.
const MAX_NESTING: u32 = 50;

fn syntax(position: usize, message: String, hint: &'static str) -> TermError {
    TermError::Syntax {
        position,
        message,
        hint,
    }
}

/// Parses and compiles an expression.
///
/// # Errors
/// [`TermError::Syntax`] with the position (in code points) of what is wrong: bad syntax, an expression that matches
/// the empty text, one that is too large or can match more than 4,096 bytes.
pub(crate) fn compile(text: &str, level: Level) -> Result<Regex, TermError> {
    let mut parser = ParserBuilder::new()
        .case_insensitive(level != Level::Literal)
        .nest_limit(MAX_NESTING)
        .utf8(true)
        .build();
    let hir = parser.parse(text).map_err(|error| {
        let (byte, message) = match &error {
            regex_syntax::Error::Parse(e) => (e.span().start.offset, e.kind().to_string()),
            regex_syntax::Error::Translate(e) => (e.span().start.offset, e.kind().to_string()),
            other => (0, other.to_string()),
        };
        let position = text.get(..byte).map_or(0, |head| head.chars().count());
        syntax(position, message, "see the syntax of the Rust regex crate")
    })?;
    let hir = bounded(hir);
    let properties = hir.properties();
    if properties.minimum_len().unwrap_or(0) == 0 {
        return Err(syntax(
            0,
            "the expression matches the empty text".into(),
            "make some part of it required",
        ));
    }
    if properties.maximum_len().is_none_or(|most| most > MAX_MATCH_BYTES) {
        let message = format!("the expression can match more than {MAX_MATCH_BYTES} bytes");
        return Err(syntax(0, message, "bound its repetitions, as in .{0,20}"));
    }
    let config = Regex::config()
        .nfa_size_limit(Some(MAX_SIZE))
        .onepass_size_limit(Some(MAX_SIZE / 8))
        .hybrid_cache_capacity(MAX_SIZE / 4)
        .dfa(false);
    Regex::builder()
        .configure(config)
        .build_from_hir(&hir)
        .map_err(|error| {
            let message = error.size_limit().map_or_else(
                || error.to_string(),
                |limit| format!("the compiled expression would take more than {limit} bytes"),
            );
            syntax(0, message, "use fewer or smaller repetitions")
        })
}

/// What an expression costs those who match it.
pub(crate) struct Cost {
    /// Memory of the compiled expression.
    pub(crate) bytes: usize,
    /// Every match begins with one of a few strings of two bytes or more, which can be looked for quickly.
    pub(crate) fixed_start: bool,
}

/// The cost of an expression that [`compile`] accepts.
///
/// # Errors
/// As [`compile`].
pub(crate) fn cost(text: &str, level: Level) -> Result<Cost, TermError> {
    let regex = compile(text, level)?;
    let mut parser = ParserBuilder::new()
        .case_insensitive(level != Level::Literal)
        .nest_limit(MAX_NESTING)
        .utf8(true)
        .build();
    let starts = parser
        .parse(text)
        .map(|hir| regex_syntax::hir::literal::Extractor::new().extract(&hir));
    let fixed_start = starts.is_ok_and(|starts| starts.min_literal_len().is_some_and(|length| length >= 2));
    Ok(Cost {
        bytes: regex.memory_usage(),
        fixed_start,
    })
}

/// Gives every repetition an upper bound.
fn bounded(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Repetition(r) => Hir::repetition(Repetition {
            min: r.min,
            max: Some(r.max.unwrap_or(r.min.max(MAX_REPETITIONS))),
            greedy: r.greedy,
            sub: Box::new(bounded(*r.sub)),
        }),
        HirKind::Capture(c) => bounded(*c.sub),
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(bounded).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.into_iter().map(bounded).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (usize, String) {
        match compile(text, Level::Folded) {
            Err(TermError::Syntax {
                position, message, ..
            }) => (position, message),
            other => panic!("{text} is refused, not {other:?}"),
        }
    }

    #[test]
    fn refuses_with_a_position() {
        assert_eq!(refused("каз(ино").0, 3);
        assert!(refused("a*").1.contains("empty"));
        assert!(refused("").1.contains("empty"));
        assert!(refused("(a|b|)").1.contains("empty"));
        assert!(refused("(((\\w{1,60}){1,60}){1,60}){1,60}").1.contains("bytes"));
        assert!(refused("a{5000}").1.contains("4096"));
        assert_eq!(refused("ab[z-a]").0, 3);
    }

    #[test]
    fn unbounded_repetitions_get_a_bound() {
        let regex = compile("ab+", Level::Folded).expect("compiles");
        let found = regex.find(&format!("a{}", "b".repeat(1_000))).expect("matches");
        assert_eq!(found.len(), 65);
    }
}
