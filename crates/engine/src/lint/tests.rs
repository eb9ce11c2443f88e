use super::*;
use crate::matcher::tests::term;
use crate::{MatchMode, Term};
use MatchMode::{Inflected, Prefix, Regex, Substring, Suffix, Typo, Wildcard, Word};

fn allow(id: i64, text: &str, mode: MatchMode, level: Level) -> Item {
    Item {
        allow: true,
        ..term(id, text, mode, level)
    }
}

fn found(items: &[Item]) -> Vec<(i64, &'static str, Severity)> {
    let findings = lint(items, &LintOptions::default(), &mut || false).expect("lints");
    findings
        .into_iter()
        .map(|f| (f.item, f.rule, f.severity))
        .collect()
}

fn word(id: i64, text: &str) -> Item {
    term(id, text, Word, Level::Folded)
}

#[test]
fn plain_items_are_clean() {
    let items = [
        word(1, "online casino"),
        word(2, "казино"),
        term(3, "закладка", Inflected, Level::Folded),
        term(4, "pharmacy", Typo, Level::Folded),
        term(5, "каз*рулетка", Wildcard, Level::Folded),
        term(6, "赌场", Substring, Level::Folded),
        term(7, "$$$", Substring, Level::Folded),
        allow(8, "casino online casino royale", Word, Level::Folded),
    ];
    assert_eq!(found(&items), []);
    assert_eq!(found(&[]), []);
}

#[test]
fn finds_duplicates_after_folding() {
    let items = [
        word(1, "Casino"),
        word(2, "casino"),
        word(3, "ＣＡＳＩＮＯ"),
        term(4, "Roulette", Word, Level::Literal),
        term(5, "roulette", Word, Level::Literal),
        word(6, "strasse"),
        word(7, "Straße"),
    ];
    let rules: Vec<_> = found(&items)
        .into_iter()
        .map(|(item, rule, _)| (item, rule))
        .collect();
    assert_eq!(rules, [(2, "duplicate"), (3, "duplicate"), (7, "duplicate")]);
}

#[test]
fn finds_terms_inside_others_only_where_both_always_hit() {
    let contained = |items: &[Item]| -> Vec<i64> {
        found(items)
            .iter()
            .filter(|f| f.1 == "contained")
            .map(|f| f.0)
            .collect()
    };
    assert_eq!(contained(&[word(1, "casino"), word(2, "online casino")]), [2]);
    assert_eq!(contained(&[word(1, "casino"), word(2, "casinos")]), []);
    let prefix = term(1, "casino", Prefix, Level::Folded);
    assert_eq!(contained(&[prefix.clone(), word(2, "casinos")]), [2]);
    // "online casino" as a fragment also stands in "online casinos", where the word does not.
    let fragment = term(2, "online casino", Substring, Level::Folded);
    assert_eq!(contained(&[word(1, "casino"), fragment.clone()]), []);
    assert_eq!(
        contained(&[term(1, "casino", Suffix, Level::Folded), fragment.clone()]),
        []
    );
    assert_eq!(
        contained(&[term(1, "casino", Substring, Level::Folded), fragment]),
        [2]
    );
    // Disguises of the longer term are not found by a shorter one of level folded.
    let evasive = term(2, "online casino", Word, Level::Evasion);
    assert_eq!(contained(&[word(1, "casino"), evasive.clone()]), []);
    assert_eq!(
        contained(&[term(1, "casino", Word, Level::Evasion), evasive]),
        [2]
    );
    // A literal term hits in what is written like it only.
    assert_eq!(
        contained(&[term(1, "Casino", Word, Level::Literal), word(2, "online casino")]),
        []
    );
    assert_eq!(
        contained(&[
            term(1, "casino", Inflected, Level::Folded),
            word(2, "best casinos")
        ]),
        [2]
    );
    // The heavier one still adds to the score.
    let mut heavy = word(2, "online casino");
    heavy.weight = 2.0;
    assert_eq!(
        found(&[word(1, "casino"), heavy]),
        [(2, "contained", Severity::Info)]
    );
}

#[test]
fn a_term_and_its_prefix_form_are_one_too_many() {
    let items = [word(1, "casino"), term(2, "casino", Prefix, Level::Folded)];
    assert_eq!(found(&items), [(1, "contained", Severity::Warning)]);
}

#[test]
fn finds_what_an_allow_entry_swallows() {
    let swallowed = |allow: Item, risk: Item| -> Vec<Severity> {
        let findings = found(&[allow, risk]);
        findings
            .iter()
            .filter(|f| f.1 == "swallowed")
            .map(|f| f.2)
            .collect()
    };
    let casino = || allow(1, "casino", Word, Level::Folded);
    assert_eq!(swallowed(casino(), word(2, "Casino")), [Severity::Error]);
    assert_eq!(swallowed(casino(), term(2, "casino", Prefix, Level::Folded)), []);
    assert_eq!(
        swallowed(casino(), term(2, "casino", Word, Level::Evasion)),
        [Severity::Warning]
    );
    assert_eq!(swallowed(casino(), word(2, "casino royale")), []);
    assert_eq!(
        swallowed(
            allow(1, "casino", Substring, Level::Folded),
            term(2, "casino", Prefix, Level::Folded)
        ),
        [Severity::Error]
    );
    assert_eq!(
        swallowed(allow(1, "casino royale", Word, Level::Folded), word(2, "casino")),
        []
    );
}

