//! Russian paradigms: nouns, adjectives, possessive adjectives, verbs. Words arrive folded (ё is е).

use super::slavic::{Paradigm, doubled_n, fleeting, key, product, softened, words, young};

const ADJECTIVE: &str = "ый ий ой ого его ому ему ым им ом ем ая яя ую юю ей ою ею ое ее ые ие ых их ыми ими";
const VOWELS: &str = "аеиоуыэюя";

/// Keys: n noun, z noun without ending, a adjective, p possessive, v verb, u verb in -овать, s softened verb stem,
/// t verb whose stem has no vowel.
pub(super) fn paradigms() -> Vec<Paradigm> {
    let adjective = words(ADJECTIVE);
    let mut noun = words(
        "а я о е ь й и ы у ю ой ей ою ею ом ем ам ям ами ями ах ях ов ев ий ью ья ье ьям ьями ьях ию ия ие ии \
         ием иям иями иях",
    );
    noun.push(String::new());
    let mut adjectives = adjective.clone();
    adjectives.extend(words("а о ы и е я"));
    adjectives.push(String::new());

    let mut verb = Vec::new();
    product(
        "а я и е о у ы ну ива ыва",
        "ть л ла ло ли в вши",
        &[String::new()],
        &mut verb,
    );
    product(
        "а я и е о у ы ну ива ыва",
        "вш нн ем им ющ т н",
        &adjective,
        &mut verb,
    );
    product(
        "а я е у ну ива ыва",
        "ю ешь ет ем ете ют й йте",
        &[String::new()],
        &mut verb,
    );
    product("", "ущ ящ ащ ющ енн ш", &adjective, &mut verb);
    for theme in ["а", "я", "и", "е", "о", "у", "ы", "ну"] {
        verb.extend(
            words("н на но ны т та то ты")
                .iter()
                .map(|end| format!("{theme}{end}")),
        );
    }
    verb.extend(words("у ишь ит им ите ут ат ят и ь ьте ти я а ен ена ено ены"));
    verb.extend(words("ну нешь нет нем нете нут ни ните"));

    let mut present = words("ую уешь ует уем уете уют уй уйте уя");
    product("", "ующ", &adjective, &mut present);
    let mut soft = words("ю у ен ена ено ены ем ешь ет ете ут ют");
    product("", "енн ен", &adjective, &mut soft);
    let mut bare = words("ть л ла ло ли в вши ю ешь ет ем ете ют й йте н на но ны");
    product("", "вш нн ющ", &adjective, &mut bare);
    vec![
        Paradigm {
            class: 'n',
            endings: noun,
            verb: false,
        },
        Paradigm {
            class: 'z',
            endings: vec![String::new()],
            verb: false,
        },
        Paradigm {
            class: 'a',
            endings: adjectives,
            verb: false,
        },
        Paradigm {
            class: 'p',
            endings: words("ий ья ье ьи ьего ьему ьим ьем ью ьей ьею ьих ьими"),
            verb: false,
        },
        Paradigm {
            class: 'v',
            endings: verb,
            verb: true,
        },
        Paradigm {
            class: 'u',
            endings: present,
            verb: true,
        },
        Paradigm {
            class: 's',
            endings: soft,
            verb: true,
        },
        Paradigm {
            class: 't',
            endings: bare,
            verb: true,
        },
    ]
}

/// The keys of a term, whatever form it is written in.
pub(super) fn keys(word: &str) -> Vec<String> {
    let letters = word.chars().count();
    let plain = word
        .strip_suffix("ся")
        .or(word.strip_suffix("сь"))
        .unwrap_or(word);
    if letters > 4
        && let Some(stem) = ["ть", "ти", "чь"].iter().find_map(|e| plain.strip_suffix(e))
        && !word.ends_with("сть")
    {
        return verb(stem);
    }
    let ending = ["ый", "ий", "ой", "ая", "яя", "ое", "ее", "ые", "ие"]
        .iter()
        .find_map(|e| word.strip_suffix(e));
    let mut out = Vec::new();
    if letters > 4
        && let Some(stem) = ending
    {
        out.extend(key('a', stem, 3));
        out.extend(doubled_n(stem).and_then(|s| key('a', &s, 3)));
        if word.ends_with("ий") {
            out.extend(key('p', stem, 3));
        }
        if !word.ends_with(['и', 'й']) && !word.ends_with("ие") || word.ends_with("ый") {
            return out;
        }
    }
    noun(word, &mut out);
    if word.ends_with("ев") || word.ends_with("ов") {
        out.extend(key('a', word, 3));
    }
    out
}

fn verb(infinitive: &str) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(stem) = infinitive.strip_suffix("ова").or(infinitive.strip_suffix("ева")) {
        out.extend(key('u', stem, 2));
        out.extend(infinitive.strip_suffix('а').and_then(|s| key('v', s, 3)));
    }
    if let Some(stem) = infinitive.strip_suffix("ава") {
        // давать, даю: the present loses -ва-.
        out.extend(key('v', stem, 3));
    }
    let stem = infinitive
        .strip_suffix("ну")
        .unwrap_or_else(|| infinitive.trim_end_matches(|c| VOWELS.contains(c)));
    if stem.contains(|c| VOWELS.contains(c)) {
        out.extend(key('v', stem, 2));
        out.extend(softened(stem).filter_map(|s| key('s', &s, 3)));
    } else {
        out.extend(key('t', infinitive, 2));
    }
    out
}

/// Endings that only an oblique form of a noun has; taken off when the term is not written in the nominative.
const OBLIQUE: [&str; 12] = [
    "ами", "ями", "ах", "ях", "ам", "ям", "ом", "ем", "ов", "ев", "ою", "ею",
];

fn noun(word: &str, out: &mut Vec<String>) {
    let letters = word.chars().count();
    let stem = word
        .strip_suffix(['а', 'я', 'о', 'е', 'ь', 'й', 'и', 'ы', 'у', 'ю'])
        .unwrap_or(word);
    out.extend(key('n', stem, 3));
    let open = word.ends_with(['а', 'я', 'о', 'е']);
    if open {
        out.extend(fleeting(stem, "ое", false).iter().filter_map(|s| key('z', s, 3)));
    }
    out.extend(fleeting(stem, "ое", true).iter().filter_map(|s| key('n', s, 3)));
    out.extend(young(stem).iter().flatten().filter_map(|s| key('n', s, 3)));
    if letters > 5
        && let Some(stem) = OBLIQUE
            .iter()
            .chain(&["ой", "ей"])
            .find_map(|e| word.strip_suffix(e))
    {
        out.extend(key('n', stem, 4));
        out.extend(fleeting(stem, "ое", false).iter().filter_map(|s| key('z', s, 3)));
    }
}
