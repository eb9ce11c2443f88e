use super::scan::Asked;
use super::*;
use crate::fold::tests::tricky;
use crate::item::{folded_term, trimmed};
use crate::{MAX_TERM_CHARS, Term};
use proptest::prelude::*;

pub(crate) fn term(id: i64, text: &str, mode: MatchMode, level: Level) -> Item {
    Item {
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
    }
}

fn word(id: i64, text: &str) -> Item {
    term(id, text, MatchMode::Word, Level::Folded)
}

fn allow(id: i64, text: &str) -> Item {
    Item {
        allow: true,
        ..term(id, text, MatchMode::Word, Level::Folded)
    }
}

pub(crate) fn open(items: &[Item]) -> Matcher {
    let bytes = compile(items, &mut || false).expect("items compile");
    Matcher::open(&bytes).expect("compiled bytes open")
}

pub(crate) fn find(items: &[Item], text: &str) -> Vec<Hit> {
    open(items)
        .find(text, &FindOptions::default(), &mut || false)
        .expect("not interrupted")
}

/// The same in windows of so many bytes.
pub(crate) fn find_in_windows(items: &[Item], text: &str, window: usize) -> Vec<Hit> {
    open(items)
        .scan_in_windows(text, &Asked::new(&FindOptions::default()), window, &mut || false)
        .expect("not interrupted")
}

fn found<'t>(items: &[Item], text: &'t str) -> Vec<(i64, &'t str)> {
    find(items, text)
        .into_iter()
        .map(|h| (h.item, &text[h.bytes]))
        .collect()
}

#[test]
fn inactive_items_are_as_if_they_were_not_there() {
    let rule = term(4, "shop & open", MatchMode::Rule, Level::Folded);
    let items = [word(1, "shop"), word(2, "open"), allow(3, "open shop"), rule];
    let matcher = open(&items);
    let hits = |inactive: &[(u16, i64)]| {
        let options = FindOptions {
            inactive: Some(inactive.into()),
            ..FindOptions::default()
        };
        let hits = matcher.find("open shop open", &options, &mut || false);
        let mut items: Vec<i64> = hits.expect("not interrupted").iter().map(|h| h.item).collect();
        items.dedup();
        items
    };
    // The allow entry covers the first two words and the first place of the rule.
    let all = hits(&[]);
    assert!(!all.contains(&1) && all.contains(&2), "{all:?}");
    assert_eq!(hits(&[(1, 1), (1, 2), (1, 3)]), all, "another slot's items");
    let allowed = hits(&[(0, 3)]);
    assert!(allowed.contains(&1) && allowed.contains(&2) && allowed.contains(&4));
    let rest = hits(&[(0, 2), (0, 3)]);
    assert!(
        rest.contains(&1) && !rest.contains(&2) && rest.contains(&4),
        "{rest:?}"
    );
    assert_eq!(hits(&[(0, 1), (0, 2), (0, 3), (0, 4)]), Vec::<i64>::new());
}

#[test]
fn finds_words_with_spans_in_code_points() {
    let hits = find(
        &[word(1, "онлайн казино"), word(2, "casino")],
        "Ёж: Онлайн\n Казино и CASINO",
    );
    assert_eq!(hits.len(), 2);
    assert_eq!((hits[0].item, hits[0].start, hits[0].length), (1, 4, 14));
    assert_eq!((hits[1].item, hits[1].start, hits[1].length), (2, 21, 6));
}

#[test]
fn modes() {
    let all = |mode| found(&[term(1, "кат", mode, Level::Folded)], "кат катун скат скаты").len();
    assert_eq!(all(MatchMode::Word), 1);
    assert_eq!(all(MatchMode::Prefix), 2);
    assert_eq!(all(MatchMode::Suffix), 2);
    assert_eq!(all(MatchMode::Substring), 4);
}

#[test]
fn literal_terms_compare_as_written() {
    let items = [
        term(1, "Виагра", MatchMode::Word, Level::Literal),
        word(2, "виагра"),
    ];
    assert_eq!(
        found(&items, "виагра Виагра"),
        [(2, "виагра"), (1, "Виагра"), (2, "Виагра")]
    );
    let hits = find(&items, "Виагра виагра");
    assert_eq!(hits[0].evidence.level, Level::Literal);
    assert_eq!(hits[1].evidence.level, Level::Folded);
    assert_eq!(hits[2].evidence.level, Level::Literal);
}

