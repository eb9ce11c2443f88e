//! A set of every mode and level, and one of words, over any text: spans slice the text, code points and bytes agree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pg_moderation_engine::{FindOptions, Item, Level, MatchMode, Matcher, Term, compile};
use std::sync::OnceLock;

const TERMS: [(&str, MatchMode); 12] = [
    ("casino", MatchMode::Word),
    ("каз", MatchMode::Prefix),
    ("но", MatchMode::Suffix),
    ("ss", MatchMode::Substring),
    ("каз*но", MatchMode::Wildcard),
    ("закладка тут", MatchMode::Inflected),
    ("gambling", MatchMode::Inflected),
    ("telegram", MatchMode::Typo),
    ("a.b+", MatchMode::Regex),
    ("a &2 b | \"c d\" ~ e", MatchMode::Rule),
    ("*", MatchMode::Domain),
    ("*", MatchMode::Phone),
];

/// Terms of whole words: level evasion has a quick way past plain words for them.
const WORDS: [(&str, MatchMode); 6] = [
    ("casino", MatchMode::Word),
    ("free spins", MatchMode::Word),
    ("казино", MatchMode::Word),
    ("онлайн casino", MatchMode::Word),
    ("a+ b", MatchMode::Word),
    ("закладка тут", MatchMode::Inflected),
];

fn matcher(terms: &[(&str, MatchMode)]) -> Matcher {
    let mut items = Vec::new();
    for (n, &(text, mode)) in terms.iter().enumerate() {
        for level in [Level::Literal, Level::Folded, Level::Evasion] {
            let term = Term {
                text: text.into(),
                mode,
                level,
                language: None,
            };
            if pg_moderation_engine::validate_term(&term).is_ok() {
                let id = (n * 4 + level as usize) as i64;
                items.push(Item {
                    id,
                    slot: 0,
                    allow: n == 1,
                    weight: 1.0,
                    term,
                });
            }
        }
    }
    let bytes = compile(&items, &mut || false).expect("the set compiles");
    Matcher::open(&bytes).expect("the set opens")
}

fuzz_target!(|text: &str| {
    static MATCHERS: OnceLock<[Matcher; 2]> = OnceLock::new();
    let options = FindOptions {
        suppressed: true,
        ..FindOptions::default()
    };
    for matcher in MATCHERS.get_or_init(|| [matcher(&TERMS), matcher(&WORDS)]) {
        for hit in matcher
            .find(text, &options, &mut || false)
            .expect("not interrupted")
        {
            let matched = text.get(hit.bytes.clone()).expect("whole characters");
            assert_eq!(
                text.chars().skip(hit.start).take(hit.length).collect::<String>(),
                matched
            );
        }
    }
});
