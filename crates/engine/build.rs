//! Makes the filter of known words (module `dictionary`) from the lists of two crates.

#[path = "src/dictionary/filter.rs"]
mod filter;

use random_word::Lang;
use std::collections::BTreeSet;
use std::path::Path;

/// Size of the filter.
const BITS_PER_WORD: usize = 12;

/// Languages whose common words are added.
const COMMON: [&str; 20] = [
    "en", "ru", "uk", "de", "fr", "es", "it", "pt", "nl", "pl", "cs", "tr", "sv", "da", "no", "fi", "hu",
    "ro", "el", "id",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/dictionary/filter.rs");
    let mut words: BTreeSet<String> = BTreeSet::new();
    let mut add = |word: &str| {
        // As folding sees them: lower case, ё as е.
        let word = word.to_lowercase().replace('ё', "е");
        if word.chars().count() > 1 && word.chars().all(|c| c.is_alphabetic() || c == '\'') {
            words.insert(word);
        }
    };
    for lang in [Lang::En, Lang::Ru] {
        random_word::all(lang).iter().for_each(|w| add(w));
    }
    for code in COMMON {
        let list = stop_words::lookup(code).unwrap_or(&[]);
        list.iter().for_each(|w| add(w));
    }
    if words.len() < 500_000 {
        return Err("the word lists are not whole".into());
    }
    let mut bytes = vec![0u8; words.len() * BITS_PER_WORD / 8];
    let bits = bytes.len() as u64 * 8;
    for word in &words {
        for (byte, bit) in filter::places(word.bytes().fold(filter::START, filter::add), bits) {
            bytes[byte] |= bit;
        }
    }
    let folder = std::env::var_os("OUT_DIR").ok_or("no OUT_DIR")?;
    std::fs::write(Path::new(&folder).join("words.bin"), bytes)?;
    Ok(())
}
