//! A damaged compiled set, searched where it lies: refused or opened, never a panic, and every hit slices the text.
//! The input says which of two sets it is about (a byte: one of every mode, one of disguised words only, which are searched
//! otherwise), and is a list of changes (place: 3 bytes, value: 1 byte) to it, behind a right header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pg_moderation_engine::{FindOptions, Item, Level, MatchMode, Matcher, Term, compile};
use std::sync::OnceLock;

const TERMS: [(&str, MatchMode, Level); 13] = [
    ("casino", MatchMode::Word, Level::Folded),
    ("casino bonus", MatchMode::Word, Level::Literal),
    ("казино", MatchMode::Prefix, Level::Folded),
    ("зино", MatchMode::Suffix, Level::Evasion),
    ("赌博", MatchMode::Word, Level::Folded),
    ("b", MatchMode::Substring, Level::Folded),
    ("bon*", MatchMode::Wildcard, Level::Folded),
    ("casino & bonus", MatchMode::Rule, Level::Folded),
    ("telegram", MatchMode::Typo, Level::Folded),
    ("закладка", MatchMode::Inflected, Level::Evasion),
    ("легкий заработок", MatchMode::Inflected, Level::Folded),
    ("casino.example", MatchMode::Domain, Level::Folded),
    ("*", MatchMode::Phone, Level::Folded),
];
const DISGUISED: [(&str, MatchMode, Level); 9] = [
    ("casino", MatchMode::Word, Level::Evasion),
    ("casino bonus", MatchMode::Word, Level::Evasion),
    ("online casino", MatchMode::Word, Level::Evasion),
    ("казино", MatchMode::Inflected, Level::Evasion),
    ("ставки на спорт", MatchMode::Word, Level::Evasion),
    ("pharmacy", MatchMode::Inflected, Level::Evasion),
    ("dvd диски", MatchMode::Word, Level::Evasion),
    ("foreskin", MatchMode::Word, Level::Evasion),
    ("e-mail", MatchMode::Word, Level::Evasion),
];
const TEXT: &str = "Casino bonus! каЗино, 赌博网站 telegrm b casino зaкладкой, лёгким заработком: vip.casino.example, +7 900 123-45-67 \
    cas1no b0nus onlinecasino c.a.s.i.n.o ставки на спopт f@rmacy csaino ouısɐɔ 4skin o n l i n e casino ordinary words";

fn good(terms: &[(&str, MatchMode, Level)]) -> Vec<u8> {
    let item = |(&(text, mode, level), id): (&(&str, MatchMode, Level), i64)| Item {
        id,
        slot: 0,
        allow: false,
        weight: 1.0,
        term: Term {
            text: text.into(),
            mode,
            level,
            language: None,
        },
    };
    let items: Vec<Item> = terms.iter().zip(1..).map(item).collect();
    compile(&items, &mut || false).expect("compiles")
}

fuzz_target!(|changes: &[u8]| {
    static GOOD: [OnceLock<Vec<u8>>; 2] = [OnceLock::new(), OnceLock::new()];
    let Some((&which, changes)) = changes.split_first() else {
        return;
    };
    let mut bytes = match which & 1 {
        0 => GOOD[0].get_or_init(|| good(&TERMS)).clone(),
        _ => GOOD[1].get_or_init(|| good(&DISGUISED)).clone(),
    };
    for change in changes.chunks_exact(4) {
        let place = u32::from_le_bytes([change[0], change[1], change[2], 0]) as usize % bytes.len();
        bytes[place] = change[3];
    }
    if let Ok(matcher) = Matcher::open_in_place(bytes) {
        let hits = matcher
            .find(TEXT, &FindOptions::default(), &mut || false)
            .expect("not interrupted");
        for hit in hits {
            assert!(TEXT.get(hit.bytes).is_some());
        }
    }
});
