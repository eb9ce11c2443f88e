//! Grams: what an index over texts knows of a text, and which grams a text must have for a term to hit it.
//!
//! A text has a gram for every character of its folded form: three characters and the one that follows, or two and the one
//! that follows in scripts that write words in one or two characters. The follower makes the low bits of the key, so that
//! grams with any follower are neighbours in the index: what is too short for a whole gram is looked for as a range. Four
//! letters in a row are a hundred times rarer than three, for the same number of keys in the index.
//!
//! A hit of a plain term needs the folded term in the folded text, and so all its grams. Never the other way round: an
//! index of grams gives candidates, the matcher decides. Terms that are looked for in another way than by their folded
//! letters have no grams, and every text is a candidate.
//!
//! Not for matching: see `matcher`.

use crate::fold::Folder;
use crate::glob::Glob;
use crate::item::{folded_term, trimmed};
use crate::{Interrupt, Level, MatchError, MatchMode, Term};

/// Bytes of text folded before the next question whether to stop.
const WINDOW: usize = 64 * 1024;

/// Grams that one alternative of a term asks for at most: more find the same texts more slowly.
const MAX_GRAMS: usize = 6;

/// Beyond every code point: no character.
const NONE: u32 = 0x11_0000;

/// Bits of a key that tell the follower.
const FOLLOWER: u32 = 12;

/// A gram that a text must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gram {
    pub key: i32,
    /// Any follower will do: every key up to [`last_of_range`] is one.
    pub is_range: bool,
}

/// The last key of the range that begins with this one.
pub fn last_of_range(key: i32) -> i32 {
    key | ((1 << FOLLOWER) - 1)
}

/// Four characters in a row, as far as there are so many.
type Window = [Option<char>; 4];

/// The gram of the first character of a window.
fn gram(window: Window) -> Option<Gram> {
    let (of, follower) = match window {
        [Some(a), Some(b), follower, _] if is_dense(a) && is_dense(b) => {
            (hash(a as u32, b as u32, NONE), follower)
        }
        [Some(a), Some(b), Some(c), follower] => (hash(a as u32, b as u32, c as u32), follower),
        _ => return None,
    };
    // Without one, the first key of the range.
    let low = follower.map_or(0, |c| hash(c as u32, NONE, NONE) & ((1 << FOLLOWER) - 1));
    Some(Gram {
        key: (of << FOLLOWER | low) as i32,
        is_range: follower.is_none(),
    })
}

/// The next character comes, or none at the end of the text.
fn push(window: &mut Window, c: Option<char>, mut each: impl FnMut(Gram)) {
    *window = [window[1], window[2], window[3], c];
    if let Some(gram) = gram(*window) {
        each(gram);
    }
}

/// Scripts that write a word in one or two characters: Han, kana, Hangul and what lies between, and the planes above.
fn is_dense(c: char) -> bool {
    c >= '\u{2e80}'
}

/// 32 bits of the three code points (the finaliser of SplitMix64, Steele, Lea and Flood 2014).
fn hash(a: u32, b: u32, c: u32) -> u32 {
    let mut z = u64::from(a) | u64::from(b) << 21 | u64::from(c) << 42;
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ z >> 31) as u32
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
        grams
            .try_reserve(kept.len() + window.len())
            .map_err(|_| MatchError::OutOfMemory)?;
        for c in kept.chars() {
            push(&mut window, Some(c), |gram| grams.push(gram.key));
        }
        let end = folder.folded_end();
        folder.forget_before(end);
        // What a window holds is few kinds of grams many times.
        if grams.len() > WINDOW * 4 {
            grams.sort_unstable();
            grams.dedup();
        }
    }
    for _ in 1..window.len() {
        push(&mut window, None, |gram| grams.push(gram.key));
    }
    grams.sort_unstable();
    grams.dedup();
    Ok(grams)
}

/// The grams that a text must have for this term to hit it: all of one of the alternatives. `None`: any text may be hit.
pub fn term_grams(term: &Term) -> Option<Vec<Vec<Gram>>> {
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

/// The grams of a folded string; `None` when it is too short to have any. Neighbours overlap in all but one character and
/// mostly find the same texts, so every other one will do, fewer of a long string; the last one is among them.
fn all_of(folded: &str) -> Option<Vec<Gram>> {
    let mut window = Window::default();
    let mut grams = Vec::new();
    for c in folded.chars().map(Some).chain([None; 3]) {
        push(&mut window, c, |gram| grams.push(gram));
    }
    // Ranges hold what is left at the end; they are read whole, so only where there is nothing else.
    if grams.iter().any(|gram| !gram.is_range) {
        grams.retain(|gram| !gram.is_range);
    } else {
        grams.truncate(1);
    }
    let step = match grams.len() {
        0..=3 => 1,
        many => many.div_ceil(MAX_GRAMS).max(2),
    };
    let mut grams: Vec<Gram> = grams.into_iter().rev().step_by(step).collect();
    grams.sort_unstable();
    grams.dedup();
    (!grams.is_empty()).then_some(grams)
}

/// One typing error, two swapped letters included, touches at most two of three parts: one of them stands as it is.
fn thirds(folded: &str) -> Option<Vec<Vec<Gram>>> {
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

    fn has(grams: &[i32], gram: Gram) -> bool {
        let last = if gram.is_range {
            last_of_range(gram.key)
        } else {
            gram.key
        };
        grams.iter().any(|key| (gram.key..=last).contains(key))
    }

    fn candidate(term: &Term, text: &str) -> bool {
        let grams = text_grams(text, &mut || false).unwrap();
        term_grams(term).is_none_or(|alternatives| {
            alternatives
                .iter()
                .any(|all| all.iter().all(|gram| has(&grams, *gram)))
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
