//! Level `evasion`: the terms that somebody tried to hide.
//!
//! A candidate is read off the text letter by letter along the sorted list of terms; every step that is not the
//! plain letter has a cost, and a candidate is a hit when the total stays within what a word of its length
//! bears. Nothing is normalised away beforehand, so plain Russian, Greek or mixed-language text is never an
//! attack, and the evidence says what had to be assumed.
//!
//! Score. rustrict (finnbear/rustrict, `feature.rs`) takes log2 of what had to be skipped or replaced, plus one,
//! from its confidence, and adds log2 of the length. So here, out of the logarithm: the evidence factor is
//! `1 / (1 + cost)`, and the budget is `log2(letters + 1) − 1`: 1.0 for three letters, 1.3 for four, 2 for seven.
//!
//! | step | cost |
//! |---|---|
//! | look-alike letter of another script, box, flag, small capital | 0.125 |
//! | mark taken off a letter | 0.2 |
//! | digit or symbol for a letter, several characters for one letter | 0.35 |
//! | digit for the sound of its name (`4skin`, `masturb8`) | 0.5 |
//! | a symbol for a letter, with spaces around it (`bi + ch`) | 0.65 |
//! | letter repeated three times or more | 0.25 (a doubled letter: 0.5) |
//! | letters separated one by one, or word broken by signs | 0.3 |
//! | letter for another of its script (v for u, l for i) | 0.5 (told by its case, as in `VlAGRA`: 0.125) |
//! | k, c or q for ck by its sound | 0.6 (x: 1.2) |
//! | letter hidden (`f*ck`, `bl--dy`) | 0.5 |
//! | consonant spelled otherwise (`phuk`; module `sound`) | 0.4 (s and z, or an ending: 0.3) |
//! | two neighbouring letters inside a word swapped (`csaino`) | 0.7 |
//! | vowel changed (`f@rmecy`) | 0.6 (in part: 0.5), left out 0.6, put in 1 |
//! | voiced for unvoiced consonant | 0.6 |
//! | word upside down, letters and order (`ouısɐɔ`) | 0.35 |
//! | space of a phrase left out | 0.5 (a sign in its place: 0.25) |

mod accept;
mod around;
mod filing;
mod gaps;
mod gate;
mod known;
mod letters;
mod opening;
mod plain;
mod quiet;
mod reading;
mod skim;
mod sound;
mod span;
mod spelled;
mod starts;
mod table;
mod turned;
pub(crate) mod units;
mod walk;
pub(crate) mod words;

pub(crate) use reading::reading;
pub(crate) use turned::is_turned;
pub(crate) use walk::Scratch;

use crate::MatchMode;
use std::collections::{BTreeSet, HashMap, TryReserveError};
use unicode_security::confusable_detection::skeleton;
use units::Units;

/// What had to be assumed to read a term in a place. A set of flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Steps(u16);

impl Steps {
    pub const NONE: Self = Self(0);
    pub const LOOKALIKE: Self = Self(1);
    pub const MARKS: Self = Self(2);
    pub const LEET: Self = Self(4);
    pub const REPEATED: Self = Self(8);
    pub const SEPARATED: Self = Self(16);
    pub const HIDDEN: Self = Self(32);
    /// Read with a typing error (mode `typo`).
    pub const TYPO: Self = Self(64);
    /// Another grammatical form (mode `inflected`).
    pub const INFLECTED: Self = Self(128);

    /// Written by its sound (k, c, q or x for ck).
    pub const SOUND: Self = Self(256);
    /// Vowels changed or left out.
    pub const VOWELS: Self = Self(512);
    /// Two neighbouring letters changed places.
    pub const SWAPPED: Self = Self(1024);

    const NAMES: [(Self, &'static str); 11] = [
        (Self::LOOKALIKE, "look-alike"),
        (Self::MARKS, "marks"),
        (Self::LEET, "leet"),
        (Self::REPEATED, "repeated"),
        (Self::SEPARATED, "separated"),
        (Self::HIDDEN, "hidden"),
        (Self::TYPO, "typo"),
        (Self::INFLECTED, "inflected"),
        (Self::SOUND, "sound"),
        (Self::VOWELS, "vowels"),
        (Self::SWAPPED, "swapped"),
    ];

    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The steps in both.
    #[must_use]
    pub fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The steps in an operator's words, in the order of [`Steps::names`].
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        self.names().map(|name| match name {
            "look-alike" => "letters that look like the term's",
            "marks" => "marks taken off letters",
            "leet" => "digits or signs read as letters",
            "repeated" => "repeated letters read once",
            "separated" => "signs or spaces put between letters, or left out",
            "hidden" => "signs read as hidden letters",
            "typo" => "one typing error",
            "inflected" => "another grammatical form",
            "sound" => "consonants spelled by their sound",
            "vowels" => "vowels changed or left out",
            "swapped" => "two neighbouring letters swapped",
            other => other,
        })
    }

