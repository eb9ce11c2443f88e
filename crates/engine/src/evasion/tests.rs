use super::units::Units;
use super::{Builder, Evasion, Scratch};
use crate::fold::fold_text;
use crate::matcher::tests::{find, term};
use crate::{Hit, Item, Level, MatchMode, Steps};
use proptest::prelude::*;

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
fn digits_by_their_names() {
    finds("foreskin", "a 4skin", "4skin");
    finds("masturbate", "masturb8", "masturb8");
    passes("hate", "h8");
    passes("fortune", "4 tune");
}

#[test]
fn signs_with_spaces_around_them() {
    finds("bitch", "you bi + ch!", "bi + ch");
    finds("shit", "sh! +", "sh! +");
    passes("atb", "a + b");
    passes("bitch", "bi +ch");
}

#[test]
fn l_and_i_are_drawn_alike() {
    finds("viagra", "buy VlAGRA", "VlAGRA");
    finds("paypal", "your paypaI account", "paypaI");
    finds("invest", "lnvest now", "lnvest");
    finds("casino", "CASlNO", "CASlNO");
    passes("sling", "sing");
    passes("ill", "lil");
    passes("mail", "mall");
    passes("pis", "Pls call me, pls");
    passes("piss", "plss");
    passes("ball gag", "bali gag");
}

#[test]
fn numbers_and_addresses_are_themselves() {
    passes("gook", "about 600k of them");
    passes("слив", "артикул сл18");
    passes("scat", "id 5caT");
    passes("shag", "mail to sh@g.example.com");
    passes("trois", "http://a.b/c?TR=0&S");
    passes("weed", "www.ee.ed");
    passes("god", "gooood");
    passes("замена", "за****а");
    finds("casino", "http://c4sino.com", "c4sino");
}

