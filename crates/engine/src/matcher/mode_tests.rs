use super::scan::Asked;
use super::tests::{find, open, term};
use super::*;
use crate::{Language, Steps, Term, TermError};
use proptest::prelude::*;

fn item(id: i64, text: &str, mode: MatchMode) -> Item {
    term(id, text, mode, Level::Folded)
}

fn spoken(id: i64, text: &str, language: Language) -> Item {
    let mut item = item(id, text, MatchMode::Inflected);
    item.term.language = Some(language);
    item
}

fn spans<'t>(items: &[Item], text: &'t str) -> Vec<&'t str> {
    find(items, text).into_iter().map(|h| &text[h.bytes]).collect()
}

#[test]
fn wildcards_take_whole_words() {
    let items = [
        item(1, "каз*но", MatchMode::Wildcard),
        item(2, "v??gra", MatchMode::Wildcard),
    ];
    assert_eq!(
        spans(&items, "Казино, казкинно. Каза. V1AGRA vigra viagra!"),
        ["Казино", "казкинно", "V1AGRA", "viagra"]
    );
    let items = [item(1, "онлайн каз*", MatchMode::Wildcard)];
    assert_eq!(spans(&items, "в Онлайн\n казиношке"), ["Онлайн\n казиношке"]);
}

#[test]
fn inflected_phrases_behave_as_a_speaker_expects() {
    let items = [item(1, "онлайн казино", MatchMode::Inflected)];
    assert_eq!(
        spans(&items, "Лучшие онлайн-казино; в Онлайн казино"),
        ["онлайн-казино", "Онлайн казино"]
    );
    let items = [item(1, "закладка", MatchMode::Inflected)];
    assert_eq!(
        spans(&items, "с закладкой и без закладок, но закладочный"),
        ["закладкой", "закладок"]
    );
    let items = [item(1, "легкий заработок", MatchMode::Inflected)];
    assert_eq!(
        spans(&items, "о лёгком заработке. Легких! заработков"),
        ["лёгком заработке"]
    );
    let hits = find(&items, "легкого заработка легкий заработок");
    assert_eq!(hits[0].evidence.steps, Steps::INFLECTED);
    assert_eq!(
        (hits[1].evidence.level, hits[1].evidence.factor),
        (Level::Literal, 1.0)
    );
    assert_eq!(
        spans(&[spoken(1, "wette", Language::German)], "Wetten!"),
        ["Wetten"]
    );
}

#[test]
fn inflected_terms_of_level_evasion_read_mixed_words() {
    let evasive = term(1, "закладка", MatchMode::Inflected, Level::Evasion);
    assert_eq!(spans(&[evasive], "зaклaдkoй"), ["зaклaдkoй"]);
    assert_eq!(
        spans(&[item(1, "закладка", MatchMode::Inflected)], "зaклaдkoй"),
        [""; 0]
    );
}

#[test]
fn typing_errors() {
    let items = [item(1, "telegram", MatchMode::Typo)];
    assert_eq!(
        spans(&items, "Telegram telgram teelgram telegramm telegraph"),
        ["Telegram", "telgram", "teelgram", "telegramm"]
    );
    assert!(matches!(
        validate_term(&item(1, "short", MatchMode::Typo).term),
        Err(TermError::TooShort { letters: 5, .. })
    ));
}

#[test]
fn regular_expressions() {
    let items = [item(1, r"доход от \d+", MatchMode::Regex)];
    assert_eq!(
        spans(&items, "ДОХОД ОТ 500 и доход от 20"),
        ["ДОХОД ОТ 500", "доход от 20"]
    );
    let items = [term(1, r"[A-Z]{3}\d", MatchMode::Regex, Level::Literal)];
    assert_eq!(spans(&items, "ABC1 abc1 xABC2"), ["ABC1", "ABC2"]);
}

#[test]
fn rules() {
    let rule = item(
        1,
        "(telegram | whatsapp | вотсап) & (доход | profit) ~ благотворительность",
        MatchMode::Rule,
    );
    let rule = std::slice::from_ref(&rule);
    assert_eq!(spans(rule, "Ваш доход! Пишите в Telegram"), ["Telegram"]);
    assert_eq!(spans(rule, "Ваш доход! Пишите"), [""; 0]);
    assert_eq!(spans(rule, "доход, telegram, благотворительность"), [""; 0]);
    let near = item(1, "кредит &2 \"без отказа\"", MatchMode::Rule);
    let near = std::slice::from_ref(&near);
    assert_eq!(
        spans(near, "кредит всем и без отказа"),
        ["кредит всем и без отказа"]
    );
    assert_eq!(spans(near, "без отказа один два три кредит"), [""; 0]);
    let mut inflected = item(1, "закладка & курьер", MatchMode::Rule);
    inflected.term.language = Some(Language::Russian);
    assert_eq!(spans(&[inflected], "нужны курьеры с закладками"), ["закладками"]);
}