    /// The names of the steps, in a fixed order: part of the hits' contract.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |&(step, _)| self.contains(step))
            .map(|(_, name)| name)
    }
}

/// How literal the evidence is after steps of this total cost.
pub(crate) fn factor(cost: f32) -> f32 {
    1.0 / (1.0 + cost)
}

/// Set in the number of an entry whose term stands here in another form (mode `inflected`).
pub(crate) const FORM: u32 = 1 << 31;

/// What another form costs.
pub(crate) const INFLECTED_COST: f32 = 0.1;

/// The cost that a term of so many letters bears.
pub(crate) fn budget(letters: usize) -> f32 {
    ((letters + 1) as f32).log2() - 1.0
}

/// The evasion terms of a set: sorted, so that a prefix is a range.
pub(crate) struct Evasion {
    terms: Vec<Box<[char]>>,
    /// `entries[bounds[t]..bounds[t + 1]]` are the entries of term `t`.
    entries: Vec<u32>,
    bounds: Vec<u32>,
    /// The first two letters of terms in their order, and the first term with them.
    tops: Vec<(char, Option<char>, u32)>,
    /// Skeleton to the letters of the terms that have it in some case.
    lookalikes: HashMap<String, Vec<char>>,
    /// Some entry may begin inside a word.
    pub(crate) inside: bool,
    starts: starts::Starts,
    sounds: sound::Sounds,
    gate: Option<gate::Gate>,
}

/// One place where an evasion term can be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) term: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) cost: f32,
    pub(crate) steps: Steps,
    /// Word edges, for the match mode.
    pub(crate) starts_word: bool,
    pub(crate) ends_word: bool,
}

impl Evasion {
    /// From (folded term, entry, mode). Entries of forms are told apart by [`FORM`].
    ///
    /// # Errors
    /// When there is no memory for so many terms.
    pub(crate) fn new(list: Vec<(String, u32, MatchMode)>) -> Result<Self, TryReserveError> {
        let whole = list
            .iter()
            .all(|(_, _, m)| matches!(m, MatchMode::Word | MatchMode::Inflected));
        let inside = list
            .iter()
            .any(|(_, _, m)| matches!(m, MatchMode::Suffix | MatchMode::Substring));
        let mut pairs: Vec<(Box<[char]>, u32)> = Vec::new();
        pairs.try_reserve_exact(list.len())?;
        for (text, entry, _) in list {
            let mut letters = Vec::new();
            letters.try_reserve_exact(text.len())?;
            letters.extend(text.chars());
            pairs.push((letters.into_boxed_slice(), entry));
        }
        pairs.sort_unstable();
        let mut out = Self {
            terms: Vec::new(),
            entries: Vec::new(),
            bounds: vec![0],
            tops: Vec::new(),
            lookalikes: HashMap::new(),
            inside,
            starts: starts::Starts::new(&[]),
            sounds: sound::Sounds::default(),
            gate: None,
        };
        out.terms.try_reserve_exact(pairs.len())?;
        out.entries.try_reserve_exact(pairs.len())?;
        out.bounds.try_reserve_exact(pairs.len() + 1)?;
        for (term, entry) in pairs {
            if out.terms.last() != Some(&term) {
                if !out.terms.is_empty() {
                    out.bounds.push(out.entries.len() as u32);
                }
                out.terms.push(term);
            }
            out.entries.push(entry);
        }
        out.bounds.push(out.entries.len() as u32);
        for (term, number) in out.terms.iter().zip(0..) {
            let Some(&first) = term.first() else { continue };
            let top = (first, term.get(1).copied());
            if out.tops.last().is_none_or(|last| (last.0, last.1) != top) {
                out.tops.try_reserve(1)?;
                out.tops.push((top.0, top.1, number));
            }
        }
        let letters: BTreeSet<char> = out
            .terms
            .iter()
            .flatten()
            .copied()
            .filter(|c| c.is_alphabetic())
            .collect();
        for letter in letters {
            for shape in cases(letter) {
                let list = out.lookalikes.entry(shape).or_default();
                if !list.contains(&letter) {
                    list.push(letter);
                }
            }
        }
        out.starts = starts::Starts::new(&out.terms);
        let mut sounds = sound::Sounds::default();
        for (number, term) in out.terms.iter().enumerate() {
            sounds.add(number, term, out.is_form(number), out.is_plural(term))?;
        }
        sounds.finish()?;
        out.sounds = sounds;
        if whole {
            out.gate = gate::Gate::new(&out.terms, |letter| out.lookalikes_of(letter, letter))?;
        }
        Ok(out)
    }

