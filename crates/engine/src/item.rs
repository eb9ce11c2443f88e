//! What is compiled: items, as the extension reads them from its tables.

use crate::detect;
use crate::fold::classes::{is_ignorable, is_space};
use crate::fold::fold_text;
use crate::glob::Glob;
use crate::inflect::Language;
use crate::{MAX_TERM_CHARS, TermError, pattern, rule, typo};
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

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

impl Level {
    /// Every level; the position is its number in compiled bytes and tables.
    pub const ALL: [Self; 3] = [Self::Literal, Self::Folded, Self::Evasion];

    pub fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The name used in SQL, documents and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Literal => "literal",
            Self::Folded => "folded",
            Self::Evasion => "evasion",
        }
    }
}

/// Where in the text a term may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MatchMode {
    Word = 0,
    Prefix = 1,
    Suffix = 2,
    Substring = 3,
    /// `*` and `?` inside words.
    Wildcard = 4,
    /// All grammatical forms.
    Inflected = 5,
    /// One typing error.
    Typo = 6,
    /// A regular expression.
    Regex = 7,
    /// Words joined by `|`, `&`, `&5`, `~`.
    Rule = 8,
    /// A domain or link.
    Domain = 9,
    /// A phone number.
    Phone = 10,
    /// An e-mail address.
    Email = 11,
    /// A messenger handle.
    Handle = 12,
}

impl MatchMode {
    /// Every mode; the position is its number in compiled bytes and tables.
    pub const ALL: [Self; 13] = [
        Self::Word,
        Self::Prefix,
        Self::Suffix,
        Self::Substring,
        Self::Wildcard,
        Self::Inflected,
        Self::Typo,
        Self::Regex,
        Self::Rule,
        Self::Domain,
        Self::Phone,
        Self::Email,
        Self::Handle,
    ];

    pub fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The name used in SQL, documents and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Word => "word",
            Self::Prefix => "prefix",
            Self::Suffix => "suffix",
            Self::Substring => "substring",
            Self::Wildcard => "wildcard",
            Self::Inflected => "inflected",
            Self::Typo => "typo",
            Self::Regex => "regex",
            Self::Rule => "rule",
            Self::Domain => "domain",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Handle => "handle",
        }
    }

    /// The four modes that compare the term itself.
    pub(crate) fn is_plain(self) -> bool {
        matches!(self, Self::Word | Self::Prefix | Self::Suffix | Self::Substring)
    }
}

/// A risk word or phrase.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    pub text: String,
    pub mode: MatchMode,
    pub level: Level,
    /// Language of an `inflected` term, and of a rule whose words stand for all their forms; `None`: by its script
    /// (rules: words as they are).
    pub language: Option<Language>,
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

