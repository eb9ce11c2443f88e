//! Other filters on the same texts: those written in Rust are run, the others quoted.

use crate::data::percent;
use censor::Censor;
use rustrict::{CensorStr, Type};

/// The columns of [`row`].
pub const HEAD: &str = "rustrict 0.7 (run) | censor 0.3 (run)";

/// How many of the texts each peer flags, with its own list and default settings.
pub fn row(texts: &[String]) -> String {
    let standard = Censor::Standard;
    let rustrict = texts.iter().filter(|t| t.is(Type::INAPPROPRIATE)).count();
    let censor = texts.iter().filter(|t| standard.check(t)).count();
    let cell = |n: usize| format!("{n} ({})", percent(n, texts.len()));
    format!("{} | {}", cell(rustrict), cell(censor))
}

/// Results of peers in other languages, on the halves of the same sets that are kept elsewhere.
pub fn quoted() {
    println!("\nQuoted, not run here (counts on the other halves of the sets):");
    println!(
        "| tool | surge evasive 348 | surge plain 440 | dictionary words 761 | clean advertisements 14936 |"
    );
    println!("|---|---|---|---|---|");
    for line in [
        "rustrict 0.7.39 | 289 (83 %) | 369 | 54 | 1360 (9.1 %)",
        "obscenity 0.4.6 | 155 (45 %) | 272 | 36 | 74 (0.5 %)",
        "better-profanity 0.7.0 | 120 (34 %) | 198 | 0 | 357 (2.4 %)",
        "bad-words 4.1.5 | 66 (19 %) | 173 | 0 | 132 (0.9 %)",
        "@2toad/profanity 3.3.0 | 57 (16 %) | 164 | 1 | 73 (0.5 %)",
        "alt-profanity-check 1.9.1 | 25 (7 %) | 148 | 3 | 75 (0.5 %)",
    ] {
        println!("| {line} |");
    }
}
