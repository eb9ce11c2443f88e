//! Grams: what an index over texts knows of a text, and which grams a text must have for a term to hit it.
//!
//! A text has the grams of every three characters in a row of its folded form, and of every two characters of scripts
//! that write words in one or two of them. A hit of a plain term needs the folded term in the folded text, and so all
//! its grams. Never the other way round: an index of grams gives candidates, the matcher decides. Terms that are
//! looked for in another way than by their folded letters have no grams, and every text is a candidate.
//!
//! Not for matching: see `matcher`.

use crate::fold::Folder;
use crate::glob::Glob;
use crate::item::{folded_term, trimmed};
use crate::{Interrupt, Level, MatchError, MatchMode, Term};

/// Bytes of text folded before the next question whether to stop.
const WINDOW: usize = 64 * 1024;

/// Grams that one alternative of a term asks for at most: more find the same texts more slowly.
const MAX_GRAMS: usize = 12;

/// Beyond every code point: the third character of a gram of two.
const NONE: u32 = 0x11_0000;

/// The last characters seen, newest last.
#[derive(Default)]
struct Window {
    before: Option<char>,
    last: Option<char>,
}

impl Window {
    fn push(&mut self, c: char, mut gram: impl FnMut(i32)) {
        if let Some(last) = self.last {
            if is_dense(last) && is_dense(c) {
                gram(hash(last as u32, c as u32, NONE));
            }
            if let Some(before) = self.before {
                gram(hash(before as u32, last as u32, c as u32));
            }
        }
        self.before = self.last.replace(c);
    }
}

/// Scripts that write a word in one or two characters: Han, kana, Hangul and what lies between, and the planes above.
fn is_dense(c: char) -> bool {
    c >= '\u{2e80}'
}

/// 32 bits of the three code points (the finaliser of SplitMix64, Steele, Lea and Flood 2014).
fn hash(a: u32, b: u32, c: u32) -> i32 {
    let mut z = u64::from(a) | u64::from(b) << 21 | u64::from(c) << 42;
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ z >> 31) as u32 as i32
}

/// The grams of a text, each once, in order.
///
/// # Errors
/// [`MatchError::Interrupted`], [`MatchError::OutOfMemory`].
pub fn text_grams(text: &str, interrupt: Interrupt<'_>) -> Result<Vec<i32>, MatchError> {
    let mut grams = Vec::new();
    let mut window = Window::default();
    let mut folder = Folder::new(text);
    while !folder.done() {
        if interrupt() {
            return Err(MatchError::Interrupted);
        }
        let fresh = folder.folded_end();
        folder.advance(WINDOW);
        let (kept, base) = folder.kept();
        let kept = kept.get(fresh - base..).unwrap_or("");
        // At most two grams a character.
        grams
            .try_reserve(kept.len() * 2)
            .map_err(|_| MatchError::OutOfMemory)?;
        for c in kept.chars() {
            window.push(c, |gram| grams.push(gram));
        }
        let end = folder.folded_end();
        folder.forget_before(end);
        // What a window holds is few kinds of grams many times.
        if grams.len() > WINDOW * 4 {
            grams.sort_unstable();
            grams.dedup();
        }
    }
    grams.sort_unstable();
    grams.dedup();
    Ok(grams)
}

/// The grams that a text must have for this term to hit it: all of one of the alternatives. `None`: any text may be hit.
pub fn term_grams(term: &Term) -> Option<Vec<Vec<i32>>> {
    if term.level == Level::Evasion {
        return None;
    }
    let text = trimmed(&term.text);
    match term.mode {
        mode if mode.is_plain() => Some(vec![all_of(&folded_term(text))?]),
        MatchMode::Wildcard => Some(vec![all_of(&Glob::parse(text).ok()?.anchor)?]),
        MatchMode::Typo => thirds(&folded_term(text)),
        _ => None,
    }
}

/// The grams of a folded string, spread over it when they are many; `None` when it is too short to have any.
fn all_of(folded: &str) -> Option<Vec<i32>> {
    let mut window = Window::default();
    let mut grams = Vec::new();
    for c in folded.chars() {
        window.push(c, |gram| grams.push(gram));
    }
    if grams.is_empty() {
        return None;
    }
    let step = grams.len().div_ceil(MAX_GRAMS);
    let mut grams: Vec<i32> = grams.into_iter().step_by(step).collect();
    grams.sort_unstable();
    grams.dedup();
    Some(grams)
}

