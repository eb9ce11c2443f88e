//! Mode `inflected`: a word in all its grammatical forms.
//!
//! Two words are forms of one word when they share a *key*. For Russian and Ukrainian the key is a stem with the
//! paradigm it inflects by, and both endings must belong to that paradigm (modules `russian` and `ukrainian`): a
//! bare stem list makes «кака» of «как» and «есть» of «ести». For the other languages the key is the Snowball stem
//! (crate `snowball_stemmers_rs`). In all of them a common word (crate `stop-words`, the stopwords-iso lists)
//! is never taken for a form of another word.
//!
//! Not for word formation: prefixes and derived words are other words, add them as terms.

mod russian;
mod slavic;
mod ukrainian;

use snowball_stemmers_rs::{Algorithm, Stemmer};
use std::collections::HashSet;
use std::sync::OnceLock;

/// A language whose grammar mode `inflected` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Language {
    English = 0,
    Russian = 1,
    Ukrainian = 2,
    German = 3,
    French = 4,
    Spanish = 5,
    Italian = 6,
    Portuguese = 7,
    Dutch = 8,
    Polish = 9,
    Czech = 10,
    Turkish = 11,
    Swedish = 12,
    Danish = 13,
    Norwegian = 14,
    Finnish = 15,
    Hungarian = 16,
    Romanian = 17,
    Greek = 18,
    Arabic = 19,
    Indonesian = 20,
    Hindi = 21,
}

/// Code (ISO 639-1), language, Snowball algorithm.
const LANGUAGES: [(&str, Language, Algorithm); 22] = [
    ("en", Language::English, Algorithm::English),
    ("ru", Language::Russian, Algorithm::Russian),
    ("uk", Language::Ukrainian, Algorithm::Ukrainian),
    ("de", Language::German, Algorithm::German),
    ("fr", Language::French, Algorithm::French),
    ("es", Language::Spanish, Algorithm::Spanish),
    ("it", Language::Italian, Algorithm::Italian),
    ("pt", Language::Portuguese, Algorithm::Portuguese),
    ("nl", Language::Dutch, Algorithm::Dutch),
    ("pl", Language::Polish, Algorithm::Polish),
    ("cs", Language::Czech, Algorithm::Czech),
    ("tr", Language::Turkish, Algorithm::Turkish),
    ("sv", Language::Swedish, Algorithm::Swedish),
    ("da", Language::Danish, Algorithm::Danish),
    ("no", Language::Norwegian, Algorithm::Norwegian),
    ("fi", Language::Finnish, Algorithm::Finnish),
    ("hu", Language::Hungarian, Algorithm::Hungarian),
    ("ro", Language::Romanian, Algorithm::Romanian),
    ("el", Language::Greek, Algorithm::Greek),
    ("ar", Language::Arabic, Algorithm::Arabic),
    ("id", Language::Indonesian, Algorithm::Indonesian),
    ("hi", Language::Hindi, Algorithm::Hindi),
];

impl Language {
    /// From an ISO 639-1 code.
    pub fn from_code(code: &str) -> Option<Self> {
        LANGUAGES
            .iter()
            .find(|l| l.0.eq_ignore_ascii_case(code))
            .map(|l| l.1)
    }

    /// The ISO 639-1 codes of all languages.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        LANGUAGES.iter().map(|l| l.0)
    }

    /// The ISO 639-1 code.
    pub fn code(self) -> &'static str {
        LANGUAGES.iter().find(|l| l.1 == self).map_or("", |l| l.0)
    }

    /// The language with this number in compiled bytes.
    pub fn from_u8(number: u8) -> Option<Self> {
        LANGUAGES.iter().find(|l| l.1 as u8 == number).map(|l| l.1)
    }

    /// The language that a term is most likely in, by its letters; `None` when no stemmer knows its script.
    pub fn of(text: &str) -> Option<Self> {
        use unicode_script::{Script, UnicodeScript};
        let mut scripts = text.chars().filter(|c| c.is_alphabetic()).map(|c| c.script());
        let script = scripts.next()?;
        match script {
            Script::Cyrillic if text.chars().any(|c| "іїєґІЇЄҐ".contains(c)) => Some(Self::Ukrainian),
            Script::Cyrillic => Some(Self::Russian),
            Script::Latin => Some(Self::English),
            Script::Greek => Some(Self::Greek),
            Script::Arabic => Some(Self::Arabic),
            Script::Devanagari => Some(Self::Hindi),
            _ => None,
        }
    }

    fn algorithm(self) -> Algorithm {
        LANGUAGES
            .iter()
            .find(|l| l.1 == self)
            .map_or(Algorithm::English, |l| l.2)
    }
}

