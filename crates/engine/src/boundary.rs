//! Word boundaries: is there one at this place of this text?
//!
//! UAX #29 word boundaries with three tailorings that the standard itself suggests or leaves open, all in favour
//! of finding a listed word:
//! - full stop, colon and the like between letters break (UAX #29 joins them; advertisements write `casino.com`
//!   and forget the space after a sentence);
//! - an apostrophe joins (`can't`, `п'ять`), but breaks before a final `s` (`casino's`) and after an elided
//!   article of one or two letters (`l'alcool`, UAX #29 section 4.2);
//! - underscores at the edge of a word (`_casino_`, the emphasis of many markup languages) are not part of it;
//! - scripts written without spaces (Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar) break everywhere
//!   outside a grapheme cluster, so a word-mode term may match anywhere in them.
//!
//! Looks at a bounded number of characters around the place, so that it costs the same everywhere.

use crate::fold::classes::{is_extender, is_word};

/// How far to look past combining and format characters.
const MAX_LOOK: usize = 64;

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '\u{2bc}' | '\u{ff07}')
}

fn is_letter(c: char) -> bool {
    is_word(c) && !c.is_ascii_digit() && c != '_'
}

/// Is there a word boundary at byte `at` of `text`? `at` must be a character boundary; outside the text is one.
pub(crate) fn is_word_boundary(text: &str, at: usize) -> bool {
    let (Some(left), Some(right)) = (text.get(..at), text.get(at..)) else {
        return true;
    };
    let mut after = right.chars();
    let Some(next) = after.next() else { return true };
    if left.is_empty() {
        return true;
    }
    // WB4: nothing breaks before a combining or format character, except at the start.
    if is_extender(next) {
        return false;
    }
    let mut before = left.chars().rev().take(MAX_LOOK).skip_while(|&c| is_extender(c));
    let Some(previous) = before.next() else {
        return true;
    };
    if is_word(previous) && is_word(next) {
        let outer = |mut beyond: std::str::Chars<'_>, back: bool| {
            let mut step = || if back { beyond.next_back() } else { beyond.next() };
            let first = (0..MAX_LOOK).map_while(|_| step()).find(|&c| c != '_');
            !first.is_some_and(is_word)
        };
        return match (previous, next) {
            ('_', '_') => false,
            (_, '_') => outer(right.chars(), false),
            ('_', _) => outer(left.chars(), true),
            _ => false,
        };
    }
    if is_regional_indicator(previous) && is_regional_indicator(next) {
        // WB15, WB16: flags are pairs.
        let run = 1 + before.take_while(|&c| is_regional_indicator(c)).count();
        return run % 2 == 0;
    }
    if left.ends_with('\u{200d}') && !is_word(next) && !next.is_whitespace() {
        // WB3c: a joiner holds an emoji sequence together.
        return false;
    }
    if is_letter(previous) && is_apostrophe(next) {
        return !joined_by_apostrophe(previous, before.take(2), after);
    }
    if is_apostrophe(previous) && is_letter(next) {
        let Some(letter) = before.next().filter(|&c| is_letter(c)) else {
            return true;
        };
        let tail = right.chars().skip(1);
        let mut from_next = std::iter::once(next).chain(tail);
        return !joined_by_apostrophe(letter, before.take(2), &mut from_next);
    }
    true
}

/// UAX #29 WB6 and WB7 for an apostrophe after `letter` (preceded by `before`, nearest first) and before `after`.
fn joined_by_apostrophe(
    letter: char,
    before: impl Iterator<Item = char>,
    after: impl IntoIterator<Item = char>,
) -> bool {
    let mut after = after.into_iter().filter(|&c| !is_extender(c)).take(MAX_LOOK);
    let Some(first) = after.next() else { return false };
    if !is_letter(first) {
        return false;
    }
    let possessive = matches!(first, 's' | 'S') && !after.next().is_some_and(is_word);
    // One or two letters before the apostrophe: an elided article or pronoun (l', d', qu', un' …).
    let elided = letter.is_ascii_alphabetic()
        && before
            .take(2)
            .take_while(|&c| is_word(c) || is_extender(c))
            .count()
            < 2
        && first.is_alphabetic()
        && !possessive;
    !(possessive || elided)
}

fn is_regional_indicator(c: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word_at(text: &str, word: &str) -> bool {
        let at = text.find(word).expect("word is in the text");
        is_word_boundary(text, at) && is_word_boundary(text, at + word.len())
    }

    #[test]
    fn letters_join_in_every_script_with_words() {
        assert!(word_at("the casino.", "casino"));
        assert!(!word_at("casinos", "casino"));
        assert!(!word_at("барсука", "сука"));
        assert!(!word_at("über", "ber"));
        assert!(!word_at("vpn24", "vpn"));
        assert!(!word_at("a_b", "b"));
        assert!(word_at("very _bold__ text", "bold"));
        assert!(!word_at("x__bold", "bold"));
        assert!(word_at("casino.com", "casino"));
        assert!(word_at("(казино)", "казино"));
        assert!(!word_at("प्रेमी", "प्रेम"));
    }

    #[test]
    fn scripts_without_spaces_break_everywhere_but_inside_a_cluster() {
        assert!(word_at("我喜欢赌博网站", "赌博"));
        assert!(word_at("カジノゲーム", "カジノ"));
        assert!(word_at("เล่นคาสิโนออนไลน์", "คาสิโน"));
        assert!(!word_at("กี", "ก"));
        assert!(word_at("vpn软件", "vpn"));
    }

    #[test]
    fn apostrophes() {
        assert!(!word_at("can't", "can"));
        assert!(!word_at("п'ять", "ять"));
        assert!(word_at("the casino's bonus", "casino"));
        assert!(word_at("l'alcool", "alcool"));
        assert!(word_at("qu’alcool", "alcool"));
        assert!(word_at("'casino'", "casino"));
        assert!(!word_at("об’єкт", "єкт"));
    }

    #[test]
    fn marks_and_invisible_characters_belong_to_the_letter_before() {
        assert!(!word_at("cafe\u{301}", "cafe"));
        assert!(!word_at("x\u{2060}casino", "casino"));
        assert!(word_at("x\u{200b}casino", "casino"));
    }

    #[test]
    fn flags_are_pairs() {
        assert!(word_at("🇩🇪🇺🇸", "🇺🇸"));
        assert!(!word_at("🇷🇺🇸🇪", "🇺🇸"));
    }
}
