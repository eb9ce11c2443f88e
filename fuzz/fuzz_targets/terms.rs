//! The parsers of terms: wildcards, rules, regular expressions, detectors, languages. The first byte is the mode, the
//! second the level, the rest the term; when the second is odd, the term is then compiled and searches itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pg_moderation_engine::{FindOptions, Item, Level, MatchMode, Matcher, Term, compile, validate_term};

fuzz_target!(|data: &[u8]| {
    let [mode, level_byte, rest @ ..] = data else { return };
    let (Some(mode), Some(level)) = (MatchMode::from_u8(mode % 13), Level::from_u8((level_byte >> 1) % 3)) else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    let term = Term {
        text: text.into(),
        mode,
        level,
        language: None,
    };
    // Parsing alone is ten times as fast.
    if validate_term(&term).is_err() || level_byte & 1 == 0 {
        return;
    }
    let items = [Item {
        id: 1,
        slot: 0,
        allow: false,
        weight: 1.0,
        term,
    }];
    let bytes = compile(&items, &mut || false).expect("a valid term compiles");
    let matcher = Matcher::open(&bytes).expect("compiled bytes open");
    matcher
        .find(text, &FindOptions::default(), &mut || false)
        .expect("not interrupted");
});
