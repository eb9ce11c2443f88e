//! What Russian and Ukrainian share: splitting a word into stem and ending, and what happens to a stem before
//! some endings. Endings are the paradigms of school grammar (Zaliznyak's classes without stress).

use super::Key;
use std::collections::HashMap;

/// Longest ending, in characters.
const MAX_ENDING: usize = 10;

/// A class of endings that go together. Its letter begins the key.
pub(super) struct Paradigm {
    pub(super) class: char,
    pub(super) endings: Vec<String>,
    pub(super) verb: bool,
}

/// All endings of a language, for taking words apart.
pub(super) struct Endings {
    /// Class of each paradigm.
    classes: Vec<u8>,
    /// Paradigms of verbs, by their places as bits; only these have reflexive forms.
    verbs: u16,
    /// The paradigms that have an ending, the same way.
    endings: HashMap<String, u16>,
}

impl Endings {
    pub(super) fn new(paradigms: &[Paradigm]) -> Self {
        let mut out = Self {
            classes: Vec::new(),
            verbs: 0,
            endings: HashMap::new(),
        };
        for (place, paradigm) in paradigms.iter().enumerate() {
            out.classes.push(paradigm.class as u8);
            out.verbs |= u16::from(paradigm.verb) << place;
            for ending in &paradigm.endings {
                *out.endings.entry(ending.clone()).or_default() |= 1 << place;
            }
        }
        out
    }

    /// Calls `found` with class and stem for every way to take the word apart into a stem of so many letters as `may` lets
    /// pass, and an ending.
    pub(super) fn split(&self, word: &str, may: impl Fn(usize) -> bool, mut found: impl FnMut(u8, &str)) {
        self.take_apart(word, u16::MAX, &may, &mut found);
        if let Some(rest) = word.strip_suffix("ся").or(word.strip_suffix("сь")) {
            self.take_apart(rest, self.verbs, &may, &mut found);
        }
    }

    fn take_apart(
        &self,
        word: &str,
        paradigms: u16,
        may: &impl Fn(usize) -> bool,
        found: &mut impl FnMut(u8, &str),
    ) {
        let letters = word.chars().count();
        let starts = word.char_indices().map(|(at, _)| at).chain([word.len()]);
        let least = letters.saturating_sub(MAX_ENDING).max(2);
        for (stem_letters, at) in starts.enumerate().skip(least) {
            // A stem of two letters needs an ending that says something.
            if stem_letters < 3 && letters - stem_letters < 2 || !may(stem_letters) {
                continue;
            }
            let (stem, ending) = word.split_at(at);
            let with = self.endings.get(ending).copied().unwrap_or(0) & paradigms;
            for (place, &class) in self.classes.iter().enumerate() {
                if with >> place & 1 != 0 {
                    found(class, stem);
                }
            }
        }
    }
}

pub(super) fn words(list: &str) -> Vec<String> {
    list.split_whitespace().map(str::to_string).collect()
}

/// Every combination of a beginning, a middle and an end.
pub(super) fn product(themes: &str, middles: &str, ends: &[String], out: &mut Vec<String>) {
    for theme in std::iter::once("").chain(themes.split_whitespace()) {
        for middle in middles.split_whitespace() {
            for end in ends {
                out.push(format!("{theme}{middle}{end}"));
            }
        }
    }
}

/// Key of a stem in a class; a stem must be long enough to mean something.
pub(super) fn key(class: char, stem: &str, least: usize) -> Option<Key> {
    (stem.chars().count() >= least).then(|| Key {
        class: class as u8,
        stem: stem.to_string(),
    })
}

/// Consonants that change before the ending of the first person and of participles.
const SOFTENED: [(&str, &str); 14] = [
    ("ст", "щ"),
    ("ск", "щ"),
    ("с", "ш"),
    ("з", "ж"),
    ("т", "ч"),
    ("т", "щ"),
    ("д", "ж"),
    ("к", "ч"),
    ("г", "ж"),
    ("б", "бл"),
    ("п", "пл"),
    ("в", "вл"),
    ("м", "мл"),
    ("ф", "фл"),
];

/// The stem as it is before those endings.
pub(super) fn softened(stem: &str) -> impl Iterator<Item = String> {
    SOFTENED
        .iter()
        .filter_map(move |(from, to)| stem.strip_suffix(from).map(|head| format!("{head}{to}")))
}

/// A stem without the vowel that comes and goes before its last consonant (подарок, подарка), and with it
/// (закладка, закладок): `without` for words that end in the consonant, `with` for words that end in a vowel.
pub(super) fn fleeting(stem: &str, vowels: &str, closed: bool) -> Vec<String> {
    let letters: Vec<char> = stem.chars().collect();
    let mut out = Vec::new();
    if closed {
        if let [head @ .., before, vowel, last] = letters.as_slice()
            && vowels.contains(*vowel)
            && "кцлнрьтв".contains(*last)
        {
            let head: String = head.iter().collect();
            out.push(format!("{head}{before}{last}"));
            if "лн".contains(*before) {
                out.push(format!("{head}{before}ь{last}"));
            }
        }
        return out;
    }
    if let [head @ .., last] = letters.as_slice()
        && "кнлцвт".contains(*last)
    {
        let head: String = head.iter().collect();
        let head = head.strip_suffix('ь').unwrap_or(&head);
        if head
            .chars()
            .next_back()
            .is_some_and(|c| !"аеєиіїоуыэюяьй".contains(c))
        {
            out.extend(vowels.chars().map(|vowel| format!("{head}{vowel}{last}")));
        }
    }
    out
}

/// Adjectives in -ный and -нный are spelt both ways.
pub(super) fn doubled_n(stem: &str) -> Option<String> {
    if let Some(one) = stem.strip_suffix("нн") {
        return Some(format!("{one}н"));
    }
    stem.ends_with('н').then(|| format!("{stem}н"))
}

/// Young animals and people: -ёнок, -онок, plural -ята, -ата.
pub(super) fn young(stem: &str) -> Option<[String; 2]> {
    let head = stem.strip_suffix("енок").or(stem.strip_suffix("онок"))?;
    Some([format!("{head}ят"), format!("{head}ат")])
}