    /// Is the term only a form of others?
    fn is_form(&self, term: usize) -> bool {
        self.entries_of(term).iter().all(|e| e & FORM != 0)
    }

    /// Is the term another one with an s?
    fn is_plural(&self, term: &[char]) -> bool {
        let singular = term.strip_suffix(&['s']).unwrap_or(&[]);
        let number = self.terms.binary_search_by(|t| t.as_ref().cmp(singular));
        number.is_ok_and(|n| !self.is_form(n))
    }

    pub(crate) fn entries_of(&self, term: usize) -> &[u32] {
        let from = self.bounds.get(term).copied().unwrap_or(0) as usize;
        let to = self.bounds.get(term + 1).copied().unwrap_or(0) as usize;
        self.entries.get(from..to).unwrap_or(&[])
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.terms
            .iter()
            .map(|t| size_of_val::<[char]>(t) + size_of::<Box<[char]>>())
            .sum::<usize>()
            + (self.entries.len() + self.bounds.len()) * size_of::<u32>()
            + self.tops.len() * size_of::<(char, Option<char>, u32)>()
            + self.lookalikes.len() * 64
            + self.sounds.heap_bytes()
            + self.gate.as_ref().map_or(0, gate::Gate::heap_bytes)
    }

    /// Terms that the word at unit `from` sounds like.
    pub(crate) fn hear(&self, units: &mut Units<'_>, from: usize, out: &mut Vec<Candidate>) {
        self.sounds.hear(units, from, out);
    }

    /// The range of terms in `lo..hi` (equal up to `depth`) that go on with `letter`.
    fn child(&self, lo: usize, hi: usize, depth: usize, letter: char) -> Option<(usize, usize)> {
        if depth < 2 {
            return self.top_child(lo, depth, letter);
        }
        let range = self.terms.get(lo..hi)?;
        let key = |t: &[char]| t.get(depth).copied();
        let from = range.partition_point(|t| key(t) < Some(letter));
        let range = range.get(from..)?;
        if key(range.first()?) != Some(letter) {
            return None;
        }
        let to = range.partition_point(|t| key(t) <= Some(letter));
        Some((lo + from, lo + from + to))
    }

    /// The same for the first two letters, by a list that lies together: there the ranges are long.
    fn top_child(&self, lo: usize, depth: usize, letter: char) -> Option<(usize, usize)> {
        let first = match depth {
            0 => letter,
            _ => *self.terms.get(lo)?.first()?,
        };
        let (from, to) = match depth {
            0 => (
                self.tops.partition_point(|top| top.0 < letter),
                self.tops.partition_point(|top| top.0 <= letter),
            ),
            _ => {
                let from = self
                    .tops
                    .partition_point(|top| (top.0, top.1) < (first, Some(letter)));
                let is_it = self
                    .tops
                    .get(from)
                    .is_some_and(|top| (top.0, top.1) == (first, Some(letter)));
                (from, from + usize::from(is_it))
            }
        };
        let start = |n: usize| self.tops.get(n).map_or(self.terms.len(), |top| top.2 as usize);
        (from < to).then(|| (start(from), start(to)))
    }
}

/// The skeletons (UTS #39) of a letter in every case it has.
fn cases(letter: char) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let upper: String = letter.to_uppercase().collect();
    let lower: String = letter.to_lowercase().collect();
    for form in [letter.to_string(), lower, upper] {
        let shape: String = skeleton(&form).collect();
        if !shape.is_empty() && !out.contains(&shape) {
            out.push(shape);
        }
    }
    out
}

#[cfg(test)]
mod tests;
