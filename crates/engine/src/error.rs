//! Every way the engine can say no. The extension turns these into SQLSTATE, DETAIL and HINT in one place.

use std::fmt;

/// Why a term cannot be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TermError {
    Empty,
    TooLong {
        chars: usize,
        limit: usize,
    },
    /// Only separators, punctuation or characters that folding removes.
    NothingLeft,
    /// Bad wildcard, regular expression, rule or detector; `position` in code points of the term, from 0.
    Syntax {
        position: usize,
        message: String,
        hint: &'static str,
    },
    /// Too short for its mode.
    TooShort {
        letters: usize,
        least: usize,
    },
    /// No stemmer knows the language of an `inflected` term.
    NoStemmer,
    /// The level or mode is known but not available yet.
    Unsupported {
        what: &'static str,
    },
}

impl fmt::Display for TermError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("term is empty"),
            Self::TooLong { chars, limit } => {
                write!(f, "term has {chars} characters, at most {limit} are allowed")
            }
            Self::NothingLeft => f.write_str("nothing is left of the term after folding"),
            Self::Syntax {
                position, message, ..
            } => write!(f, "at character {}: {message}", position + 1),
            Self::TooShort { letters, least } => {
                write!(f, "term has {letters} letters, this mode needs {least}")
            }
            Self::NoStemmer => f.write_str("no stemmer is known for the language of the term"),
            Self::Unsupported { what } => write!(f, "{what} is not supported"),
        }
    }
}

impl TermError {
    /// What the operator can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Syntax { hint, .. } => Some(hint),
            Self::TooShort { .. } => Some("use mode word, or a longer term"),
            Self::NoStemmer => Some("name the language, or use mode word, prefix or wildcard"),
            _ => None,
        }
    }
}

impl std::error::Error for TermError {}

/// Why a set of items cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompileError {
    Term { item: i64, error: TermError },
    TooLarge { bytes: usize, limit: usize },
    OutOfMemory,
    Interrupted,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Term { item, error } => write!(f, "item {item}: {error}"),
            Self::TooLarge { bytes, limit } => {
                write!(f, "compiled set would take {bytes} bytes, the limit is {limit}")
            }
            Self::OutOfMemory => f.write_str("out of memory while compiling"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for CompileError {}

/// Why bytes are not a compiled set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    WrongVersion { found: u32, expected: u32 },
    Damaged(&'static str),
    OutOfMemory,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongVersion { found, expected } => {
                write!(f, "compiled set has format {found}, this build reads {expected}")
            }
            Self::Damaged(what) => write!(f, "compiled set is damaged: {what}"),
            Self::OutOfMemory => f.write_str("out of memory while opening a compiled set"),
        }
    }
}

impl std::error::Error for OpenError {}

/// Why a text could not be matched to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchError {
    OutOfMemory,
    Interrupted,
}

impl fmt::Display for MatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory => f.write_str("out of memory while matching"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for MatchError {}