/// Checks a term as `add_terms` must: not empty, not over-long, something left after folding, and right for its
/// mode.
///
/// # Errors
/// [`TermError::Empty`] (nothing, or white space and invisible characters only), [`TermError::TooLong`] (over
/// [`MAX_TERM_CHARS`] characters), [`TermError::NothingLeft`] (only separators, punctuation and marks),
/// [`TermError::Syntax`] (wildcard, regex, rule, detector), [`TermError::TooShort`] (typo),
/// [`TermError::NoStemmer`] (inflected), [`TermError::Unsupported`] (a level that the mode does not have).
pub fn validate_term(term: &Term) -> Result<(), TermError> {
    let text = trimmed(&term.text);
    if text.is_empty() {
        return Err(if term.text.trim().is_empty() {
            TermError::Empty
        } else {
            TermError::NothingLeft
        });
    }
    let chars = text.chars().count();
    if chars > MAX_TERM_CHARS {
        return Err(TermError::TooLong {
            chars,
            limit: MAX_TERM_CHARS,
        });
    }
    let substance = folded_term(text).chars().any(is_substance);
    let evasion = term.level == Level::Evasion;
    match term.mode {
        MatchMode::Wildcard if evasion => Err(TermError::Unsupported {
            what: "level evasion with wildcards",
        }),
        MatchMode::Wildcard => Glob::parse(text).map(drop),
        MatchMode::Regex if evasion => Err(TermError::Unsupported {
            what: "level evasion with a regex",
        }),
        MatchMode::Regex => pattern::compile(text, term.level).map(drop),
        MatchMode::Typo if evasion => Err(TermError::Unsupported {
            what: "level evasion with mode typo",
        }),
        MatchMode::Domain | MatchMode::Phone | MatchMode::Email | MatchMode::Handle => {
            detect::parse(term.mode, text).map(drop)
        }
        _ if !substance => Err(TermError::NothingLeft),
        MatchMode::Typo if !typo::is_long_enough(text) => {
            let letters = folded_term(text).chars().filter(|c| c.is_alphabetic()).count();
            Err(TermError::TooShort {
                letters,
                least: typo::MIN_TYPO_LETTERS,
            })
        }
        MatchMode::Inflected if term.language.or(Language::of(text)).is_none() => Err(TermError::NoStemmer),
        MatchMode::Rule => {
            for leaf in rule::parse(text)?.leaves {
                validate_term(&leaf_term(term, &leaf)).map_err(|error| at_leaf(error, leaf.position))?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The term that a word of a rule is.
pub(crate) fn leaf_term(rule: &Term, leaf: &rule::Leaf) -> Term {
    let (mode, level) = match (leaf.wildcard, rule.language) {
        (true, _) => (MatchMode::Wildcard, rule.level.min(Level::Folded)),
        (false, Some(_)) => (MatchMode::Inflected, rule.level),
        (false, None) => (MatchMode::Word, rule.level),
    };
    Term {
        text: leaf.text.clone(),
        mode,
        level,
        language: rule.language,
    }
}

/// An error in a word of a rule, with its position in the rule.
fn at_leaf(error: TermError, leaf: usize) -> TermError {
    let (position, message, hint) = match error {
        TermError::Syntax {
            position,
            message,
            hint,
        } => (leaf + position, message, hint),
        other => (
            leaf,
            other.to_string(),
            "every word of a rule must be a term by itself",
        ),
    };
    TermError::Syntax {
        position,
        message,
        hint,
    }
}

/// A term without white space and invisible characters around it.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c| is_space(c) || is_ignorable(c))
}

/// The folded form of a term: what is searched for in folded text.
pub(crate) fn folded_term(text: &str) -> String {
    let mut folded = fold_text(trimmed(text));
    folded.truncate(folded.trim_end_matches(' ').len());
    let leading = folded.len() - folded.trim_start_matches(' ').len();
    folded.drain(..leading);
    folded
}

/// Letters, digits and symbols (emoji, currency) can be a term; punctuation, separators and marks alone cannot.
fn is_substance(c: char) -> bool {
    use GeneralCategory as G;
    c.is_alphanumeric()
        || matches!(
            CodePointMapData::<GeneralCategory>::new().get(c),
            G::MathSymbol | G::CurrencySymbol | G::OtherSymbol | G::OtherNumber | G::PrivateUse
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), TermError> {
        validate_term(&Term {
            text: text.into(),
            mode: MatchMode::Word,
            level: Level::Folded,
            language: None,
        })
    }

    #[test]
    fn refuses_what_cannot_be_a_term() {
        assert_eq!(check(""), Err(TermError::Empty));
        assert_eq!(check(" \n "), Err(TermError::Empty));
        assert_eq!(check("\u{200b}\u{202e}"), Err(TermError::NothingLeft));
        assert_eq!(check("-- ... !"), Err(TermError::NothingLeft));
        assert_eq!(check("\u{301}"), Err(TermError::NothingLeft));
        assert_eq!(
            check(&"я".repeat(1_001)),
            Err(TermError::TooLong {
                chars: 1_001,
                limit: MAX_TERM_CHARS
            })
        );
        assert_eq!(check(&"я".repeat(1_000)), Ok(()));
        for good in ["казино", "c++", "💊", "$$$", " padded ", "½"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }
}
