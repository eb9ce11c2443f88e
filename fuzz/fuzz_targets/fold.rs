//! Folding is idempotent and never fails, at every level.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pg_moderation_engine::{Level, fold_text, fold_text_at};

fuzz_target!(|text: &str| {
    let once = fold_text(text);
    assert_eq!(fold_text(&once), once);
    fold_text_at(text, Level::Evasion);
});
