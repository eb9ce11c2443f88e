//! Words written upside down: `ouısɐɔ` for "casino". Each letter is turned by half a turn, and so is their order.
//!
//! The shapes are those that Unicode names TURNED (ɐ ǝ ɥ ᴉ ʞ ɯ ɹ ʇ ʌ ʍ ʎ and others), and those that converters of text use
//! where there is none (ɔ, ɟ, ƃ, ɾ, ʃ); some ordinary letters are others when turned (n and u, d and p, b and q), some are
//! themselves (o, s, x, z). A word is read so only if a letter in it has a shape that ordinary text does not use, so
//! plain text is never looked at.
//!
//! For whole words and phrases, as they are: nothing else is read in a turned word.

use super::{Candidate, Evasion, Steps};

/// Characters looked at on either side of a turned letter.
const AROUND: usize = 48;

/// Readings tried at one place.
const MAX_STATES: usize = 256;

/// Fewest letters of a term.
const MIN_LETTERS: usize = 3;

/// What a word upside down costs.
const COST: f32 = 0.35;

/// Shapes that only turned text has, and the letters they are.
const TURNED: &[(char, &str)] = &[
    ('ɐ', "aа"),
    ('Ɐ', "aа"),
    ('∀', "aа"),
    ('ɒ', "a"),
    ('ɔ', "cс"),
    ('Ɔ', "cс"),
    ('ǝ', "eе"),
    ('Ǝ', "eе"),
    ('ɘ', "e"),
    ('ɟ', "f"),
    ('Ⅎ', "f"),
    ('ƃ', "g"),
    ('ᵷ', "g"),
    ('⅁', "g"),
    ('ɥ', "h"),
    ('Ɥ', "h"),
    ('ᴉ', "i"),
    ('ɾ', "j"),
    ('ʞ', "kк"),
    ('Ʞ', "kк"),
    ('ʃ', "l"),
    ('ꞁ', "l"),
    ('Ꞁ', "l"),
    ('ɯ', "mт"),
    ('Ɯ', "m"),
    ('ɹ', "rг"),
    ('ᴚ', "r"),
    ('ʁ', "я"),
    ('ʇ', "tт"),
    ('Ʇ', "tт"),
    ('ʌ', "v"),
    ('ʍ', "wм"),
    ('ʎ', "yу"),
    ('⅄', "y"),
    ('ƍ', "б"),
    ('ʚ', "в"),
    ('ɓ', "д"),
];

/// Ordinary letters, and the letters that they are when turned.
const ORDINARY: &[(char, &str)] = &[
    ('b', "q"),
    ('d', "pр"),
    ('l', "l"),
    ('m', "wш"),
    ('n', "u"),
    ('o', "oо"),
    ('p', "d"),
    ('q', "bьъ"),
    ('s', "s"),
    ('u', "nп"),
    ('v', "л"),
    ('w', "mм"),
    ('x', "xх"),
    ('z', "z"),
    ('ı', "i"),
    ('i', "i"),
    ('¡', "i"),
    ('ə', "eе"),
    ('ε', "з"),
    ('H', "hн"),
    ('I', "i"),
    ('M', "w"),
    ('N', "n"),
    ('O', "oо"),
    ('S', "s"),
    ('W', "m"),
    ('X', "xх"),
    ('Z', "z"),
    ('Λ', "v"),
    ('∩', "uп"),
    ('⊥', "t"),
    ('˥', "l"),
    ('Ԁ', "p"),
    ('о', "oо"),
    ('О', "oо"),
    ('х', "xх"),
    ('Х', "xх"),
    ('н', "н"),
    ('Н', "hн"),
    ('ж', "ж"),
    ('Ж', "ж"),
    ('ф', "ф"),
    ('Ф', "ф"),
    ('и', "и"),
    ('И', "и"),
];

