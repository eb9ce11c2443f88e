//! Russian paradigms: nouns, adjectives, possessive adjectives, verbs. Words arrive folded (ё is е).

use super::Key;
use super::slavic::{Paradigm, doubled_n, fleeting, key, product, softened, words, young};

const ADJECTIVE: &str = "ый ий ой ого его ому ему ым им ом ем ая яя ую юю ей ою ею ое ее ые ие ых их ыми ими";
const VOWELS: &str = "аеиоуыэюя";

/// Keys: n noun, z noun without ending, a adjective, p possessive, v verb, u verb in -овать, s softened verb stem,
/// t verb with the vowel of its infinitive.
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

    // The present and what is built on it; the past keeps the vowel of the infinitive and is class t.
    let mut verb = words("у ю ешь ет ем ете ут ют ишь ит им ите ат ят и ь ьте й йте ен ена ено ены");
    product("", "ущ ющ ящ ащ енн им ем", &adjective, &mut verb);
    verb.extend(words("ну нешь нет нем нете нут ни ните нул нула нуло нули нуть"));

    let mut present = words("ую уешь ует уем уете уют уй уйте уя");
    product("", "ующ", &adjective, &mut present);
    let mut soft = words("ю у ен ена ено ены ем ешь ет ете ут ют");
    product("", "енн ен", &adjective, &mut soft);
    let mut bare = words("ть л ла ло ли в вши ю ешь ет ем ете ют й йте я н на но ны т та то ты");
    product("", "вш нн ющ ем т", &adjective, &mut bare);
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
pub(super) fn keys(word: &str) -> Vec<Key> {
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

fn verb(infinitive: &str) -> Vec<Key> {
    let mut out = Vec::new();
    if let Some(stem) = infinitive.strip_suffix("ова").or(infinitive.strip_suffix("ева")) {
        out.extend(key('u', stem, 2));
        out.extend(infinitive.strip_suffix('а').and_then(|s| key('v', s, 3)));
    }
    // давать, даю: the present loses -ва-.
    let short = ["дава", "става", "знава"]
        .iter()
        .any(|end| infinitive.ends_with(end));
    out.extend(
        infinitive
            .strip_suffix("ва")
            .filter(|_| short)
            .and_then(|s| key('t', s, 3)),
    );
    let stem = infinitive
        .strip_suffix("ну")
        .unwrap_or_else(|| infinitive.trim_end_matches(|c| VOWELS.contains(c)));
    out.extend(key('t', infinitive, 2));
    if stem.contains(|c| VOWELS.contains(c)) {
        out.extend(key('v', stem, 2));
        for soft in softened(stem) {
            out.extend(key('s', &soft, 3));
            out.extend(key('t', &format!("{soft}ива"), 5));
        }
        // The other aspect: выиграть, выигрывать.
        out.extend(
            ["ива", "ыва"]
                .iter()
                .filter_map(|theme| key('t', &format!("{stem}{theme}"), 5)),
        );
    }
    out
}

/// Endings that only an oblique form of a noun has; taken off when the term is not written in the nominative.
const OBLIQUE: [&str; 12] = [
    "ами", "ями", "ах", "ях", "ам", "ям", "ом", "ем", "ов", "ев", "ою", "ею",
];

fn noun(word: &str, out: &mut Vec<Key>) {
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
