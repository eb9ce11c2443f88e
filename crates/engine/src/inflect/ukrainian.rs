//! Ukrainian paradigms: nouns, adjectives, verbs.

use super::Key;
use super::slavic::{Paradigm, doubled_n, fleeting, key, product, softened, words, young};

const ADJECTIVE: &str = "ий ій ого ього його ому ьому йому им ім їм а я я у ю ої ьої йої ій їй ою ьою йою є е еє єє \
                         єю і ї їх их іх ими іми їми яя";
const VOWELS: &str = "аеєиіїоуюя";

/// Keys: n noun, z genitive plural, l locative and vocative, a adjective, v verb, u verb in -увати, s softened verb
/// stem, t verb with the vowel of its infinitive.
pub(super) fn paradigms() -> Vec<Paradigm> {
    let adjective = words(ADJECTIVE);
    let future = "тиму тимеш тиме тимемо тимете тимуть";
    let mut noun = words(
        "а я о е є ь й и і ї у ю ой ою ею єю ом ем єм ам ям ами ями ах ях ів їв ей ові еві єві ью єй ую ию ія ії \
         ією ієм іям іями іях",
    );
    noun.push(String::new());
    let mut adjectives = adjective.clone();
    adjectives.push(String::new());

    // The present and what is built on it; the past keeps the vowel of the infinitive and is class t.
    let mut verb = words(
        "у ю еш єш иш їш е є ит ить їть ать ять емо ємо имо їмо им ем єм ете єте ите їте уть ють и й йте ймо і імо ь \
         ьмо ьте іть ім іте учи ючи ачи ячи ено єно ений єний",
    );
    product("", "уч юч ач яч ущ ющ ащ ящ ен єн", &adjective, &mut verb);
    verb.extend(words(
        "ну неш не немо нем нете нуть ни ніть німо ньте ні нув нула нуло нули нути",
    ));

    let mut present = words("ую уєш ує уємо уєм уєте ують уй уйте уймо уючи");
    product("", "уюч", &adjective, &mut present);
    let mut soft = words("у ю ать ять ено");
    product("", "ен єн", &adjective, &mut soft);
    let mut bare = words("ти ть в л ла ло ли вши ю єш є ємо єте єм ють й йте ймо ючи н на но т та то");
    bare.extend(words(future));
    product("", "вш нн н юч т", &adjective, &mut bare);
    vec![
        Paradigm {
            class: 'n',
            endings: noun,
            verb: false,
        },
        Paradigm {
            class: 'z',
            endings: vec![String::new(), "ів".into()],
            verb: false,
        },
        Paradigm {
            class: 'l',
            endings: words("і е у"),
            verb: false,
        },
        Paradigm {
            class: 'a',
            endings: adjectives,
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
        && let Some(stem) = plain.strip_suffix("ти").or(plain.strip_suffix("ть"))
        && !word.ends_with("сть")
    {
        return verb(stem);
    }
    let mut out = Vec::new();
    let ending = ["ий", "ій", "ая", "яя", "еє", "ый", "ого", "ої", "ими", "их"]
        .iter()
        .find_map(|e| word.strip_suffix(e));
    if letters > 4
        && let Some(stem) = ending
    {
        out.extend(key('a', stem, 3));
        out.extend(doubled_n(stem).and_then(|s| key('a', &s, 3)));
        return out;
    }
    noun(word, &mut out);
    out
}

fn verb(infinitive: &str) -> Vec<Key> {
    let mut out = Vec::new();
    if let Some(stem) = infinitive.strip_suffix("ува").or(infinitive.strip_suffix("юва")) {
        out.extend(key('u', stem, 2));
        out.extend(infinitive.strip_suffix('а').and_then(|s| key('v', s, 3)));
    }
    let stem = infinitive.strip_suffix("ну").unwrap_or_else(|| {
        infinitive
            .strip_suffix(|c| VOWELS.contains(c))
            .unwrap_or(infinitive)
    });
    out.extend(key('t', infinitive, 2));
    if stem.contains(|c| VOWELS.contains(c)) {
        out.extend(key('v', stem, 2));
        for soft in softened(stem) {
            out.extend(key('s', &soft, 3));
            out.extend(key('t', &format!("{soft}ува"), 5));
        }
    }
    // The same verb with another vowel in its infinitive: -іти and -ити are often confused.
    let head = infinitive.strip_suffix(['і', 'и']);
    out.extend(
        head.into_iter()
            .flat_map(|h| ["і", "и"].map(|v| format!("{h}{v}")))
            .filter_map(|s| key('t', &s, 2)),
    );
    out
}

/// Consonants that change before -і and -е.
const CHANGED: [(&str, &str); 7] = [
    ("к", "ц"),
    ("г", "з"),
    ("х", "с"),
    ("к", "ч"),
    ("г", "ж"),
    ("х", "ш"),
    ("ц", "ч"),
];

fn noun(word: &str, out: &mut Vec<Key>) {
    let ends = ['а', 'я', 'о', 'е', 'є', 'ь', 'й', 'и', 'і', 'ї', 'у', 'ю'];
    let stem = word.strip_suffix(ends).unwrap_or(word);
    out.extend(key('n', stem, 3));
    out.extend(stem.strip_suffix('ь').and_then(|s| key('n', s, 3)));
    for (from, to) in CHANGED {
        out.extend(
            stem.strip_suffix(from)
                .and_then(|head| key('l', &format!("{head}{to}"), 3)),
        );
    }
    if word.ends_with(['а', 'я', 'о', 'е', 'є']) {
        out.extend(fleeting(stem, "оеє", false).iter().filter_map(|s| key('z', s, 3)));
    }
    out.extend(fleeting(stem, "оеєі", true).iter().filter_map(|s| key('n', s, 3)));
    out.extend(young(stem).iter().flatten().filter_map(|s| key('n', s, 3)));
    if stem == word {
        out.extend(opened(stem).iter().filter_map(|s| key('n', s, 3)));
    }
    let oblique = ["ами", "ями", "ах", "ях", "ам", "ям", "ом", "ем", "ів", "ою", "ею"];
    if word.chars().count() > 5
        && let Some(stem) = oblique.iter().find_map(|e| word.strip_suffix(e))
    {
        out.extend(key('n', stem, 4));
        out.extend(fleeting(stem, "оеє", false).iter().filter_map(|s| key('z', s, 3)));
    }
}

/// і of a closed syllable is о or е in an open one (кіт, кота).
fn opened(stem: &str) -> Vec<String> {
    let Some((at, _)) = stem.char_indices().rev().find(|(_, c)| VOWELS.contains(*c)) else {
        return Vec::new();
    };
    let (head, tail) = stem.split_at(at);
    let Some(tail) = tail
        .strip_prefix('і')
        .filter(|t| !t.is_empty() && !t.contains(['ь', 'й']))
    else {
        return Vec::new();
    };
    vec![format!("{head}о{tail}"), format!("{head}е{tail}")]
}
