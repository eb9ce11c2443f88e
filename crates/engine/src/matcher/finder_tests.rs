//! The finder against the automaton that searches ran on before, layers against one set, and damaged sets.

use super::automaton::Oracle;
use super::mode_tests::{items as items_of_all_modes, texts};
use super::scan::Asked;
use super::tests::{case, open, term};
use super::*;
use proptest::prelude::*;

fn all() -> FindOptions {
    FindOptions {
        suppressed: true,
        ..Default::default()
    }
}

/// The same set, searched by the automaton.
fn with_oracle(items: &[Item]) -> Matcher {
    let mut matcher = open(items);
    for layer in &mut matcher.layers {
        let part = Arc::get_mut(&mut layer.part).expect("not shared yet");
        part.oracle = Oracle::new(&part.image());
    }
    matcher
}

fn run(matcher: &Matcher, text: &str, window: usize) -> Vec<Hit> {
    matcher
        .scan_in_windows(text, &Asked::new(&all()), window, &mut || false)
        .expect("runs")
}

/// Terms and texts of many words, of one alphabet each, so that there are hits: also phrases, signs and hyphens
/// between words, terms that begin with signs, scripts without spaces, marks and invisible characters inside words.
fn phrases() -> impl Strategy<Value = (Vec<Item>, String)> {
    let word = || {
        prop_oneof![
            6 => "[ab]{1,3}", 4 => "[аб]{1,3}", 2 => "[一二三]{1,2}", 1 => "[か가きギ]{1,2}", 1 => "[éàßÀ]{1,2}",
            1 => "[ab]{5,9}", 1 => "[аб]{3,9}", 1 => "[1٣๓ก]{1,2}", 1 => "[αά]{1,2}", 1 => "ab[аб]",
        ]
    };
    let between = || {
        prop_oneof![
            8 => Just(" ".to_owned()), 1 => "[ \n\t\u{a0}]{1,3}", 1 => "[-.'_’&$+—«]{1,2}", 1 => Just(String::new()),
            1 => "[\u{200b}\u{ad}\u{301}\u{308}]", 1 => Just(" - ".repeat(7)),
        ]
    };
    let phrase = move |most| {
        (
            prop::collection::vec((word(), between()), 1..most),
            0u8..8,
            0u8..8,
        )
            .prop_map(|(words, before, after)| {
                let mut out: String = words.iter().map(|(w, b)| format!("{w}{b}")).collect();
                let sign = |n| ["$", "+", "(", "¿"].get(usize::from(n)).copied().unwrap_or("");
                if after > 3 {
                    out.truncate(out.len() - words.last().map_or(0, |w| w.1.len()));
                }
                out.insert_str(0, sign(before));
                out + sign(after)
            })
    };
    let item = (phrase(4), 0u8..13, 0u8..2);
    (prop::collection::vec(item, 1..24), phrase(30)).prop_map(|(list, text)| {
        let modes = [
            MatchMode::Word,
            MatchMode::Word,
            MatchMode::Word,
            MatchMode::Word,
            MatchMode::Word,
            MatchMode::Word,
            MatchMode::Word,
            MatchMode::Word,
            MatchMode::Word,
            MatchMode::Prefix,
            MatchMode::Suffix,
            MatchMode::Substring,
            MatchMode::Typo,
        ];
        let items = list.into_iter().zip(0i64..).map(|((text, mode, level), id)| {
            let level = if level == 0 { Level::Literal } else { Level::Folded };
            term(id, &text, modes[usize::from(mode)], level)
        });
        (items.filter(|i| validate_term(&i.term).is_ok()).collect(), text)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_finder_finds_what_the_automaton_finds((items, text) in phrases(), window in 1usize..90) {
        let expected = run(&with_oracle(&items), &text, 1 << 16);
        let matcher = open(&items);
        prop_assert_eq!(&run(&matcher, &text, 1 << 16), &expected);
        for found in crate::processor::on_every_path(|| run(&matcher, &text, window)) {
            prop_assert_eq!(&found, &expected);
        }
    }

    /// A search for one slot leaves out what only others have, and finds the same.
    #[test]
    fn slots_find_their_part(items in items_of_all_modes(), text in texts(), window in 1usize..90) {
        let items: Vec<Item> = items.into_iter().map(|i| Item { slot: i.slot + (i.id % 3) as u16, ..i }).collect();
        let matcher = open(&items);
        let whole = run(&matcher, &text, 1 << 16);
        for slot in 0..4u16 {
            let options = FindOptions { slots: Some(vec![slot]), ..self::all() };
            let found = matcher.scan_in_windows(&text, &Asked::new(&options), window, &mut || false).expect("runs");
            let expected: Vec<Hit> = whole.iter().filter(|h| h.slot == slot).cloned().collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_same_for_texts_that_change_when_folded((items, text) in case(), window in 1usize..90) {
        let expected = run(&with_oracle(&items), &text, 1 << 16);
        prop_assert_eq!(&run(&open(&items), &text, 1 << 16), &expected);
        prop_assert_eq!(&run(&open(&items), &text, window), &expected);
    }

    #[test]
    fn the_same_for_all_modes(items in items_of_all_modes(), text in texts(), window in 1usize..90) {
        let expected = run(&with_oracle(&items), &text, 1 << 16);
        prop_assert_eq!(&run(&open(&items), &text, window), &expected);
    }

    #[test]
    fn layers_give_the_verdicts_of_one_set(
        items in items_of_all_modes(),
        more in items_of_all_modes(),
        text in texts(),
        gone in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        changed in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        window in 1usize..90,
    ) {
        // Some items go, some come, some change.
        let mut removed: Vec<(u16, i64)> = gone.iter().filter(|_| !items.is_empty())
            .map(|n| n.get(&items)).map(|i| (i.slot, i.id)).collect();
        let mut added: Vec<Item> = more.iter().cloned().map(|i| Item { id: i.id + 100, ..i }).collect();
        for item in changed.iter().filter(|_| !items.is_empty()).map(|n| n.get(&items)) {
            if removed.contains(&(item.slot, item.id)) {
                continue;
            }
            removed.push((item.slot, item.id));
            added.push(Item { weight: item.weight + 1.0, ..item.clone() });
        }
        let whole: Vec<Item> = items.iter().filter(|i| !removed.contains(&(i.slot, i.id))).chain(&added).cloned().collect();
        let layered = open(&items).changed(&removed, &open(&added));
        let whole_set = open(&whole);
        prop_assert_eq!(&run(&layered, &text, window), &run(&whole_set, &text, 1 << 16));
        prop_assert_eq!(layered.len(), whole.len());
        prop_assert_eq!(layered.is_match(&text, 0, &mut || false), whole_set.is_match(&text, 0, &mut || false));
        for item in items.iter().chain(&added) {
            prop_assert_eq!(layered.term(item.id, item.slot), whole_set.term(item.id, item.slot));
        }
        // And a change of the change: back to where it was.
        let keys: Vec<_> = added.iter().map(|i| (i.slot, i.id)).collect();
        let back: Vec<Item> = items.iter().filter(|i| removed.contains(&(i.slot, i.id))).cloned().collect();
        let again = layered.changed(&keys, &open(&back));
        prop_assert_eq!(run(&again, &text, 1 << 16), run(&open(&items), &text, 1 << 16));
    }

    #[test]
    fn damage_is_survived(
        (items, text) in phrases(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = compile(&items, &mut || false).expect("compiles");
        // Filters are large and harmless: most damage goes to the rest.
        let mut small: Vec<usize> = (0..bytes.len()).filter(|&n| bytes[n] != 0).collect();
        small.extend(96..bytes.len().min(2_000));
        for (n, flip) in &flips {
            bytes[*n.get(&small)] ^= flip;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let length = (bytes.len() as u64).to_le_bytes();
        if let Some(place) = bytes.get_mut(16..24) {
            place.copy_from_slice(&length);
        }
        if bytes.len() > 400 {
            crate::compiled::seal(&mut bytes);
        }
        if let Ok(matcher) = Matcher::open_in_place(bytes) {
            for window in [7, 1 << 16] {
                // Once hit between the bytes of a character: what a set says is never trusted.
                for hit in matcher.scan_in_windows(&text, &Asked::new(&all()), window, &mut || false).unwrap_or_default() {
                    prop_assert!(text.get(hit.bytes).is_some());
                }
            }
            let _ = (matcher.term(1, 0), matcher.len());
        }
    }
}

/// Once missed: a term behind a boundary inside a run of letters, behind the limit of a window.
#[test]
fn boundaries_inside_tokens_across_windows() {
    let items = [
        term(0, "a\u{200b}", MatchMode::Word, Level::Literal),
        term(1, "aa aaеаaАa \u{591}a aa aAие ", MatchMode::Word, Level::Literal),
    ];
    let text = " a①\u{345}a\u{200b}A \t\u{345}AaAa AｶЁaaёёA  a\u{200b}";
    let whole = run(&open(&items), text, 1 << 16);
    assert_eq!(whole.len(), 3);
    for window in 1..40 {
        assert_eq!(run(&open(&items), text, window), whole);
    }
}