#[test]
fn finds_allow_entries_without_work() {
    let items = [
        word(1, "casino"),
        allow(2, "casino royale", Word, Level::Folded),
        allow(3, "royal casinos", Word, Level::Folded),
        term(4, "\\d{2}% back", Regex, Level::Folded),
        allow(5, "save 20% back", Word, Level::Folded),
    ];
    let rules: Vec<_> = found(&items)
        .into_iter()
        .filter(|f| f.1 != "regex_cost")
        .collect();
    assert_eq!(rules, [(3, "never_suppresses", Severity::Warning)]);
}

#[test]
fn finds_what_is_too_short() {
    let items = [
        term(1, "a", Substring, Level::Folded),
        term(2, "xy", Prefix, Level::Folded),
        term(3, "xyz", Substring, Level::Folded),
        term(4, "qu*", Wildcard, Level::Folded),
        word(5, "x"),
        term(6, "赌", Substring, Level::Folded),
        term(7, "💊", Substring, Level::Folded),
    ];
    let rules: Vec<_> = found(&items)
        .into_iter()
        .filter(|f| matches!(f.1, "matches_everything" | "too_short"))
        .map(|(item, rule, _)| (item, rule))
        .collect();
    assert_eq!(
        rules,
        [
            (1, "matches_everything"),
            (2, "too_short"),
            (3, "too_short"),
            (4, "too_short"),
            (5, "too_short")
        ]
    );
}

#[test]
fn finds_what_is_common() {
    let items = [
        word(1, "there"),
        word(2, "casino"),
        term(3, "ass", Prefix, Level::Folded),
    ];
    let words =
        [("assembly", 0.00006), ("assist", 0.00005), ("casino", 0.00002)].map(|(w, s)| (w.to_owned(), s));
    let options = LintOptions {
        words: &words,
        ..LintOptions::default()
    };
    let findings = lint(&items, &options, &mut || false).expect("lints");
    let common: Vec<_> = findings.iter().filter(|f| f.rule == "too_common").collect();
    assert_eq!(common.iter().map(|f| f.item).collect::<Vec<_>>(), [1, 3]);
    assert!(common[0].message.contains("everyday"), "{}", common[0].message);
    assert!(
        common[1].message.contains("one word in 9091"),
        "{}",
        common[1].message
    );
    assert_eq!(common[1].remedy, Remedy::WholeWord);
}

#[test]
fn finds_look_alikes_and_mixed_scripts() {
    let items = [
        word(1, "casino"),
        word(2, "саsino"),
        word(3, "c4sino"),
        word(4, "USB-кабель"),
    ];
    let findings = lint(&items, &LintOptions::default(), &mut || false).expect("lints");
    let rules: Vec<_> = findings.iter().map(|f| (f.item, f.rule)).collect();
    assert_eq!(rules, [(2, "look_alike"), (2, "mixed_script"), (3, "look_alike")]);
    assert_eq!(findings[1].remedy, Remedy::Replace("casino".into()));
    let raise = Remedy::Raise {
        other: 1,
        level: Level::Evasion,
    };
    assert_eq!(findings[0].remedy, raise);
    // At level evasion the first finds them all.
    let items = [term(1, "casino", Word, Level::Evasion), word(3, "c4sino")];
    assert_eq!(found(&items), [(3, "contained", Severity::Warning)]);
    let both = [
        term(1, "c4sino", Word, Level::Evasion),
        term(2, "casino", Word, Level::Evasion),
    ];
    assert_eq!(found(&both), [(1, "contained", Severity::Warning)]);
    let both = [
        term(1, "casino", Word, Level::Evasion),
        term(3, "c4sino", Word, Level::Evasion),
    ];
    assert_eq!(found(&both), [(3, "contained", Severity::Warning)]);
}

#[test]
fn finds_costly_expressions() {
    let items = [
        term(1, "casino \\d+", Regex, Level::Folded),
        term(2, "[a-zа-я]{3,20} casino", Regex, Level::Folded),
        term(3, "casino[\\p{L}\\p{N}]{1,100}", Regex, Level::Folded),
    ];
    let rules = found(&items);
    assert_eq!(
        rules,
        [
            (2, "regex_cost", Severity::Warning),
            (3, "regex_cost", Severity::Warning)
        ]
    );
}

#[test]
fn errors_only_is_what_keeps_a_release_back() {
    let items = [
        word(1, "casino"),
        allow(2, "casino", Word, Level::Folded),
        term(3, "a", Substring, Level::Folded),
        word(4, "the"),
    ];
    let mut options = LintOptions {
        errors_only: true,
        blocks: true,
        ..LintOptions::default()
    };
    let findings = lint(&items, &options, &mut || false).expect("lints");
    let rules: Vec<_> = findings.iter().map(|f| (f.item, f.rule)).collect();
    assert_eq!(rules, [(1, "swallowed"), (3, "matches_everything")]);
    options.blocks = false;
    let findings = lint(&items, &options, &mut || false).expect("lints");
    assert_eq!(findings.iter().map(|f| f.item).collect::<Vec<_>>(), [1]);
}

#[test]
fn stops_when_asked() {
    let items = [word(1, "casino"), word(2, "online casino")];
    assert!(lint(&items, &LintOptions::default(), &mut || true).is_err());
}

#[test]
fn a_language_makes_another_item() {
    let inflected = |id, language| Item {
        term: Term {
            language,
            ..term(id, "bank", Inflected, Level::Folded).term
        },
        ..word(id, "bank")
    };
    let items = [
        inflected(1, crate::Language::from_code("de")),
        inflected(2, crate::Language::from_code("en")),
    ];
    assert_eq!(found(&items), []);
}