#[test]
fn spans_are_exact_when_folding_changes_lengths() {
    let sub = |t: &str| term(1, t, MatchMode::Substring, Level::Folded);
    assert_eq!(found(&[sub("strasse")], "xx Straße"), [(1, "Straße")]);
    assert_eq!(found(&[sub("fi")], "ﬁt oﬃce"), [(1, "ﬁ"), (1, "ﬃ")]);
    assert_eq!(found(&[word(1, "istanbul")], "İİ İstanbul"), [(1, "İstanbul")]);
    assert_eq!(found(&[sub("2")], "a½b"), [(1, "½")]);
    assert_eq!(found(&[word(1, "الله")], "ﷺ"), [(1, "ﷺ")]);
    assert_eq!(found(&[word(1, "café")], "cafe\u{301}"), [(1, "cafe\u{301}")]);
    assert_eq!(found(&[word(1, "cafe")], "cafe\u{301}"), []);
}

#[test]
fn scripts_without_spaces_match_anywhere() {
    assert_eq!(found(&[word(1, "赌博")], "我喜欢赌博网站"), [(1, "赌博")]);
    assert_eq!(found(&[word(1, "คาสิโน")], "เล่นคาสิโนออนไลน์").len(), 1);
}

#[test]
fn all_overlapping_hits_in_order() {
    let items: Vec<Item> = ["a", "aa", "aaa"]
        .iter()
        .enumerate()
        .map(|(n, t)| term(n as i64, t, MatchMode::Substring, Level::Folded))
        .collect();
    assert_eq!(
        found(&items, "aaa"),
        [(2, "aaa"), (1, "aa"), (0, "a"), (1, "aa"), (0, "a"), (0, "a")]
    );
}

#[test]
fn allow_entries_win_by_containment() {
    let items = [
        word(1, "casino"),
        allow(9, "casino royale"),
        allow(8, "the casino royale"),
    ];
    assert_eq!(found(&items, "casino royale"), []);
    assert_eq!(found(&items, "Casino night"), [(1, "Casino")]);
    let options = FindOptions {
        suppressed: true,
        ..Default::default()
    };
    let hits = open(&items)
        .find("in the casino royale", &options, &mut || false)
        .expect("runs");
    assert_eq!(hits[0].suppressed_by, Some(8), "the longest containment");
    let partial = [word(1, "casino royale"), allow(9, "casino")];
    assert_eq!(
        found(&partial, "casino royale").len(),
        1,
        "a shorter allow entry does not win"
    );
    let mut other = allow(9, "casino royale");
    other.slot = 1;
    assert_eq!(
        found(&[word(1, "casino"), other], "casino royale").len(),
        1,
        "slots do not mix"
    );
}

#[test]
fn slots_limits_and_is_match() {
    let mut items = vec![word(1, "a"), word(2, "b")];
    items[1].slot = 3;
    let matcher = open(&items);
    let options = FindOptions {
        slots: Some(vec![3]),
        ..Default::default()
    };
    let hits = matcher.find("a b a b", &options, &mut || false).expect("runs");
    assert_eq!(
        hits.iter().map(|h| (h.slot, h.start)).collect::<Vec<_>>(),
        [(3, 2), (3, 6)]
    );
    let options = FindOptions {
        limit: 1,
        ..Default::default()
    };
    assert_eq!(
        matcher
            .find("a b a b", &options, &mut || false)
            .expect("runs")
            .len(),
        1
    );
    assert_eq!(matcher.is_match("x b", 3, &mut || false), Ok(true));
    assert_eq!(matcher.is_match("x b", 0, &mut || false), Ok(false));
    assert_eq!(matcher.term(2, 3), Some("b"));
    assert_eq!(matcher.term(2, 0), None);
}