/// Forms of an English word (folded) to look for in disguise, where no stemmer can cut the ending off. Empty for other
/// languages. Of a phrase the last word is changed.
pub(crate) fn disguised_forms(term: &str, language: Language) -> Vec<String> {
    let (head, word) = term.split_at(term.rfind([' ', '-']).map_or(0, |at| at + 1));
    if language != Language::English || word.len() < 3 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return Vec::new();
    }
    let vowel = |b: Option<u8>| b.is_some_and(|b| b"aeiouy".contains(&b));
    let ends = |n: usize| {
        word.len()
            .checked_sub(n)
            .and_then(|at| word.as_bytes().get(at).copied())
    };
    let (mut stem, mut plural) = (word.to_string(), "s");
    match (ends(2), ends(1)) {
        (_, Some(b'e')) => {
            stem.pop();
        }
        (before, Some(b'y')) if !vowel(before) => {
            stem.pop();
            stem.push('i');
            plural = "es";
        }
        (_, Some(b's' | b'x' | b'z')) | (Some(b'c' | b's'), Some(b'h')) => plural = "es",
        // A short syllable doubles its consonant: tap, tapped.
        (before, Some(last))
            if vowel(before) && !vowel(ends(3)) && word.len() < 5 && !b"wxy".contains(&last) =>
        {
            stem.push(char::from(last));
        }
        _ => {}
    }
    let plural = match plural {
        "s" => format!("{word}s"),
        _ if word.ends_with('y') => format!("{stem}es"),
        _ => format!("{word}es"),
    };
    let mut out = vec![format!("{head}{plural}")];
    if word.ends_with("er") || word.ends_with("ed") || word.ends_with("ing") || word.ends_with('s') {
        return out;
    }
    out.extend(
        ["er", "ers", "ed"]
            .iter()
            .map(|ending| format!("{head}{stem}{ending}")),
    );
    let stem = stem.strip_suffix('i').map_or(stem.clone(), |s| format!("{s}y"));
    out.push(format!("{head}{stem}ing"));
    out
}

/// Longest word that is stemmed, in bytes; longer ones are no word of a language.
const MAX_WORD: usize = 96;

/// What forms of one word have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// A letter for a way of inflecting, 0 where the language has only one.
    pub(crate) class: u8,
    pub(crate) stem: String,
}

/// Languages whose stemmer only cuts endings off, or changes the last letter that is left: every word of the lists of crate
/// `stop-words`, and of the English ones of crate `random_word`, has its stem less one letter at its beginning («dying» and
/// its like are told apart), which a test says. Others change letters inside a word, or cut off beginnings.
const KEEPS_BEGINNINGS: [Language; 11] = [
    Language::English,
    Language::Italian,
    Language::Portuguese,
    Language::Polish,
    Language::Czech,
    Language::Turkish,
    Language::Swedish,
    Language::Danish,
    Language::Norwegian,
    Language::Hungarian,
    Language::Hindi,
];

/// The grammar of one language, ready to use.
pub(crate) struct Grammar {
    language: Language,
    stemmer: Stemmer,
    common: HashSet<&'static str>,
    /// Keys of the common words: «какие» is as common as «какой».
    common_keys: HashSet<Key>,
    slavic: Option<slavic::Endings>,
}

