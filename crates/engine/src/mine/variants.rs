//! Variants of terms that texts really contain: disguised, inflected, mistyped, written in the other alphabet.
//!
//! Proposes only what is seen. Not for matching: a package that wants all disguises of a term at once gives the term level
//! `evasion`, mode `inflected` or `typo`.

use super::{Example, MineError};
use crate::fold::fold_text;
use crate::{FindOptions, Interrupt, Item, Level, MatchMode, Matcher, Term, compile, validate_term};

/// How a variant differs from its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VariantKind {
    /// Look-alike letters, leet, repeated or separated letters.
    Disguised,
    Inflected,
    Mistyped,
    /// Latin for Cyrillic letters or the other way round.
    Transliterated,
}

impl VariantKind {
    /// The kind's name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disguised => "disguised",
            Self::Inflected => "inflected",
            Self::Mistyped => "mistyped",
            Self::Transliterated => "transliterated",
        }
    }
}

/// One variant in one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Position of the term.
    pub term: usize,
    /// Position of the text.
    pub text: usize,
    pub kind: VariantKind,
    /// As the text has it, folded.
    pub variant: String,
}

const KINDS: [VariantKind; 4] = [
    VariantKind::Disguised,
    VariantKind::Inflected,
    VariantKind::Mistyped,
    VariantKind::Transliterated,
];

/// Cyrillic letters and how they are usually written in Latin ones (GOST R 52535.1, as in passports, and the habits of
/// informal mail).
const LETTERS: [(char, &str); 33] = [
    ('щ', "shch"),
    ('ж', "zh"),
    ('х', "kh"),
    ('ц', "ts"),
    ('ч', "ch"),
    ('ш', "sh"),
    ('ю', "iu"),
    ('я', "ia"),
    ('ё', "e"),
    ('а', "a"),
    ('б', "b"),
    ('в', "v"),
    ('г', "g"),
    ('д', "d"),
    ('е', "e"),
    ('з', "z"),
    ('и', "i"),
    ('й', "i"),
    ('к', "k"),
    ('л', "l"),
    ('м', "m"),
    ('н', "n"),
    ('о', "o"),
    ('п', "p"),
    ('р', "r"),
    ('с', "s"),
    ('т', "t"),
    ('у', "u"),
    ('ф', "f"),
    ('ы', "y"),
    ('э', "e"),
    ('ь', ""),
    ('ъ', ""),
];

/// The other habit for letters that have two.
const INFORMAL: [(char, &str); 5] = [('х', "h"), ('ц', "c"), ('ю', "yu"), ('я', "ya"), ('й', "y")];

/// The term in the other alphabet, each habit once; nothing for other scripts and mixed ones.
fn transliterations(term: &str) -> Vec<String> {
    let folded = fold_text(term);
    let cyrillic = folded.chars().any(|c| ('а'..='я').contains(&c));
    let latin = folded.chars().any(|c| c.is_ascii_lowercase());
    let mut out = Vec::new();
    if cyrillic && !latin {
        for informal in [false, true] {
            let letters = folded.chars().map(|c| {
                let table = INFORMAL.iter().filter(|_| informal).chain(&LETTERS);
                table
                    .clone()
                    .find(|(from, _)| *from == c)
                    .map_or(c.to_string(), |(_, to)| (*to).to_string())
            });
            out.push(letters.collect());
        }
    } else if latin && !cyrillic {
        for informal in [false, true] {
            let mut word = String::new();
            let mut rest = folded.as_str();
            while let Some(first) = rest.chars().next() {
                let table = INFORMAL.iter().filter(|_| informal).chain(&LETTERS);
                let found = table
                    .filter(|(_, to)| !to.is_empty())
                    .find_map(|(c, to)| rest.strip_prefix(to).map(|r| (*c, r)));
                let (letter, after) = found.unwrap_or((first, rest.get(first.len_utf8()..).unwrap_or("")));
                word.push(letter);
                rest = after;
            }
            out.push(word);
        }
    }
    out.dedup();
    out.retain(|t| *t != folded);
    out
}

/// Variants of `terms` in `texts`: what a looser reading of a term finds and the folded term itself does not.
///
/// # Errors
/// As [`super::mine`].
pub fn variants(
    terms: &[&str],
    texts: &[Example<'_>],
    interrupt: Interrupt<'_>,
) -> Result<Vec<Variant>, MineError> {
    let mut items: Vec<Item> = Vec::new();
    for (n, text) in terms.iter().enumerate() {
        let term = |text: &str, mode, level| Term {
            text: text.to_owned(),
            mode,
            level,
            language: None,
        };
        let mut readings = vec![
            (0, term(text, MatchMode::Word, Level::Evasion)),
            (1, term(text, MatchMode::Inflected, Level::Folded)),
            (2, term(text, MatchMode::Typo, Level::Folded)),
        ];
        readings.extend(
            transliterations(text)
                .iter()
                .map(|t| (3, term(t, MatchMode::Word, Level::Folded))),
        );
        for (kind, term) in readings {
            if validate_term(&term).is_ok() {
                let id = (n * KINDS.len() + kind) as i64;
                items.try_reserve(1)?;
                items.push(Item {
                    id,
                    slot: 0,
                    allow: false,
                    weight: 1.0,
                    term,
                });
            }
        }
    }
    let bytes = compile(&items, interrupt)?;
    let matcher = Matcher::open(&bytes)?;
    let folded: Vec<String> = terms.iter().map(|t| fold_text(t)).collect();
    let options = FindOptions {
        places: 20,
        ..FindOptions::default()
    };
    let mut found: Vec<Variant> = Vec::new();
    for (n, example) in texts.iter().enumerate() {
        let begin = found.len();
        for hit in matcher.find(example.text, &options, interrupt)? {
            let Ok(id) = usize::try_from(hit.item) else {
                continue;
            };
            let (term, Some(&kind)) = (id / KINDS.len(), KINDS.get(id % KINDS.len())) else {
                continue;
            };
            let variant = fold_text(example.text.get(hit.bytes.clone()).unwrap_or(""));
            if folded.get(term).is_none_or(|t| *t == variant) {
                continue;
            }
            found.try_reserve(1)?;
            found.push(Variant {
                term,
                text: n,
                kind,
                variant,
            });
        }
        // One reading of a variant is enough, the first by the order of kinds.
        if let Some(new) = found.get_mut(begin..) {
            new.sort_by(|a, b| (a.term, &a.variant, a.kind).cmp(&(b.term, &b.variant, b.kind)));
        }
        let mut kept = begin;
        for at in begin..found.len() {
            let repeated = kept > begin
                && found
                    .get(at)
                    .zip(found.get(kept - 1))
                    .is_some_and(|(a, b)| a.term == b.term && a.variant == b.variant);
            if !repeated {
                found.swap(kept, at);
                kept += 1;
            }
        }
        found.truncate(kept);
    }
    Ok(found)
}
