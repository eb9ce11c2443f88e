//! The published word lists that serve as packages.

use crate::data::Data;

fn unique(mut terms: Vec<String>) -> Vec<String> {
    terms.sort();
    terms.dedup();
    terms
}

/// Russian: LDNOOBW, djantimat, russian-bad-words, curse-filter.
pub fn russian(data: &Data) -> Vec<String> {
    let mut all = Vec::new();
    for name in [
        "ldnoobw/ru",
        "ru_djantimat/words.txt",
        "npm/russian-bad-words.txt",
        "npm/curse-filter_ru.txt",
    ] {
        all.extend(data.list(&format!("wordlists/{name}")));
    }
    unique(all)
}

/// English: every list whole, words and phrases.
pub fn english(data: &Data) -> Vec<(&'static str, Vec<String>)> {
    let list = |name: &str| unique(data.list(&format!("wordlists/{name}")));
    vec![
        ("LDNOOBW", list("ldnoobw/en")),
        ("profane-words", list("npm/profane-words.txt")),
        ("google-profanity-words", list("npm/google-profanity_en.txt")),
        ("better_profanity", list("pypi/better_profanity_en.txt")),
        ("curse-filter", list("npm/curse-filter_en.txt")),
        ("dsojevic", list("dsojevic/en.txt")),
    ]
}