impl Grammar {
    /// The grammar of a language, made once per process: it depends on nothing else.
    pub(crate) fn of(language: Language) -> &'static Self {
        static GRAMMARS: [OnceLock<Grammar>; LANGUAGES.len()] = [const { OnceLock::new() }; LANGUAGES.len()];
        static OTHER: OnceLock<Grammar> = OnceLock::new();
        let cell = GRAMMARS.get(language as usize).unwrap_or(&OTHER);
        cell.get_or_init(|| Self::new(language))
    }

    fn new(language: Language) -> Self {
        let slavic = match language {
            Language::Russian => Some(slavic::Endings::new(&russian::paradigms())),
            Language::Ukrainian => Some(slavic::Endings::new(&ukrainian::paradigms())),
            _ => None,
        };
        let common = stop_words::lookup(language.code())
            .unwrap_or(&[])
            .iter()
            .copied()
            .collect();
        let stemmer = Stemmer::create(language.algorithm());
        let mut out = Self {
            language,
            stemmer,
            common,
            common_keys: HashSet::new(),
            slavic,
        };
        let longer = out.common.iter().filter(|w| w.chars().count() > 3);
        out.common_keys = longer.flat_map(|w| out.keys_of_term(w)).collect();
        out
    }

    /// Is the word of a term a common one itself? Only then common words of a text are its forms.
    pub(crate) fn is_common_term(&self, word: &str) -> bool {
        self.common.contains(word)
    }

    /// Is the word (folded) a common one, or a form of one?
    pub(crate) fn is_common(&self, word: &str) -> bool {
        if self.common.contains(word) {
            return true;
        }
        let mut common = false;
        self.keys_of_text(
            word,
            |_| true,
            |class, stem| {
                let stem = stem.to_string();
                common |= self.common_keys.contains(&Key { class, stem });
            },
        );
        common
    }

    /// The keys of a word of a term (folded).
    pub(crate) fn keys_of_term(&self, word: &str) -> Vec<Key> {
        if word.len() > MAX_WORD {
            return Vec::new();
        }
        let mut out = match self.language {
            Language::Russian => russian::keys(word),
            Language::Ukrainian => ukrainian::keys(word),
            _ => {
                let stem = self.snowball(word).into_iter();
                stem.map(|stem| Key { class: 0, stem }).collect()
            }
        };
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Calls `found` with class and stem of every key that a word of a text (folded) may have. Where a form begins with
    /// the stem, only with stems of so many letters as `may` lets pass.
    pub(crate) fn keys_of_text(
        &self,
        word: &str,
        may: impl Fn(usize) -> bool,
        mut found: impl FnMut(u8, &str),
    ) {
        if word.len() > MAX_WORD {
            return;
        }
        match &self.slavic {
            Some(endings) => endings.split(word, may, found),
            None => {
                if let Some(stem) = self.snowball(word) {
                    found(0, &stem);
                }
            }
        }
    }

    /// Is a word of a text (folded) a form of the word of a term, as far as their keys say?
    pub(crate) fn share_key(&self, term: &str, text: &str) -> bool {
        let keys = self.keys_of_term(term);
        let mut shared = false;
        self.keys_of_text(
            text,
            |_| true,
            |class, stem| {
                shared |= keys.iter().any(|k| k.class == class && k.stem == stem);
            },
        );
        shared
    }

    /// Does [`Self::shared`] say something for every key of this language?
    pub(crate) fn keeps_beginnings(&self) -> bool {
        self.slavic.is_some() || KEEPS_BEGINNINGS.contains(&self.language)
    }

    /// With one of these every form begins that has the key. Empty when only the stem itself has it, or the language keeps no
    /// beginnings.
    pub(crate) fn shared(&self, key: &Key) -> Vec<String> {
        let stem = &key.stem;
        if self.slavic.is_some() {
            return vec![stem.clone()];
        }
        let letters = stem.chars().count();
        if !self.keeps_beginnings() || letters < 3 {
            return Vec::new();
        }
        let mut out = vec![stem.chars().take(letters - 1).collect()];
        if letters == 3
            && let Some(first) = stem.strip_suffix("ie")
        {
            // dying, lying, tying
            out.push(format!("{first}y"));
        }
        out
    }

    fn snowball(&self, word: &str) -> Option<String> {
        let word = word
            .strip_suffix("'s")
            .or(word.strip_suffix("’s"))
            .unwrap_or(word);
        let stem = self.stemmer.stem(word);
        // A stem of one or two letters is shared by chance.
        (stem.chars().count() > 2 || stem == word).then(|| stem.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(language: Language, term: &str, text: &str) -> bool {
        let grammar = Grammar::new(language);
        grammar.share_key(term, text) && (!grammar.is_common(text) || grammar.is_common_term(term))
    }

    #[track_caller]
    fn are(language: Language, term: &str, texts: &str) {
        for text in texts.split_whitespace() {
            assert!(forms(language, term, text), "{text} is a form of {term}");
        }
    }

    #[track_caller]
    fn are_not(language: Language, term: &str, texts: &str) {
        for text in texts.split_whitespace() {
            assert!(!forms(language, term, text), "{text} is no form of {term}");
        }
    }

    #[test]
    fn russian_paradigms() {
        let ru = Language::Russian;
        are(
            ru,
            "закладка",
            "закладки закладку закладкой закладкою закладок закладкам закладках",
        );
        are(ru, "закладкой", "закладка закладку закладок");
        are(ru, "доход", "доходы доходом доходов доходами");
        are(
            ru,
            "продавать",
            "продаю продаете продавал продавала продающий продавай",
        );
        are(ru, "рисовать", "рисую рисует рисовал рисуйте рисующий");
        are(ru, "быстрый", "быстрая быстрого быстрым быстрые быстрых быстрыми");
        are(ru, "подарок", "подарка подарки подарков");
        are(ru, "учиться", "учится учился учились");
        are_not(ru, "кака", "как какой какие какую");
        are(ru, "другой", "другого другие");
        are_not(ru, "пожарить", "пожара");
        are_not(ru, "ести", "есть");
        are_not(ru, "порт", "портал порток портить");
        are_not(ru, "банк", "банка2 банкет банкомат");
    }

    #[test]
    fn ukrainian_paradigms() {
        let uk = Language::Ukrainian;
        are(
            uk,
            "закладка",
            "закладки закладку закладкою закладок закладці закладках",
        );
        are(uk, "купувати", "купую купує купував купуватиму купуймо");
        are(uk, "швидкий", "швидка швидкого швидкої швидкими");
        are_not(uk, "порт", "портал");
    }

    #[test]
    fn forms_in_disguise() {
        let of = |word| disguised_forms(word, Language::English).join(" ");
        assert_eq!(of("deal"), "deals dealer dealers dealed dealing");
        assert_eq!(of("bet"), "bets better betters betted betting");
        assert_eq!(of("party"), "parties partier partiers partied partying");
        assert_eq!(of("smoke"), "smokes smoker smokers smoked smoking");
        assert_eq!(of("fix"), "fixes fixer fixers fixed fixing");
        assert_eq!(of("dealer"), "dealers");
        assert!(disguised_forms("два слова", Language::Russian).is_empty());
        assert_eq!(of("card counter"), "card counters");
    }

    #[test]
    fn snowball_languages() {
        are(Language::English, "casino", "casinos casino's");
        are(Language::English, "gamble", "gambling gambled gambles");
        are(Language::German, "wette", "wetten");
        // Snowball takes the umlaut off.
        are(Language::German, "haus", "häuser häusern hauses");
        are(Language::German, "buch", "bücher büchern");
        are(Language::German, "kopf", "köpfe köpfen");
        are_not(Language::German, "haus", "hase hauptstadt");
        are_not(Language::English, "thing", "the");
        assert_eq!(Language::from_code("UK"), Some(Language::Ukrainian));
        assert_eq!(Language::of("赌博"), None);
        assert_eq!(Language::of("її"), Some(Language::Ukrainian));
    }

    #[test]
    fn forms_begin_as_their_keys_say() {
        for (code, language, _) in LANGUAGES {
            let grammar = Grammar::of(language);
            let words = stop_words::lookup(code).unwrap_or(&[]).iter().copied();
            let english = random_word::all(random_word::Lang::En).iter().copied();
            let words = words.chain(english.filter(|_| language == Language::English));
            // No word of a text begins with an apostrophe.
            let words = words.map(|w| crate::fold_text(w.trim_start_matches('\'')));
            for word in words.filter(|_| grammar.keeps_beginnings()) {
                grammar.keys_of_text(
                    &word,
                    |_| true,
                    |class, stem| {
                        let key = Key {
                            class,
                            stem: stem.to_string(),
                        };
                        let shared = grammar.shared(&key);
                        let tiny = stem.chars().count() < 3 && word.split(['\'', '’']).next() == Some(stem);
                        assert!(
                            tiny || shared.iter().any(|s| word.starts_with(s.as_str())),
                            "{code}: {word}, {stem}, {shared:?}"
                        );
                    },
                );
            }
        }
    }
}
