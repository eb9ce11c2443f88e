//! What language a word stands in, told by the common words around it.
//!
//! English words are known by their sound; words of other languages have other sounds, and some of them are near a
//! listed English word. So a reading of ordinary spellings is refused where the words around it are those of another
//! language in Latin script. A word by itself is read as English.
//!
//! Not for naming a language: it only tells English from the rest.

use crate::dictionary::{is_common_english, is_common_foreign};
use crate::fold::fold_text;

/// Words looked at on either side, and bytes at most.
const WORDS: usize = 6;
const BYTES: usize = 160;

/// Fewest signs of another language.
const FEWEST: usize = 2;

/// Do the words around this place belong to a language in Latin script other than English?
pub(super) fn is_foreign(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).unwrap_or("");
    let mut from = start.saturating_sub(BYTES);
    while !before.is_char_boundary(from) {
        from += 1;
    }
    let behind = text.get(end..).unwrap_or("");
    let mut to = behind.len().min(BYTES);
    while !behind.is_char_boundary(to) {
        to -= 1;
    }
    let before = before.get(from..).unwrap_or("");
    let words = words(before).rev().take(WORDS);
    let (mut english, mut foreign, mut marked) = (0, 0, 0);
    for word in words.chain(self::words(behind.get(..to).unwrap_or("")).take(WORDS)) {
        let word = fold_text(word).replace('’', "'");
        if is_common_english(&word) {
            english += 1;
        } else if is_common_foreign(&word) {
            foreign += 1;
        } else {
            marked += usize::from(
                word.chars()
                    .any(|c| matches!(c, '\u{df}'..='\u{17f}' | 'ș' | 'ț')),
            );
        }
    }
    // Letters with marks are also what evaders write.
    foreign > 0 && foreign + marked >= FEWEST && foreign + marked > english
}

fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphabetic() && !matches!(c, '\'' | '’'));
    words.filter(|w| w.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn around(text: &str, word: &str) -> bool {
        let start = text.find(word).expect("the word is there");
        is_foreign(text, start, start + word.len())
    }

    #[test]
    fn common_words_tell_the_language() {
        assert!(around("Wir haben gestern kasino nicht gefunden.", "kasino"));
        assert!(around("On ne va pas dans ce kasino avec eux", "kasino"));
        assert!(around("Nie ma tam żadnego kasyna, są tylko długi", "kasyna"));
        assert!(!around("We have been to the kasino with them", "kasino"));
        assert!(!around("kasino", "kasino"));
        assert!(!around("fück yöu kasino", "kasino"));
        assert!(!around("казино для всех kasino и не только", "kasino"));
        assert!(!around("we saw them in the kasino, nicht wahr", "kasino"));
    }

    #[test]
    fn places_at_any_boundary() {
        let text = "ß€𝓪".repeat(100);
        for at in (0..text.len()).filter(|&at| text.is_char_boundary(at)) {
            assert!(!is_foreign(&text, at, at));
        }
    }
}