fn letters_of(table: &[(char, &'static str)], c: char) -> Option<&'static str> {
    table.iter().find(|(shape, _)| *shape == c).map(|&(_, of)| of)
}

/// Has the letter a shape that only turned text has?
pub(crate) fn is_turned(c: char) -> bool {
    // Most letters of most texts are none of these.
    let seldom = c > '\u{17f}' && !('\u{370}'..='\u{1cff}').contains(&c);
    seldom && letters_of(TURNED, c).is_some()
}

/// One character, turned: where it is, and the letters it may be; a space of a phrase is a space.
#[derive(Clone, Copy)]
struct Turned {
    start: usize,
    end: usize,
    letters: &'static str,
    only: bool,
}

fn turn(at: usize, c: char) -> Option<Turned> {
    let only = letters_of(TURNED, c);
    let letters = only
        .or_else(|| letters_of(ORDINARY, c))
        .or((c == ' ').then_some(" "))?;
    Some(Turned {
        start: at,
        end: at + c.len_utf8(),
        letters,
        only: only.is_some(),
    })
}

impl Evasion<'_> {
    /// Terms that stand upside down around the turned letter at byte `at`, unless another turned letter of the same term
    /// stands before it: then they are found there.
    pub(crate) fn turned(&self, text: &str, at: usize, out: &mut Vec<Candidate>) {
        let behind = text
            .get(at..)
            .unwrap_or("")
            .char_indices()
            .map(|(n, c)| (at + n, c));
        let before = text.get(..at).unwrap_or("").char_indices().rev();
        let mut run: Vec<Turned> = behind.take(AROUND).map_while(|(n, c)| turn(n, c)).collect();
        run.reverse();
        let here = run.len().saturating_sub(1);
        run.extend(before.take(AROUND).map_while(|(n, c)| turn(n, c)));
        // From right to left: a word begins where nothing that belongs to one stands to the right.
        let is_edge = |before: Option<char>| before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        for from in 0..=here {
            let Some(first) = run.get(from).filter(|t| t.letters != " ") else {
                continue;
            };
            if is_edge(text.get(first.end..).and_then(|t| t.chars().next())) {
                self.turned_from(text, &run, (from, here), out);
            }
        }
    }

    fn turned_from(
        &self,
        text: &str,
        run: &[Turned],
        (from, here): (usize, usize),
        out: &mut Vec<Candidate>,
    ) {
        let mut stack = vec![(0, self.terms.len(), 0)];
        let mut seen = 0;
        while let Some((lo, hi, depth)) = stack.pop() {
            seen += 1;
            if seen > MAX_STATES {
                return;
            }
            let to = from + depth;
            let whole = depth >= MIN_LETTERS && self.terms.is_long(lo, depth);
            if whole
                && to > here
                && let (Some(first), Some(last)) = (run.get(from), run.get(to - 1))
                && !run
                    .get(here + 1..to)
                    .is_some_and(|more| more.iter().any(|t| t.only))
                && text
                    .get(..last.start)
                    .and_then(|t| t.chars().next_back())
                    .is_none_or(|c| !c.is_alphanumeric() && c != '_')
            {
                out.push(Candidate {
                    term: lo,
                    start: last.start,
                    end: first.end,
                    cost: COST,
                    steps: Steps::LOOKALIKE,
                    starts_word: true,
                    ends_word: true,
                });
            }
            let Some(next) = run.get(to) else { continue };
            for letter in next.letters.chars() {
                if let Some((lo, hi)) = self.terms.child(lo, hi, depth, letter) {
                    stack.push((lo, hi, depth + 1));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::matcher::tests::{find, term};
    use crate::{Level, MatchMode, Steps};

    #[track_caller]
    fn turned(of: &str, text: &str, span: Option<&str>) {
        for mode in [MatchMode::Word, MatchMode::Substring] {
            let hits = find(&[term(1, of, mode, Level::Evasion)], text);
            let found: Vec<&str> = hits.iter().map(|h| &text[h.bytes.clone()]).collect();
            assert_eq!(found, span.into_iter().collect::<Vec<_>>(), "{of} in {text}");
            assert!(hits.iter().all(|h| h.evidence.steps == Steps::LOOKALIKE));
        }
    }

    #[test]
    fn words_upside_down_are_read_from_the_right() {
        turned("casino", "best ouısɐɔ in town", Some("ouısɐɔ"));
        turned("casino", "ouᴉsɐɔ", Some("ouᴉsɐɔ"));
        turned("casino", "(ONISⱯƆ)", Some("ONISⱯƆ"));
        turned("viagra", "ʎnq ɐɹƃɐıʌ ʍou", Some("ɐɹƃɐıʌ"));
        turned("online casino", "ǝɥʇ ouısɐɔ ǝuıluo ʇsǝq", Some("ouısɐɔ ǝuıluo"));
        turned("bonus casino", "ouısɐɔ snuoq", Some("ouısɐɔ snuoq"));
        turned("casino bonus", "snuoq ouısɐɔ", Some("snuoq ouısɐɔ"));
        turned("казино", "в ониεɐʞ тут", Some("ониεɐʞ"));
    }

    #[test]
    fn every_turned_shape_is_seen() {
        assert!(super::TURNED.iter().all(|&(c, _)| super::is_turned(c)));
        assert!(super::ORDINARY.iter().all(|&(c, _)| !super::is_turned(c)));
    }

    #[test]
    fn plain_text_is_never_turned() {
        turned("pod", "pod".chars().rev().collect::<String>().as_str(), None);
        turned("nod", "pou", None);
        turned("sun", "uns", None);
        turned("casino", "onisac", None);
        turned("casino", "xouısɐɔ", None);
        turned("casino", "ouısɐɔs", None);
        turned("casino", "ouısɐɔk", None);
        turned("no", "ou ɐ", None);
        turned("art", "[ɐɹʇ]", None);
    }
}