#[test]
fn same_items_in_any_order_give_the_same_bytes() {
    let one = [word(1, "a"), word(2, "b")];
    let other = [word(2, "b"), word(1, "a")];
    assert_eq!(compile(&one, &mut || false), compile(&other, &mut || false));
    let empty = compile(&[], &mut || false).expect("an empty set compiles");
    let matcher = Matcher::open(&empty).expect("opens");
    assert_eq!(
        matcher.find("text", &FindOptions::default(), &mut || false),
        Ok(vec![])
    );
}

#[test]
fn refuses_bad_terms_and_interrupts() {
    assert!(matches!(
        compile(&[word(7, "--")], &mut || false),
        Err(CompileError::Term { item: 7, .. })
    ));
    let long = "x".repeat(MAX_TERM_CHARS + 1);
    assert!(matches!(
        compile(&[word(7, &long)], &mut || false),
        Err(CompileError::Term { .. })
    ));
    assert_eq!(
        compile(&[word(7, "a")], &mut || true),
        Err(CompileError::Interrupted)
    );
    let matcher = open(&[word(1, "a")]);
    assert_eq!(
        matcher.find("a", &FindOptions::default(), &mut || true),
        Err(MatchError::Interrupted)
    );
}

#[test]
fn long_texts_ask_for_interrupts_and_keep_spans() {
    let items = [word(1, "два слова")];
    let gap = " \u{200b}\n".repeat(100_000);
    let text = format!("{}два{gap}слова конец", "ы ".repeat(100_000));
    let mut asked = 0;
    let hits = open(&items)
        .find(&text, &FindOptions::default(), &mut || {
            asked += 1;
            false
        })
        .expect("runs");
    assert!(asked > text.len() / (64 * 1024), "asked {asked} times");
    assert_eq!(hits.len(), 1);
    let matched: String = text.chars().skip(hits[0].start).take(hits[0].length).collect();
    assert_eq!(matched, format!("два{gap}слова"));
}

#[test]
fn damaged_bytes_are_refused() {
    let good = compile(&[word(1, "казино"), allow(2, "b")], &mut || false).expect("compiles");
    for cut in 0..good.len() {
        assert!(Matcher::open(&good[..cut]).is_err());
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x41;
        assert!(Matcher::open(&bad).is_err(), "byte {at}");
    }
    let mut old = good.clone();
    old[8] = 0xfe;
    assert!(matches!(
        Matcher::open(&old),
        Err(OpenError::WrongVersion { found: 0xfe, .. })
    ));
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let text = prop_oneof![3 => tricky(), 2 => "[a-c]{1,3}", 2 => "[абе]{1,3}", 1 => "[ab]{1,2} [ab]{1,2}"];
    let item = (text, 0u8..4, 0u8..2, 0u16..2, prop::bool::weighted(0.2));
    proptest::collection::vec(item, 0..10).prop_map(|list| {
        let item = |(n, (text, mode, level, slot, allow)): (usize, (String, u8, u8, u16, bool))| Item {
            id: n as i64,
            slot,
            allow,
            weight: 1.0,
            term: Term {
                text,
                mode: MatchMode::from_u8(mode).expect("in range"),
                level: Level::from_u8(level).expect("in range"),
                language: None,
            },
        };
        list.into_iter()
            .enumerate()
            .map(item)
            .filter(|i| validate_term(&i.term).is_ok())
            .collect()
    })
}

/// The text with terms in it, so that random cases do hit.
pub(super) fn case() -> impl Strategy<Value = (Vec<Item>, String)> {
    (
        items(),
        proptest::collection::vec((any::<prop::sample::Index>(), tricky()), 1..6),
    )
        .prop_map(|(items, parts)| {
            let mut text = String::new();
            for (index, filler) in parts {
                text.push_str(&filler);
                if !items.is_empty() {
                    text.push_str(&index.get(&items).term.text);
                }
            }
            (items, text)
        })
}

