//! The matching engine of pg_moderation: pure Rust, no PostgreSQL, no unsafe code but the calls in `processor` of what was
//! compiled for the processor at hand.
//!
//! The extension sees one seam only: [`compile`] turns items into bytes, [`Matcher::open`] turns bytes into a
//! matcher. Everything in between (folding, automata, the format of the bytes) may change freely; the
//! [`FOLDING_VERSION`] and [`FORMAT_VERSION`] are part of every compiled set's name.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod boundary;
mod compiled;
mod detect;
mod dictionary;
mod error;
mod evasion;
mod explain;
mod fold;
mod glob;
mod grams;
pub mod hash;
mod inflect;
mod item;
mod lint;
mod matcher;
pub mod media;
pub mod mine;
#[doc(hidden)]
pub mod parts;
mod pattern;
mod processor;
mod reserve;
mod rule;
mod set_hash;
mod typo;

pub use compiled::verify;
pub use error::{CompileError, MatchError, OpenError, TermError};
pub use evasion::Steps;
pub use explain::{Explanation, Near, explain, fold_text_at, mask_text};
pub use fold::fold_text;
pub use grams::{Gram, last_of_range, term_grams, text_grams};
pub use inflect::Language;
pub use item::{Item, Level, MatchMode, Term, validate_term};
pub use lint::{Finding, LintError, LintOptions, Remedy, Severity, lint};
pub use matcher::{Evidence, FindOptions, Hit, Matcher, compile, compile_owned};
pub use pattern::MAX_REPETITIONS;
pub use rule::{MAX_LEAVES, loosened_rule};
pub use set_hash::{SET_HASH_STATE_BYTES, SetHash, SetHashError};
pub use typo::MIN_TYPO_LETTERS;

/// Changes whenever the same text may fold to something else: rules, Unicode version, stemmers.
pub const FOLDING_VERSION: u32 = 3;

/// Changes whenever the layout of compiled bytes changes.
pub const FORMAT_VERSION: u32 = 9;

/// Longest term that can be added, in characters.
pub const MAX_TERM_CHARS: usize = 1_000;

/// Largest compiled set, in bytes.
pub const MAX_COMPILED_BYTES: usize = 512 * 1024 * 1024;

/// Most folded text that the terms of one set may have together, in bytes.
pub const MAX_PATTERN_BYTES: usize = 128 * 1024 * 1024;

/// Asks what processor this is, which the first text would otherwise wait for: a virtual machine has to ask its host, which takes
/// tens of microseconds.
pub fn find_processor() {
    processor::kind();
}

/// BLAKE3, as compiled sets are checked with.
pub fn checksum(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

/// Asked regularly during long work; returns `true` when the work must stop.
pub type Interrupt<'a> = &'a mut dyn FnMut() -> bool;