#[test]
fn repeats() {
    finds("fuck", "fuuuuck", "fuuuuck");
    finds("казино", "каааазинооо", "каааазинооо");
    passes("bot", "boot");
    passes("later", "latter");
    finds("boob", "boooob", "boooob");
    passes("xxx", "love xxxx x x x");
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
fn separated_letters_beside_words() {
    finds("casino", "c a s i n o b0nus", "c a s i n o");
    finds("casino", "b!tch c a s i n o", "c a s i n o");
    finds("viagra", "buy v i a g r a online", "v i a g r a");
    finds("casino bonus", "c a s i n o bonus today", "c a s i n o bonus");
    finds("casino bonus", "c a s i n o b0nus", "c a s i n o b0nus");
    finds("casino bonus", "a casino b o n u s", "casino b o n u s");
    finds("casino bonus", "c a s i n o b o n u s", "c a s i n o b o n u s");
    finds(
        "best casino bonus",
        "best c a s i n o bonus",
        "best c a s i n o bonus",
    );
    finds("онлайн казино", "онлайн к а з и н о", "онлайн к а з и н о");
    passes("casino bonus", "c a s i n o b on us");
    passes("casino bonus", "cas i n o bonus");
    passes("go to", "go t o");
    passes("casino bonus", "x c a s i n o bonus");
    passes("casino bonus", "casino b o n u s e s");
}

#[test]
fn signs_that_cut_a_word_into_pieces() {
    finds("casino", "c.asino", "c.asino");
    finds("blackjack", "bl.ackjac.k", "bl.ackjac.k");
    finds("казино", "каз-ино", "каз-ино");
    passes("therapist", "the-rapist");
    passes("casino", "cas1.no");
    passes("casino", "ca$-ino");
    passes("anal", "an.al");
    passes("затовар", "за-товар");
}

#[test]
fn variables_are_names() {
    passes("spick", "set msgs $pick(list)");
    passes("spick", "$pick = 3;");
    passes("spick", "if ($pick->{a}) {");
    passes("ass", "@ss += 1");
    finds("spick", "you $pick", "$pick");
    finds("spick", "you $pick (again)", "$pick");
    finds("shit", "$h!t(", "$h!t");
}

#[test]
fn words_of_other_languages() {
    finds("mocky", "mocy", "mocy");
    passes("mocky", "systemy o jakiejkolwiek mocy są dla nas");
    finds("menage", "what a menge they have", "menge");
    passes("menage", "sie haben eine menge von ihnen");
    finds("menage", "sie haben eine m3nge von ihnen", "m3nge");
    finds("casino", "sie haben ein kazino von ihnen", "kazino");
}

#[test]
fn hidden_letters() {
    finds("fuck", "what the f*ck", "f*ck");
    finds("пиздец", "п*здец", "п*здец");
    passes("fuck", "f***");
    finds("fuck", "f--k", "f--k");
    finds("hoarding", "h---ding", "h---ding");
    finds("blinking", "bl__king it", "bl__king");
    passes("is a bit", "is--it");
    passes("fuck", "xf--k");
    let inside = term(1, "fuck", MatchMode::Substring, Level::Evasion);
    assert!(find(&[inside], "abf--k f--kab").is_empty());
    passes("inlaid", "in--id");
    passes("asterisk", "as----is--k");
    passes("toffee", "to--ee");
    passes("tofu it", "to--it");
    passes("tooting", "to - ing to -- ing");
    passes("fuck", "f-- k, f --k");
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

thread_local! {
    /// Sets opened in this thread have every place tried by the walk.
    static EVERYWHERE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// What [`Evasion::new`] asks: the set as it is, or without all that lets text pass.
pub(super) fn everywhere(mut evasion: Evasion<'_>) -> Evasion<'_> {
    if EVERYWHERE.get() {
        (evasion.openings, evasion.gate, evasion.first_letters) = (None, None, None);
        evasion.inside = true;
    }
    evasion
}

/// What is found when every place is tried.
fn find_everywhere(items: &[Item], text: &str) -> Vec<Hit> {
    EVERYWHERE.set(true);
    let hits = find(items, text);
    EVERYWHERE.set(false);
    hits
}

/// The walk from every unit, against the look that goes before it.
fn compare_starts(terms: &[String], text: &str) -> Result<usize, String> {
    let mut builder = Builder::default();
    for (term, number) in terms.iter().zip(0..) {
        builder
            .add(fold_text(term), number, MatchMode::Substring)
            .expect("there is memory");
    }
    let [_, section] = builder.build(&mut |_| Ok(())).expect("there is memory");
    let evasion = Evasion::new(&section);
    let mut units = Units::new(text);
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let mut found = 0;
    for from in 0.. {
        let Some(unit) = units.get(from) else { break };
        if unit.raw == ' ' {
            continue;
        }
        let begins = evasion.may_begin(&mut units, from);
        out.clear();
        evasion.walk(text, &mut units, from, &mut scratch, &mut out);
        found += out.len();
        if !begins && !out.is_empty() {
            return Err(format!("{terms:?} in {text:?} at unit {from}: {out:?}"));
        }
    }
    Ok(found)
}

#[test]
fn the_look_before_the_walk_refuses_no_reading() {
    let terms = [
        "виагра",
        "онлайн казино",
        "fuck",
        "ass",
        "shit",
        "a b",
        "жопа",
        "во",
        "phone",
        "tick tock",
    ]
    .map(String::from);
    let text = "в.и.а.г.р.а Онлайнказино 0нлайн-казино fuuuck fck fuk fcuk f*ck a$$ @ss $h!t a b ab }|{опа >|<oпa \
        ВО в0 b0 phone fone ti<k tock tiqtoq 𝓯𝓾𝓬𝓴 ｆｕｃｋ s̵̼̲h̸i͚t fxck fuxk виагр в и а г р а вв.ии";
    let found = compare_starts(&terms, text).expect("nothing is refused");
    assert!(found > 15, "{found}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn the_look_before_the_walk_refuses_nothing(
        terms in prop::collection::vec("[abckfhxsтвоиж]{1,5}( [abckсо]{1,3})?", 1..6),
        text in "[abckfhxspqoiv014@$*.()|{}<>/ TВоижbьсѕеёéﬁß\u{301}\u{200b}🇦🅰ａ-]{0,24}",
    ) {
        compare_starts(&terms, &text).map_err(TestCaseError::fail)?;
    }
}

fn modes() -> impl Strategy<Value = MatchMode> {
    use MatchMode::{Prefix, Substring, Suffix, Word};
    prop_oneof![2 => Just(Word), 1 => Just(Substring), 1 => Just(Suffix), 1 => Just(Prefix)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// What is passed over unseen changes no hit.
    #[test]
    fn skimming_loses_nothing(
        words in proptest::collection::vec(prop_oneof![
            6 => "[a-zа-я]{1,7}",
            2 => "[A-ZА-Яa-zёї0-9$@!*()'_.-]{1,6}",
            1 => "c[a@а]s?[i1!]+n[o0о]|к[аa]зин[оo0]|c.?a.?s.?i.?n.?o|к а з и н о|onlin ?e?cas.?ino|kazzino|phil.?ms",
            1 => "[ \u{200b}\u{301}\n]{1,3}|[ ]{1,90}",
        ], 0..60),
        window in 1usize..300,
        mode in modes(),
    ) {
        let text = words.join(" ");
        let terms = ["casino", "казино", "online casino", "films", "ставки на спорт", "в долг"];
        let items: Vec<Item> = (1..).zip(terms).map(|(id, text)| term(id, text, mode, Level::Evasion)).collect();
        let skimmed = crate::matcher::tests::find_in_windows(&items, &text, window);
        prop_assert_eq!(skimmed, find_everywhere(&items, &text), "{:?}", text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// The gate lets no word pass that a reading begins with: texts made of terms, disguised and not, and of what is between.
    #[test]
    fn the_gate_lets_no_reading_pass(
        terms in proptest::collection::vec(prop_oneof![
            3 => "[a-z]{2,6}( [a-z]{1,4}){0,3}",
            2 => "[bcdfgklmnprstvz][aeiou][bcdfgklmnprstvz]{1,2}[aeiouy]([kstrnz][aeio]?)?( [kslmtf][aeiouy][nkstx]{1,2}[aeiy]?){0,2}",
            3 => "[а-я]{2,6}( [а-я]{1,4}){0,3}",
            1 => "[a-z]{1,4} [а-я]{1,4}",
            1 => "[a-cоecакнт]{2,5}|[0-9]{1,2} [a-zа-я]{2,4}|[a-zа-я]{1,3}[-.+][a-zа-я]{1,3}( [.+]?[а-я]{2,3})?",
        ], 1..8),
        words in proptest::collection::vec((0usize..8, 0usize..23, 0usize..60), 0..16),
        gaps in proptest::collection::vec(
            "[ ]{0,2}|, |\\. |-| - | — | «|» |! |\\. \\.|'|\"|[.]{1,3}|_| \\(|\\) |\\?|\\? | [+$!] |\n|\u{a0}|, ?«|:|/| [а-яa-z0-9] ", 16
        ),
        mode in modes(),
    ) {
        let mut text = String::new();
        for ((&(term, change, place), gap), n) in words.iter().zip(&gaps).zip(0..) {
            let mut word: Vec<char> = terms[term % terms.len()].chars().collect();
            let at = place % word.len();
            match change {
                0 => word.insert(at, word[at]),
                1 => word.splice(at..at, [word[at]; 3]).for_each(drop),
                2 => word.retain(|&c| c != ' '),
                3 => word = word.iter().flat_map(|&c| [c, ' ']).collect(),
                4 => word = word.iter().flat_map(|&c| [c, '.']).collect(),
                5 => word = word.iter().flat_map(|&c| match c { 'm' => vec!['r', 'n'], 'f' => vec!['p', 'h'], 'w' => vec!['v', 'v'], 's' => vec!['z'], 'u' => vec!['v'], 'i' => vec!['l'], c => vec![c] }).collect(),
                6 => word[at] = 'x',
                7 => word.truncate(at + 1),
                8 => word.insert(at, ['-', '\'', '_', ',', '.'][place % 5]),
                9 => word = word.iter().map(|&c| match c { 'о' => 'o', 'а' => 'a', 'с' => 'c', 'o' => 'о', 'a' => 'а', 'c' => 'с', 'е' => 'e', c => c }).collect(),
                10 => word = word.iter().map(|&c| match c { ' ' => ' ', c => c.to_uppercase().next().unwrap_or(c) }).collect(),
                12 => {
                    let cut = word.iter().rposition(|&c| c == ' ').map_or(0, |at| at + 1);
                    let apart: Vec<char> = word.drain(cut..).flat_map(|c| [c, ' ']).collect();
                    word.extend(apart);
                }
                13 => {
                    let cut = word.iter().position(|&c| c == ' ').unwrap_or(word.len());
                    let apart: Vec<char> = word.drain(..cut).flat_map(|c| [c, ' ']).collect();
                    word.splice(0..0, apart[..apart.len() - 1].iter().copied());
                }
                14 => word.iter_mut().skip(at).take(2 + place % 2).for_each(|c| *c = ['-', '_'][place % 2]),
                11 => word[at] = ['1', '0', '4', '!', '*', '$'][place % 6],
                // Nothing, or what changes the letter before it.
                15 => word.insert(at + 1, ['\u{200b}', '\0', '\u{ad}', '\u{301}'][place % 4]),
                // By their sound.
                16 => word = word.iter().flat_map(|&c| match c { 'c' => vec!['k'], 'k' => vec!['c', 'k'], 's' => vec!['z'], 'f' => vec!['p', 'h'], 't' => vec!['d'], c => vec![c] }).collect(),
                17 if at > 1 => word.swap(at - 1, at),
                18 => word[at] = ['a', 'e', 'i', 'o', 'u', 'y'][place % 6],
                19 => word = word.iter().flat_map(|&c| match c { 'i' => vec!['y'], 'y' => vec!['i', 'e'], 'x' => vec!['k', 's'], 'q' => vec!['k'], 'z' => vec!['s'], c => vec![c] }).collect(),
                20 => word = ["the", "and", "of", "now", "или", "тоже", "1st", "2"][place % 8].chars().collect(),
                _ => {}
            }
            text.extend(word);
            text.push_str(if n + 1 == words.len() { "" } else { gap });
        }
        let items: Vec<Item> = (1..).zip(&terms).map(|(id, text)| term(id, text, mode, Level::Evasion)).collect();
        let passed = crate::matcher::tests::find_in_windows(&items, &text, 4_096);
        prop_assert_eq!(passed, find_everywhere(&items, &text), "{:?} in {:?}", terms, text);
    }
}

const DISGUISED: &str = "Best cas1no b0nus: onlinecasino, c.a.s.i.n.o, kазино, ставки на спopт! f@rmacy kasino csaino fil.ms, \
    3aбaва phone fone ouısɐɔ viagrа 4skin bi + ch, o n l i n e casino. Ordinary words of a text, и простые слова.";

fn disguised<const N: usize>(modes: [MatchMode; N]) -> Vec<Item> {
    let terms = [
        "casino",
        "casino bonus",
        "online casino",
        "казино",
        "ставки на спорт",
        "pharmacy",
        "films",
        "забава",
        "phone",
        "viagra",
        "foreskin",
        "bitch",
        "dvd диски",
        "e-mail",
    ];
    let modes = modes.into_iter().cycle();
    let list = (1..).zip(terms).zip(modes);
    list.map(|((id, text), mode)| term(id, text, mode, Level::Evasion))
        .collect()
}

/// Terms of whole words and those that may stand inside words are searched apart: each finds alone what it finds in company.
#[test]
fn company_changes_no_hit() {
    use MatchMode::{Inflected, Prefix, Substring, Suffix, Word};
    let items = disguised([Word, Substring, Word, Prefix, Inflected, Suffix]);
    let together = find(&items, DISGUISED);
    assert!(together.len() > 8, "{}", together.len());
    for item in &items {
        let alone = find(std::slice::from_ref(item), DISGUISED);
        let of_it: Vec<_> = together
            .iter()
            .filter(|hit| hit.item == item.id)
            .cloned()
            .collect();
        assert_eq!(alone, of_it, "{}", item.term.text);
    }
}

/// A term that the gate is not for leaves it to the others: drawn in too many ways, or a sign beside a space that is none of ASCII.
#[test]
fn one_odd_term_takes_the_gate_from_no_other() {
    let terms = ["casino", "xvii проститутки без", "€ 5"];
    let mut builder = Builder::default();
    for (term, number) in terms.iter().zip(0..) {
        builder
            .add(fold_text(term), number, MatchMode::Word)
            .expect("there is memory");
    }
    let sections = builder.build(&mut |_| Ok(())).expect("there is memory");
    let [words, others] = sections.each_ref().map(|section| Evasion::new(section));
    assert!(words.gate.is_some() && others.gate.is_none());
    assert_eq!((words.terms.len(), others.terms.len()), (1, 2));
    let items: Vec<Item> = (1..).zip(terms).map(|(id, text)| evasive(id, text)).collect();
    let text = "c@sino, xvіі проститутки без, € 5";
    let found: Vec<i64> = find(&items, text).iter().map(|hit| hit.item).collect();
    assert_eq!(found, [1, 2, 3]);
    assert_eq!(find(&items, text), find_everywhere(&items, text));
}

/// Nothing is prepared in memory, whatever the set has.
#[test]
fn a_set_takes_no_memory_of_its_own() {
    let matcher = crate::matcher::tests::open(&disguised([MatchMode::Word, MatchMode::Inflected]));
    assert_eq!(matcher.heap_bytes(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// Whatever bytes of the section say, a search ends, and what it finds are spans of the text.
    #[test]
    fn damage_is_survived(
        whole in any::<bool>(),
        anywhere in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        written in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..60),
    ) {
        let second = if whole { MatchMode::Inflected } else { MatchMode::Substring };
        let items = disguised([MatchMode::Word, second]);
        let mut set = crate::compile(&items, &mut || false).expect("compiles");
        let undamaged = find(&items, DISGUISED).len();
        prop_assert!(undamaged > 8, "{}", undamaged);
        let section = crate::compiled::range_of_evasion(&set);
        prop_assert!(section.len() > 10_000);
        // Most of the filters and of the lots is nothing.
        let something: Vec<usize> = section.clone().filter(|&n| set[n] != 0).collect();
        for (n, flip) in &written {
            set[*n.get(&something)] ^= flip;
        }
        for (n, value) in &anywhere {
            set[section.start + n.index(section.len())] = *value;
        }
        crate::compiled::seal(&mut set);
        let matcher = crate::Matcher::open_in_place(set).expect("the header is sound");
        for hit in matcher.find(DISGUISED, &crate::FindOptions::default(), &mut || false).unwrap_or_default() {
            prop_assert!(DISGUISED.get(hit.bytes).is_some());
        }
    }
}