/// Every folded place of every item, by the definition: fold the text, look for the folded term everywhere.
fn naive(items: &[Item], text: &str) -> Vec<(usize, usize, u16, i64, bool)> {
    use crate::boundary::is_word_boundary;
    let mut folder = crate::fold::Folder::new(text);
    folder.advance(usize::MAX);
    let folded = folder.kept().0.to_string();
    let mut out = Vec::new();
    for item in items {
        let needle = folded_term(&item.term.text);
        for (at, _) in folded.char_indices() {
            let end = at + needle.len();
            if folded.get(at..end) != Some(&needle) {
                continue;
            }
            let span = folder.original_span(at, end).expect("kept");
            let start_ok = if span.clean_start {
                is_word_boundary(text, span.start)
            } else {
                is_word_boundary(&folded, at)
            };
            let end_ok = if span.clean_end {
                is_word_boundary(text, span.end)
            } else {
                is_word_boundary(&folded, end)
            };
            let stands = match item.term.mode {
                MatchMode::Word => start_ok && end_ok,
                MatchMode::Prefix => start_ok,
                MatchMode::Suffix => end_ok,
                MatchMode::Substring => true,
                other => panic!("{other:?} is not compared by characters"),
            };
            let literal = text[span.start..span.end] == *trimmed(&item.term.text);
            if stands && (item.term.level != Level::Literal || literal) {
                out.push((span.start, span.end, item.slot, item.id, item.allow));
            }
        }
    }
    out.sort_by_key(|p| (p.0, std::cmp::Reverse(p.1), p.2, p.3));
    out.dedup();
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn equals_the_naive_search((items, text) in case()) {
        let places = naive(&items, &text);
        let expected: Vec<_> = places
            .iter()
            .filter(|p| !p.4)
            .filter(|p| !places.iter().any(|a| a.4 && a.2 == p.2 && a.0 <= p.0 && a.1 >= p.1))
            .map(|p| (p.0, p.1, p.2, p.3))
            .collect();
        let hits = find(&items, &text);
        let got: Vec<_> = hits.iter().map(|h| (h.bytes.start, h.bytes.end, h.slot, h.item)).collect();
        prop_assert_eq!(got, expected);
        for hit in &hits {
            let matched: String = text.chars().skip(hit.start).take(hit.length).collect();
            prop_assert_eq!(Some(matched.as_str()), text.get(hit.bytes.clone()));
        }
    }

    #[test]
    fn windows_do_not_matter((items, text) in case(), window in 1usize..40) {
        let matcher = open(&items);
        let options = FindOptions { suppressed: true, ..Default::default() };
        let whole = matcher.find(&text, &options, &mut || false);
        prop_assert_eq!(matcher.scan_in_windows(&text, &Asked::new(&options), window, &mut || false), whole);
    }

    #[test]
    fn a_literal_hit_is_a_folded_hit((mut items, text) in case()) {
        items.retain(|i| !i.allow);
        let as_level = |level| {
            let items: Vec<Item> =
                items.iter().cloned().map(|mut i| { i.term.level = level; i }).collect();
            find(&items, &text)
        };
        let folded = as_level(Level::Folded);
        for hit in as_level(Level::Literal) {
            prop_assert!(folded.contains(&hit));
        }
    }

    #[test]
    fn an_allow_entry_never_adds_a_hit((items, text) in case()) {
        let without: Vec<Item> = items.iter().filter(|i| !i.allow).cloned().collect();
        let without = find(&without, &text);
        for hit in find(&items, &text) {
            prop_assert!(without.contains(&hit));
        }
    }

    #[test]
    fn is_match_and_find_are_the_scan((items, text) in case()) {
        let matcher = open(&items);
        for slots in [Some(vec![0]), Some(vec![1]), Some(vec![0, 1]), None] {
            let options = FindOptions { slots: slots.clone(), ..Default::default() };
            let scanned = matcher.scan_in_windows(&text, &Asked::new(&options), usize::MAX, &mut || false);
            prop_assert_eq!(matcher.find(&text, &options, &mut || false), scanned.clone());
            if let Some([slot]) = slots.as_deref() {
                let any = !scanned.expect("runs").is_empty();
                prop_assert_eq!(matcher.is_match(&text, *slot, &mut || false), Ok(any));
            }
        }
    }

    #[test]
    fn a_limit_is_a_prefix((items, text) in case(), limit in 1usize..5) {
        let matcher = open(&items);
        let all = find(&items, &text);
        let options = FindOptions { limit, ..Default::default() };
        let some = matcher.find(&text, &options, &mut || false).expect("runs");
        prop_assert_eq!(some.as_slice(), &all[..limit.min(all.len())]);
    }
}
