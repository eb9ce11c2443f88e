use super::*;
use proptest::prelude::*;

fn original<'t>(text: &'t str, part: &str) -> &'t str {
    let mut folder = Folder::new(text);
    folder.advance(usize::MAX);
    let at = folder.kept().0.find(part).expect("part is in the folded text");
    let span = folder.original_span(at, at + part.len()).expect("kept");
    &text[span.start..span.end]
}

#[test]
fn folds_case_width_and_ligatures() {
    assert_eq!(fold_text("Straße ﬁn ＡＢＣ ①"), "strasse fin abc 1");
    assert_eq!(fold_text("İstanbul"), "istanbul");
    assert_eq!(fold_text("½"), "1⁄2");
    assert_eq!(fold_text("ΣΊΣΥΦΟΣ"), fold_text("σίσυφος"));
}

#[test]
fn language_marks() {
    assert_eq!(fold_text("Ёлка"), "елка");
    assert_eq!(fold_text("е\u{308}лка"), "елка");
    assert_eq!(fold_text("Йод и\u{306}"), "йод й");
    assert_ne!(fold_text("й"), fold_text("и"));
    assert_eq!(fold_text("казино\u{301}"), "казино");
    assert_eq!(fold_text("ѓ"), "ѓ");
    assert_eq!(fold_text("مُحَمَّد"), fold_text("محمد"));
}

#[test]
fn removes_invisible_characters() {
    assert_eq!(fold_text("ca\u{200b}si\u{202e}\u{ad}no\u{feff}"), "casino");
    assert_eq!(fold_text("е\u{200d}\u{308}"), "е");
    assert_eq!(fold_text("\u{200b}\u{2060}"), "");
}

#[test]
fn white_space_runs_become_one_space() {
    assert_eq!(fold_text("a \n\t\u{a0}\u{3000} b"), "a b");
    assert_eq!(original("x a \n\t b y", "a b"), "a \n\t b");
}

#[test]
fn spans_widen_to_whole_characters() {
    assert_eq!(original("die Straße", "stras"), "Straß");
    assert_eq!(original("die Straße", "se"), "ße");
    assert_eq!(original("x½y", "2"), "½");
    assert_eq!(original("e\u{301}a", "é"), "e\u{301}");
    assert_eq!(original("zz İstanbul", "istan"), "İstan");
    assert_eq!(original("ca\u{200b}sino\u{200b}", "casino"), "ca\u{200b}sino");
}

#[test]
fn long_combining_runs_are_bounded() {
    let text = format!("a{}b", "\u{301}".repeat(100_000));
    let folded = fold_text(&text);
    assert!(folded.chars().count() < 40);
    assert_eq!(fold_text(&folded), folded);
    assert_eq!(original(&text, "b"), "b");
}

/// Text that exercises folding: letters of many scripts, marks, ligatures, invisible characters, white space.
pub(crate) fn tricky() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-eA-E ]{1,3}",
        3 => "[абвеёийАЁЙ ]{1,3}",
        2 => "[\u{300}-\u{308}\u{345}\u{591}\u{64b}]",
        2 => "[\u{200b}\u{200d}\u{ad}\u{202e}\u{feff}\u{61c}\u{3164}\u{1160}\u{ffa0}]",
        2 => "[ßﬁﬃİıſŉǰΐΰ½ﷺ①Ⓐ\u{1f88}\u{1e9e}\u{149}Ωſ]",
        1 => "[\n\t\u{a0}\u{2003}\u{b4}\u{a8}\u{37a}]",
        1 => "[각ᄀ각\u{1161}\u{11a8}が\u{3099}ｶﾞ中ไท]",
        1 => any::<char>().prop_map(|c| c.to_string()),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|v| v.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn fold_is_idempotent(text in tricky()) {
        let once = fold_text(&text);
        prop_assert_eq!(fold_text(&once), once.clone());
    }

    #[test]
    fn steps_do_not_matter(text in tricky(), step in 1usize..9) {
        let mut folder = Folder::new(&text);
        while !folder.done() {
            folder.advance(step);
        }
        prop_assert_eq!(folder.kept().0, fold_text(&text));
    }

    #[test]
    fn the_fast_lanes_change_nothing(text in tricky(), head in "[ a-zA-ZА-яÀ-žΑ-ώ一-三가-개\n]{0,80}", step in 1usize..70) {
        let text = format!("{head}{text}{head}");
        let mut slow = Folder::new(&text);
        slow.slow = true;
        slow.advance(usize::MAX);
        let mut fast = Folder::new(&text);
        while !fast.done() {
            fast.advance(step);
        }
        prop_assert_eq!(fast.kept(), slow.kept());
        for folded in crate::processor::on_every_path(|| fold_text(&text)) {
            prop_assert_eq!(folded, slow.kept().0);
        }
        for (at, c) in fast.kept().0.char_indices().filter(|&(_, c)| c != ' ') {
            let end = at + c.len_utf8();
            let (a, b) = (fast.original_span(at, end).expect("kept"), slow.original_span(at, end).expect("kept"));
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn every_folded_character_maps_to_whole_characters(text in tricky()) {
        let mut folder = Folder::new(&text);
        folder.advance(usize::MAX);
        let buffer = folder.kept().0.to_owned();
        let mut last = 0;
        for (at, c) in buffer.char_indices() {
            let span = folder.original_span(at, at + c.len_utf8()).expect("kept");
            prop_assert!(span.start < span.end && span.end <= text.len());
            prop_assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
            prop_assert!(span.start >= last);
            last = span.start;
        }
    }

    #[test]
    fn forgetting_changes_no_span(text in tricky(), step in 1usize..9) {
        let mut whole = Folder::new(&text);
        whole.advance(usize::MAX);
        let mut folder = Folder::new(&text);
        while !folder.done() {
            folder.advance(step);
            folder.forget_before(folder.folded_end().saturating_sub(5));
            let (kept, base) = folder.kept();
            for (at, c) in kept.char_indices() {
                let (from, to) = (base + at, base + at + c.len_utf8());
                // White space at the very end may still grow.
                if to < folder.folded_end() {
                    prop_assert_eq!(folder.original_span(from, to), whole.original_span(from, to));
                }
            }
        }
    }
}

/// Found by the fuzz target `fold`.
#[test]
fn a_mark_behind_a_tatweel_is_composed_at_once() {
    for text in [
        "o\u{640}\u{301}",
        "и\u{640}\u{640}\u{301}n",
        "g\u{fe79}\u{338}\u{301}",
    ] {
        let once = fold_text(text);
        assert_eq!(fold_text(&once), once, "{text:?}");
    }
    assert_eq!(fold_text("o\u{640}\u{301}"), "ó");
    assert_eq!(fold_text("كـازينو"), fold_text("كازينو"));
}
