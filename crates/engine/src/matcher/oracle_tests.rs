//! The plain modes against the crate `aho-corasick`, used by itself on the folded text as an independent oracle.

use super::tests::{case, find};
use crate::boundary::is_word_boundary;
use crate::fold::Folder;
use crate::item::{folded_term, trimmed};
use crate::{Item, Level, MatchMode};
use aho_corasick::{AhoCorasick, MatchKind};
use proptest::prelude::*;

/// (start, end, slot, item, allow) of every place, in order.
fn oracle(items: &[Item], text: &str) -> Vec<(usize, usize, u16, i64, bool)> {
    let mut folder = Folder::new(text);
    folder.advance(usize::MAX);
    let folded = folder.kept().0.to_string();
    let terms: Vec<String> = items.iter().map(|i| folded_term(&i.term.text)).collect();
    let automaton = AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .build(&terms)
        .expect("few short terms");
    let mut out = Vec::new();
    for found in automaton.find_overlapping_iter(&folded) {
        let item = &items[found.pattern().as_usize()];
        let span = folder.original_span(found.start(), found.end()).expect("kept");
        let edge = |clean: bool, on_text: usize, on_folded: usize| match clean {
            true => is_word_boundary(text, on_text),
            false => is_word_boundary(&folded, on_folded),
        };
        let starts = edge(span.clean_start, span.start, found.start());
        let ends = edge(span.clean_end, span.end, found.end());
        let stands = match item.term.mode {
            MatchMode::Word => starts && ends,
            MatchMode::Prefix => starts,
            MatchMode::Suffix => ends,
            _ => true,
        };
        let literal = text[span.start..span.end] == *trimmed(&item.term.text);
        if stands && (item.term.level != Level::Literal || literal) {
            out.push((span.start, span.end, item.slot, item.id, item.allow));
        }
    }
    out.sort_by_key(|p| (p.0, std::cmp::Reverse(p.1), p.2, p.3));
    out.dedup();
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn equals_aho_corasick((items, text) in case()) {
        let places = oracle(&items, &text);
        let covered = |p: &(usize, usize, u16, i64, bool)| {
            places.iter().any(|a| a.4 && a.2 == p.2 && a.0 <= p.0 && a.1 >= p.1)
        };
        let expected: Vec<_> = places.iter().filter(|p| !p.4 && !covered(p)).map(|p| (p.0, p.1, p.2, p.3)).collect();
        let hits = find(&items, &text);
        let got: Vec<_> = hits.iter().map(|h| (h.bytes.start, h.bytes.end, h.slot, h.item)).collect();
        prop_assert_eq!(got, expected);
    }
}
