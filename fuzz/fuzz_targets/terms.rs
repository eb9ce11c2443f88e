//! Terms of every mode and level: what the parsers let through compiles, opens, and searches itself. The first byte is the
//! mode, the second the level, the rest the term. `parsers` is for the parsers alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pg_moderation_engine::{FindOptions, Item, Level, MatchMode, Matcher, Term, compile, validate_term};

fuzz_target!(|data: &[u8]| {
    let [mode, level, rest @ ..] = data else { return };
    let (Some(mode), Some(level)) = (MatchMode::from_u8(mode % 13), Level::from_u8(level % 3)) else {
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
    if validate_term(&term).is_err() {
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
