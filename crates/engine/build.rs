//! Makes the filters of known words (module `dictionary`) from the lists of two crates.

#[path = "src/dictionary/filter.rs"]
mod filter;

use random_word::Lang;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Size of the filter.
const BITS_PER_WORD: usize = 12;

/// Languages whose common words are added.
const COMMON: [&str; 20] = [
    "en", "ru", "uk", "de", "fr", "es", "it", "pt", "nl", "pl", "cs", "tr", "sv", "da", "no", "fi", "hu",
    "ro", "el", "id",
];

/// Languages in Latin script whose common words say that a text is not English.
const LATIN: [&str; 16] = [
    "de", "fr", "es", "it", "pt", "nl", "pl", "cs", "tr", "sv", "da", "no", "fi", "hu", "ro", "id",
];

/// As folding sees it: lower case, ё as е. `None`: it is no word.
fn folded(word: &str) -> Option<String> {
    let word = word.to_lowercase().replace('ё', "е");
    let wordy = word.chars().count() > 1 && word.chars().all(|c| c.is_alphabetic() || c == '\'');
    wordy.then_some(word)
}

fn common(code: &str) -> BTreeSet<String> {
    let list = stop_words::lookup(code).unwrap_or(&[]);
    list.iter().filter_map(|w| folded(w)).collect()
}

fn write(name: &str, words: &BTreeSet<String>) -> Result<(), Box<dyn std::error::Error>> {
    let mut bytes = vec![0u8; words.len() * BITS_PER_WORD / 8];
    let bits = bytes.len() as u64 * 8;
    for word in words {
        for (byte, bit) in filter::places(word.bytes().fold(filter::START, filter::add), bits) {
            bytes[byte] |= bit;
        }
    }
    let folder = std::env::var_os("OUT_DIR").ok_or("no OUT_DIR")?;
    std::fs::write(Path::new(&folder).join(name), bytes)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/dictionary/filter.rs");
    let mut words: BTreeSet<String> = BTreeSet::new();
    for lang in [Lang::En, Lang::Ru] {
        words.extend(random_word::all(lang).iter().filter_map(|w| folded(w)));
    }
    for code in COMMON {
        words.extend(common(code));
    }
    if words.len() < 500_000 {
        return Err("the word lists are not whole".into());
    }
    write("words.bin", &words)?;
    // Words of a language that say which one it is: in its list and not in those of others.
    let english = common("en");
    let mut lists: BTreeMap<String, usize> = BTreeMap::new();
    for word in LATIN.iter().flat_map(|code| common(code)) {
        *lists.entry(word).or_default() += 1;
    }
    let foreign: BTreeSet<String> = lists.keys().filter(|w| !english.contains(*w)).cloned().collect();
    let shared = |w: &String| lists.get(w).is_some_and(|&n| n > 1);
    let english: BTreeSet<String> = english.into_iter().filter(|w| !shared(w)).collect();
    if english.len() < 500 || foreign.len() < 5_000 {
        return Err("the lists of common words are not whole".into());
    }
    write("english.bin", &english)?;
    write("foreign.bin", &foreign)
}