#[test]
fn detectors() {
    let items = [
        item(1, "casino.example", MatchMode::Domain),
        item(2, "*", MatchMode::Phone),
        item(3, "@shop", MatchMode::Handle),
        item(4, "*", MatchMode::Email),
    ];
    let text = "Жми HTTPS://VIP.Casino.example/x, звони +7 (900) 123-45-67, пиши t.me/shop или a@b.example";
    assert_eq!(
        spans(&items, text),
        [
            "HTTPS://VIP.Casino.example/x",
            "+7 (900) 123-45-67",
            "t.me/shop",
            "a@b.example"
        ]
    );
    let hits = find(&items, "саsino.example");
    assert_eq!(hits[0].evidence.steps, Steps::LOOKALIKE);
}

#[test]
fn allow_entries_work_in_every_mode() {
    let allowed = |text: &str, mode| Item {
        allow: true,
        ..item(9, text, mode)
    };
    let risk = item(1, "закладка", MatchMode::Inflected);
    let text = "страница с закладками книги";
    for allow in [
        allowed("закладка книги", MatchMode::Inflected),
        allowed("с закладк*", MatchMode::Wildcard),
        allowed(r"с закладками \w+", MatchMode::Regex),
        allowed("с закладками", MatchMode::Word),
    ] {
        assert_eq!(spans(&[risk.clone(), allow.clone()], text), [""; 0], "{allow:?}");
    }
    for (allow, text) in [
        (allowed("casino & royale", MatchMode::Rule), "casino royale"),
        (allowed("\"casino royale\"", MatchMode::Rule), "casino royale"),
        (allowed("casinoroyale", MatchMode::Typo), "casinoroyal"),
        (
            allowed("casino.example", MatchMode::Domain),
            "see casino.example/x",
        ),
        (
            allowed("casino@shop.example", MatchMode::Email),
            "casino@shop.example",
        ),
        (allowed("@casino", MatchMode::Handle), "ask @casino"),
    ] {
        let risk = term(1, "casino", MatchMode::Substring, Level::Folded);
        assert_eq!(spans(&[risk.clone(), allow.clone()], text), [""; 0], "{allow:?}");
        assert_eq!(spans(&[risk, allow], "a casino!"), ["casino"]);
    }
    let evasive = term(1, "casino", MatchMode::Word, Level::Evasion);
    let royale = term(9, "casino royale", MatchMode::Word, Level::Evasion);
    let royale = Item {
        allow: true,
        ..royale
    };
    assert_eq!(spans(&[evasive, royale], "c@sino royale"), [""; 0]);
}

#[test]
fn refuses_what_no_language_knows() {
    let chinese = item(1, "赌博", MatchMode::Inflected);
    assert_eq!(validate_term(&chinese.term), Err(TermError::NoStemmer));
    let rule = item(1, "a & \"--\"", MatchMode::Rule);
    assert!(matches!(
        validate_term(&rule.term),
        Err(TermError::Syntax { position: 5, .. })
    ));
}

/// Items of every mode over a small alphabet.
pub(super) fn items() -> impl Strategy<Value = Vec<Item>> {
    let text = prop_oneof![
        "[абк]{2,4}",
        "казин[оаы]",
        "[аб]{2,3} казино",
        "[аб]{2}\\*[аб]{0,2}",
        "[аб]{1,2}\\?казин",
        "казино & [аб]{2} ~ [аб]{3}",
        "казино &2 [аб]{2}",
        "[аб]{1,2}\\+[аб]",
        "аб\\.ру",
        "@казино",
        "1234567890",
        "[ck]as[ie]no",
        "kas [ae]no",
    ];
    let item = (text, 0u8..13, 0u8..3, prop::bool::weighted(0.2));
    proptest::collection::vec(item, 1..8).prop_map(|list| {
        let item = |(n, (text, mode, level, allow)): (usize, (String, u8, u8, bool))| Item {
            allow,
            ..term(
                n as i64,
                &text,
                MatchMode::from_u8(mode).expect("mode"),
                Level::from_u8(level).expect("level"),
            )
        };
        list.into_iter()
            .enumerate()
            .map(item)
            .filter(|i| validate_term(&i.term).is_ok())
            .collect()
    })
}

