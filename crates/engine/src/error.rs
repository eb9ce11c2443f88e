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
            Self::Unsupported { what } => write!(f, "{what} is not supported"),
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
