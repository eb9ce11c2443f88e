use super::*;
use crate::fold_text;
use proptest::prelude::*;

const LANGUAGES: [Language; 8] = [
    Language::Russian,
    Language::Ukrainian,
    Language::English,
    Language::German,
    Language::French,
    Language::Turkish,
    Language::Indonesian,
    Language::Arabic,
];

const RUSSIAN: &str = "закладка закладкой закладок ставка ставок ставить ставлю казино доход доходы дохода продавать \
    продаю учиться учился быстрый быстрого подарок подарка котенок котята идти лгать лгу";
const ENGLISH: &str = "casino casinos gamble gambling gambled die dying dies bet betting try tries tried happy happily \
    relational relate possibility possible dealer's deals ox's be x's";

/// Words of all the languages, most of them in several forms, folded.
fn words() -> Vec<(Language, String)> {
    let listed = |language: Language| stop_words::lookup(language.code()).unwrap_or(&[]).iter();
    let common = LANGUAGES
        .iter()
        .flat_map(|&l| listed(l).map(move |w| (l, fold_text(w.trim_matches('\'')))));
    let own = [(Language::Russian, RUSSIAN), (Language::English, ENGLISH)];
    let own = own
        .iter()
        .flat_map(|&(l, list)| list.split_whitespace().map(move |w| (l, w.to_string())));
    common
        .chain(own)
        .filter(|(_, w)| !w.is_empty() && split(w).eq([w.as_str()]))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn finds_the_forms_that_the_grammars_say(picks in prop::collection::vec(any::<prop::sample::Index>(), 1..60)) {
        let words = words();
        let listed: Vec<&(Language, String)> = picks.iter().map(|p| p.get(&words)).collect();
        let terms: Vec<InflectedTerm> = listed.iter().zip(0..).map(|((language, word), entry)| InflectedTerm {
            folded: word.clone(),
            language: *language,
            entry,
            evasive: false,
        }).collect();
        let section = build(&terms, &mut |_| Ok(())).unwrap();
        let inflected = Inflected::new(&section);
        let mut forms = Vec::new();
        for (_, text) in words.iter().step_by(7).chain(listed.iter().copied()) {
            inflected.forms(text, &mut forms).unwrap();
            let mut found: Vec<(u32, bool)> = forms
                .iter()
                .filter(|form| inflected.is_form(text, **form))
                .flat_map(|form| inflected.singles(form.word).map(move |entry| (entry, form.exact)))
                .collect();
            found.sort_unstable();
            let expected: Vec<(u32, bool)> = terms.iter().filter_map(|term| {
                let grammar = Grammar::of(term.language);
                let exact = term.folded == *text;
                let form = || grammar.share_key(&term.folded, text)
                    && (grammar.is_common_term(&term.folded) || !grammar.is_common(text));
                (exact || form()).then_some((term.entry, exact))
            }).collect();
            prop_assert_eq!(found, expected, "{}", text);
        }
    }
}

#[test]
fn phrases_by_their_first_two_words() {
    let term = |folded: &str, entry| InflectedTerm {
        folded: folded.into(),
        language: Language::English,
        entry,
        evasive: false,
    };
    let terms = [
        term("online casino", 1),
        term("online casino bonus", 2),
        term("casino", 3),
    ];
    let section = build(&terms, &mut |_| Ok(())).expect("there is memory");
    let inflected = Inflected::new(&section);
    let number = |word: &str| {
        let mut forms = Vec::new();
        inflected.forms(word, &mut forms).expect("there is memory");
        forms.first().map_or(u32::MAX, |f| f.word)
    };
    let (online, casino) = (number("online"), number("casinos"));
    let mut entries: Vec<u32> = inflected.phrases(online, casino).map(|p| p.0).collect();
    entries.sort_unstable();
    assert_eq!(entries, [1, 2]);
    assert!(inflected.begins(online) && !inflected.begins(casino));
    assert_eq!(inflected.phrases(casino, online).count(), 0);
    assert_eq!(inflected.singles(casino).collect::<Vec<_>>(), [3]);
    assert!(Inflected::new(&[]).is_empty());
}