pub(super) fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[абк]{1,4} ?",
        3 => "[Кк][аa][зЗ]{1,3}и?н[оo0а]",
        2 => "[ \n.,*_-]{1,2}",
        1 => "[аб]{1,2}\\.ру",
        1 => "@казино",
        1 => "\\+?1?234 567-890",
        2 => "[CckK]{1,2}[aeiouy*3]{0,2}[sz$]{1,2}[iey1]{0,2}n{1,2}[o0a]{0,2}z?[ -]?",
        1 => "[ßﬁ½ﷺ\u{200b}\u{301}é]",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|v| v.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn spans_slice_the_text_and_windows_do_not_matter(items in items(), text in texts(), window in 1usize..60) {
        let matcher = open(&items);
        let options = FindOptions { suppressed: true, ..Default::default() };
        let whole = matcher.find(&text, &options, &mut || false).expect("runs");
        let windows = matcher.scan_in_windows(&text, &Asked::new(&options), window, &mut || false).expect("runs");
        prop_assert_eq!(&whole, &windows);
        for hit in &whole {
            let matched: String = text.chars().skip(hit.start).take(hit.length).collect();
            prop_assert_eq!(Some(matched.as_str()), text.get(hit.bytes.clone()));
            prop_assert!(!matched.is_empty());
        }
    }

    #[test]
    fn a_higher_level_finds_all_that_a_lower_one_finds(items in items(), text in texts()) {
        let at = |level| {
            let items: Vec<Item> = items.iter().filter(|i| !i.allow && i.term.mode != MatchMode::Rule && i.term.mode != MatchMode::Regex)
                .cloned().map(|i| Item { term: Term { level, ..i.term }, ..i })
                .filter(|i| validate_term(&i.term).is_ok()).collect();
            let modes: Vec<i64> = items.iter().map(|i| i.id).collect();
            (find(&items, &text), modes)
        };
        for (lower, higher) in [(Level::Literal, Level::Folded), (Level::Folded, Level::Evasion)] {
            let (high, there) = at(higher);
            for hit in at(lower).0.iter().filter(|h| there.contains(&h.item)) {
                prop_assert!(high.contains(hit), "{:?} of {:?} in {:?}", hit, lower, high);
            }
        }
    }

    /// Where they hit may move with the words that are found; that they hit may not be lost.
    #[test]
    fn rules_and_expressions_hit_at_a_higher_level_too(items in items(), text in texts()) {
        let at = |level| -> std::collections::BTreeSet<i64> {
            let items: Vec<Item> = items.iter().filter(|i| !i.allow && !i.term.text.contains('~'))
                .filter(|i| matches!(i.term.mode, MatchMode::Rule | MatchMode::Regex))
                .cloned().map(|i| Item { term: Term { level, ..i.term }, ..i })
                .filter(|i| validate_term(&i.term).is_ok()).collect();
            find(&items, &text).iter().map(|h| h.item).collect()
        };
        let (literal, folded, evasion) = (at(Level::Literal), at(Level::Folded), at(Level::Evasion));
        prop_assert!(literal.is_subset(&folded), "{literal:?} {folded:?}");
        let rules: Vec<i64> = items.iter().filter(|i| i.term.mode == MatchMode::Rule).map(|i| i.id).collect();
        prop_assert!(folded.iter().all(|i| evasion.contains(i) || !rules.contains(i)), "{folded:?} {evasion:?}");
    }

    #[test]
    fn allow_entries_of_every_mode_add_no_hit(items in items(), text in texts()) {
        let without: Vec<Item> = items.iter().filter(|i| !i.allow).cloned().collect();
        let without = find(&without, &text);
        for hit in find(&items, &text) {
            prop_assert!(without.contains(&hit));
        }
    }

    #[test]
    fn parsers_never_panic(text in "[ab*?|&~()\"0-9 .@/+{}\\\\\\[\\]^$-]{0,24}", mode in 4u8..13) {
        let mode = MatchMode::from_u8(mode).expect("mode");
        let item = item(1, &text, mode);
        if validate_term(&item.term).is_ok() {
            find(&[item], "ab a.b@a.b +0123456789 a/b (a) \"b\"");
        }
    }
}

#[test]
fn far_apart_and_far_along() {
    let items = [
        item(1, "каз*но", MatchMode::Wildcard),
        item(2, "закладка", MatchMode::Inflected),
        item(3, r"доход \d+", MatchMode::Regex),
        item(4, "альфа & омега", MatchMode::Rule),
        term(5, "casino", MatchMode::Word, Level::Evasion),
        item(6, "*", MatchMode::Phone),
    ];
    let filler = "слово и ещё слово ".repeat(6_000);
    let text = format!(
        "{filler}казикно {filler} закладками {filler}доход 5 {filler} c@sino альфа {filler} омега +79001234567"
    );
    assert_eq!(
        spans(&items, &text),
        [
            "казикно",
            "закладками",
            "доход 5",
            "c@sino",
            "альфа",
            "+79001234567"
        ]
    );
}

#[test]
fn regular_expressions_of_a_set_are_counted() {
    let items = |count: i64| -> Vec<_> {
        let one = |n| term(n, &format!("a{n}b+"), MatchMode::Regex, Level::Folded);
        (0..count).map(one).collect()
    };
    let most = super::MAX_REGEXES as i64;
    assert!(crate::compile(&items(most), &mut || false).is_ok());
    let error = crate::compile(&items(most + 1), &mut || false).expect_err("one too many");
    assert!(
        matches!(error, crate::CompileError::Term { item, .. } if item == most),
        "{error}"
    );
}
