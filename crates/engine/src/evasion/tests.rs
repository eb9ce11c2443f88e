use crate::matcher::tests::{find, term};
use crate::{Item, Level, MatchMode, Steps};

fn evasive(id: i64, text: &str) -> Item {
    term(id, text, MatchMode::Word, Level::Evasion)
}

fn reads(term: &str, text: &str) -> Option<String> {
    let hits = find(&[evasive(1, term)], text);
    hits.first().map(|h| text[h.bytes.clone()].to_string())
}

#[track_caller]
fn finds(term: &str, text: &str, span: &str) {
    assert_eq!(reads(term, text).as_deref(), Some(span), "{term} in {text}");
}

#[track_caller]
fn passes(term: &str, text: &str) {
    assert_eq!(reads(term, text), None, "{term} in {text}");
}

#[test]
fn look_alikes_fold_into_the_script_of_the_word() {
    finds("казино", "лучшее кaзинo тут", "кaзинo");
    finds("casino", "best саsinо now", "саsinо");
    finds("обучение", "Oбyчeниe", "Oбyчeниe");
    finds("гибкий", "Ги6ᴋий", "Ги6ᴋий");
    finds("приват", "ΠPИBΑT", "ΠPИBΑT");
    passes("хер", "xep");
    passes("сор", "cop the top");
    passes("мой", "мои");
    passes("pen", "реп");
}

#[test]
fn leet_needs_letters_beside_it() {
    finds("casino", "Best caz1no cas1n0!", "caz1no");
    finds("shit", "this $h1t!", "$h1t");
    finds("bitch", "b!tch", "b!tch");
    finds("ass", "a$$", "a$$");
    passes("ass", "455");
    passes("as", "4s");
    passes("sis", "515");
    passes("asis", "4515");
}

#[test]
fn repeats() {
    finds("fuck", "fuuuuck", "fuuuuck");
    finds("казино", "каааазинооо", "каааазинооо");
    passes("bot", "boot");
    passes("later", "latter");
    finds("boob", "boooob", "boooob");
}

#[test]
fn separated_letters() {
    finds("виагра", "купи в.и.а.г.р.а тут", "в.и.а.г.р.а");
    finds("fuck", "oh f u c k", "f u c k");
    finds("hate", "I h a t e you", "h a t e");
    finds("shit", "s_h_i_t", "s_h_i_t");
    finds("shit", "s/h/i/t", "s/h/i/t");
    passes("anal", "a n a l y s i s");
    passes("shit", "w i s h i t");
    passes("зато", "за-то");
    passes("anus", "an us");
    passes("tit", "it i t is");
}

#[test]
fn hidden_letters() {
    finds("fuck", "what the f*ck", "f*ck");
    finds("пиздец", "п*здец", "п*здец");
    passes("fuck", "f***");
    passes("slut", "x=1&ut sl&ut");
    passes("опыта", "Опыт** работы");
}

#[test]
fn styles_and_marks() {
    finds("casino", "𝓬𝓪𝓼𝓲𝓷𝓸", "𝓬𝓪𝓼𝓲𝓷𝓸");
    finds("casino", "🇨🇦🇸🇮🇳🇴", "🇨🇦🇸🇮🇳🇴");
    finds("shit", "s̵̼̲h̸i͚t", "s̵̼̲h̸i͚t");
    finds("poop", "pÓöp", "pÓöp");
    passes("ano", "un año");
    passes("schon", "schön");
}

#[test]
fn evidence_names_the_steps_and_lowers_the_score() {
    let hits = find(&[evasive(1, "casino")], "casino Casino c@sino");
    assert_eq!(
        hits.iter().map(|h| h.evidence.level).collect::<Vec<_>>(),
        [Level::Literal, Level::Folded, Level::Evasion]
    );
    assert_eq!(hits[2].evidence.steps, Steps::LEET);
    assert!((hits[2].evidence.factor - 1.0 / 1.35).abs() < 1e-6);
    assert_eq!(hits[2].evidence.steps.names().collect::<Vec<_>>(), ["leet"]);
}

#[test]
fn no_place_costs_without_bound() {
    let items = [evasive(1, &"a".repeat(1_000)), evasive(2, &"a ".repeat(400))];
    for text in [
        "a".repeat(20_000),
        "4@".repeat(10_000),
        "a.".repeat(10_000),
        "* ".repeat(10_000),
    ] {
        find(&items, &text);
    }
}
