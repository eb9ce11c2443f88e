//! Is this a word of a language? English words with their forms and Russian ones with most of theirs (crate `random_word`), and the common
//! words of the other languages with a stemmer (crate `stop-words`), as a filter of bits made by `build.rs`.
//!
//! What reads as a listed term only by assuming an evasion, and is an ordinary word as it stands, is that word. The
//! filter errs only in taking a string for a word (one in 300), which loses an evasion and never makes a hit.
//! The lists are part of the folding version. Names are not in them.
//!
//! Two small filters (13 KB together) of common words tell English from the other languages in Latin script: what surrounds a word says
//! what language it is in.
//!
//! Not for spelling: the words cannot be listed.

mod filter;

pub(crate) use filter::{START, add};

static WORDS: &[u8; include_bytes!(concat!(env!("OUT_DIR"), "/words.bin")).len()] =
    include_bytes!(concat!(env!("OUT_DIR"), "/words.bin"));
static ENGLISH: &[u8; include_bytes!(concat!(env!("OUT_DIR"), "/english.bin")).len()] =
    include_bytes!(concat!(env!("OUT_DIR"), "/english.bin"));
static FOREIGN: &[u8; include_bytes!(concat!(env!("OUT_DIR"), "/foreign.bin")).len()] =
    include_bytes!(concat!(env!("OUT_DIR"), "/foreign.bin"));

/// Of a length that is known when compiling: a division by it is a multiplication then, and a known word takes eight. They were
/// a twelfth of the time of level evasion with 1,000 terms.
#[inline(always)]
fn has<const BYTES: usize>(filter: &[u8; BYTES], h: u64) -> bool {
    let bits = BYTES as u64 * 8;
    filter::places(h, bits).all(|(byte, bit)| filter.get(byte).is_some_and(|b| b & bit != 0))
}

/// Is the word (folded) a common one of English, and of no more than one other language in Latin script?
pub(crate) fn is_common_english(word: &str) -> bool {
    has(ENGLISH, word.bytes().fold(START, add))
}

/// Is the word (folded) a common one of another language in Latin script, and not of English?
pub(crate) fn is_common_foreign(word: &str) -> bool {
    has(FOREIGN, word.bytes().fold(START, add))
}

/// Is the word (folded, without marks) known?
pub(crate) fn is_known(word: &str) -> bool {
    is_known_letters(word.bytes())
}

/// Is the word of these bytes known?
pub(crate) fn is_known_letters(word: impl Iterator<Item = u8>) -> bool {
    is_known_hash(word.fold(START, add))
}

/// Is a word known whose bytes were added to [`START`] one by one?
#[inline]
pub(crate) fn is_known_hash(h: u64) -> bool {
    has(WORDS, h)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_words_in_their_forms() {
        for word in [
            "therapist",
            "focus",
            "ducks",
            "sheet",
            "стоп",
            "домами",
            "понедельник",
            "für",
        ] {
            assert!(is_known(word), "{word}");
        }
    }

    #[test]
    fn tells_english_from_other_languages() {
        for word in ["the", "with", "because", "they", "would"] {
            assert!(is_common_english(word) && !is_common_foreign(word), "{word}");
        }
        for word in ["nicht", "avec", "zijn", "pero", "jestem", "olarak", "für", "että"] {
            assert!(is_common_foreign(word) && !is_common_english(word), "{word}");
        }
        assert!(!is_common_foreign("casino") && !is_common_english("casino"));
    }

    #[test]
    fn takes_few_strings_for_words() {
        let letters = b"bcdfghklmnprstvz";
        let mut taken = 0;
        for n in 0..10_000_usize {
            let word: String = (0..7)
                .map(|k| char::from(letters[(n * 7_919 + k * k * 31 + (n >> k)) % letters.len()]))
                .collect();
            taken += usize::from(is_known(&word));
        }
        assert!(taken < 100, "{taken}");
    }
}