/// One typing error, two swapped letters included, touches at most two of three parts: one of them stands as it is.
fn thirds(folded: &str) -> Option<Vec<Vec<i32>>> {
    let letters: Vec<char> = folded.chars().collect();
    let third = |n: usize| letters.len() * n / 3;
    (0..3)
        .map(|n| all_of(&letters.get(third(n)..third(n + 1))?.iter().collect::<String>()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FindOptions, Item, Matcher, compile};

    fn term(text: &str, mode: MatchMode, level: Level) -> Term {
        Term {
            text: text.into(),
            mode,
            level,
            language: None,
        }
    }

    fn candidate(term: &Term, text: &str) -> bool {
        let grams = text_grams(text, &mut || false).unwrap();
        term_grams(term).is_none_or(|alternatives| {
            alternatives
                .iter()
                .any(|all| all.iter().all(|gram| grams.binary_search(gram).is_ok()))
        })
    }

    #[test]
    fn a_text_that_is_hit_is_a_candidate() {
        let texts = [
            "Best ONLINE  Casino in town!",
            "Straße und STRASSE, ﬁnance",
            "Лучшее Онлайн Казино",
            "我喜欢赌博网站",
            "on\u{200b}line ca\u{301}sino",
            "pharmcy pharmaacy phramacy pharmacy phbrmacies",
            "online\n\ncasinо",
            "x",
            "",
        ];
        let terms = [
            "online casino",
            "strasse",
            "finance",
            "казино",
            "赌博",
            "赌",
            "casino",
            "pharmacies",
            "pharmacy",
            "on*ne",
            "ab",
        ];
        let mut hits = 0;
        for text in texts {
            for word in terms {
                for mode in [
                    MatchMode::Word,
                    MatchMode::Prefix,
                    MatchMode::Suffix,
                    MatchMode::Substring,
                    MatchMode::Wildcard,
                    MatchMode::Typo,
                ] {
                    for level in [Level::Literal, Level::Folded] {
                        let term = term(word, mode, level);
                        let item = Item {
                            id: 1,
                            slot: 0,
                            allow: false,
                            weight: 1.0,
                            term: term.clone(),
                        };
                        let Ok(bytes) = compile(&[item], &mut || false) else {
                            continue;
                        };
                        let matcher = Matcher::open(&bytes).unwrap();
                        let found = matcher
                            .find(text, &FindOptions::default(), &mut || false)
                            .unwrap();
                        hits += found.len();
                        assert!(
                            found.is_empty() || candidate(&term, text),
                            "{word} {mode:?} {level:?} in {text}"
                        );
                    }
                }
            }
        }
        assert!(hits > 50, "{hits}");
    }

    #[test]
    fn most_other_texts_are_not() {
        assert!(!candidate(
            &term("casino", MatchMode::Word, Level::Folded),
            "a cassette in casablanca"
        ));
        assert!(!candidate(&term("赌博", MatchMode::Word, Level::Folded), "博赌"));
        assert!(!candidate(
            &term("pharmacies", MatchMode::Typo, Level::Folded),
            "phxrmxcixs"
        ));
    }

    #[test]
    fn what_has_no_grams_says_so() {
        for (text, mode, level) in [
            ("ab", MatchMode::Word, Level::Folded),
            ("casino", MatchMode::Word, Level::Evasion),
            ("casino", MatchMode::Inflected, Level::Folded),
            ("ca.ino", MatchMode::Regex, Level::Folded),
            ("pharma", MatchMode::Typo, Level::Folded),
        ] {
            assert!(term_grams(&term(text, mode, level)).is_none(), "{text}");
        }
    }

    #[test]
    fn windows_do_not_matter() {
        let text = "абв def 赌博 ".repeat(20_000);
        let short = "абв def 赌博 ".repeat(3);
        assert_eq!(
            text_grams(&text, &mut || false).unwrap(),
            text_grams(&short, &mut || false).unwrap()
        );
        assert!(matches!(
            text_grams(&text, &mut || true),
            Err(MatchError::Interrupted)
        ));
    }
}
