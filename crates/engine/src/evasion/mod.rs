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
mod build;
mod filing;
mod first_letters;
mod gaps;
mod gate;
mod known;
mod letters;
mod opening;
mod plain;
mod quiet;
mod reading;
mod shapes;
mod skim;
mod sound;
mod span;
mod spelled;
mod starts;
mod state;
mod stretch;
mod table;
mod terms;
mod turned;
pub(crate) mod units;
mod walk;
pub(crate) mod words;

pub(crate) use build::Builder;
pub(crate) use reading::reading;
pub(crate) use turned::is_turned;
pub(crate) use walk::Scratch;

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

/// The evasion terms of a set, where they lie: see [`build`].
pub(crate) struct Evasion<'b> {
    terms: terms::Terms<'b>,
    shapes: shapes::Shapes<'b>,
    /// Some entry may begin inside a word.
    pub(crate) inside: bool,
    starts: starts::Starts<'b>,
    sounds: sound::Sounds<'b>,
    openings: Option<opening::Openings<'b>>,
    gate: Option<gate::Gate<'b>>,
    first_letters: Option<first_letters::FirstLetters<'b>>,
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

impl Evasion<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.terms.len() == 0
    }

    pub(crate) fn entries_of(&self, term: usize) -> impl Iterator<Item = u32> {
        self.terms.entries_of(term)
    }

    /// Terms that the word at unit `from` sounds like.
    pub(crate) fn hear(&self, units: &mut Units<'_>, from: usize, out: &mut Vec<Candidate>) {
        self.sounds.hear(units, from, out);
    }
}

#[cfg(test)]
mod tests;
