//! The parsers of terms alone, many times as fast as with what `terms` does: wildcards, rules, regular expressions,
//! detectors. The first byte is the mode, the rest the term; a refusal points into it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pg_moderation_engine::{Level, MatchMode, Term, loosened_rule, validate_term};

fuzz_target!(|data: &[u8]| {
    let [mode, rest @ ..] = data else { return };
    let (Some(mode), Ok(text)) = (MatchMode::from_u8(mode % 13), std::str::from_utf8(rest)) else {
        return;
    };
    let term = Term {
        text: text.into(),
        mode,
        level: Level::Folded,
        language: None,
    };
    let valid = validate_term(&term).is_ok();
    if valid
        && mode == MatchMode::Rule
        && let Some(text) = loosened_rule(text)
    {
        let loosened = Term { text, ..term };
        assert!(validate_term(&loosened).is_ok(), "no rule: {}", loosened.text);
    }
});
