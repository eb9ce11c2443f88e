//! From the terms of level evasion to their section of a compiled set, and the section in place.
//!
//! The section has these parts, each described where it is made: *inside* (1 byte: some entry may begin inside a word); *terms*
//! (four, [`super::terms`]), *shapes* (three, [`super::shapes`]), *starts* (three, [`super::starts`]), *sounds* (eleven,
//! [`super::sound`]), *gate* (ten, [`super::gate`]). Damage can only make readings missed or wrong: whatever is read is within
//! bounds, ranges shrink, and every reading is held against the text.

use super::gate::{self, Gate};
use super::shapes::{self, Shapes};
use super::sound::{self, Sounds};
use super::starts::Starts;
use super::terms::{self, Terms};
use super::{Evasion, FORM};
use crate::compiled::{no_memory, parts};
use crate::reserve::push;
use crate::{CompileError, MatchMode};
use std::collections::BTreeSet;

/// Asked at every step of long work, with its number, whether to go on.
pub(super) type Ask<'a> = &'a mut dyn FnMut(usize) -> Result<(), CompileError>;

const PARTS: usize = 1 + 4 + 3 + 3 + sound::PARTS + gate::PARTS;

/// The terms of a set that may be disguised.
#[derive(Default)]
pub(crate) struct Builder {
    /// Folded, and their entries.
    terms: Vec<(String, u32)>,
    /// Some entry may begin, or begin or end, inside a word.
    inside: bool,
    partial: bool,
}

impl Builder {
    /// Adds a folded term and its entry; entries of forms are told apart by [`FORM`].
    pub(crate) fn add(&mut self, folded: String, entry: u32, mode: MatchMode) -> Result<(), CompileError> {
        self.inside |= matches!(mode, MatchMode::Suffix | MatchMode::Substring);
        self.partial |= !matches!(mode, MatchMode::Word | MatchMode::Inflected);
        push(&mut self.terms, (folded, entry)).map_err(no_memory)
    }

    /// The section; empty without terms.
    pub(crate) fn build(mut self, ask: Ask<'_>) -> Result<Vec<u8>, CompileError> {
        if self.terms.is_empty() {
            return Ok(Vec::new());
        }
        self.terms.sort_unstable();
        ask(0)?;
        let terms = terms::build(&self.terms, ask)?;
        drop(self.terms);
        let listed = Terms::new(terms.each_ref().map(Vec::as_slice));
        let shapes = shapes::build(&letters(&listed, ask)?)?;
        let looks = Shapes::new(shapes.each_ref().map(Vec::as_slice));
        let starts = Starts::build(&listed, &looks, ask)?;
        let sounds = sounds(&listed, ask)?;
        let gate = match self.partial {
            true => [const { Vec::new() }; gate::PARTS],
            false => Gate::build(&listed, &looks, ask)?,
        };
        ask(0)?;
        let all = std::iter::once(vec![u8::from(self.inside)])
            .chain(terms)
            .chain(shapes)
            .chain(starts)
            .chain(sounds)
            .chain(gate);
        let mut parts = [const { Vec::new() }; PARTS];
        for (to, part) in parts.iter_mut().zip(all) {
            *to = part;
        }
        parts::join(parts)
    }
}

/// The letters of all terms.
fn letters(terms: &Terms<'_>, ask: Ask<'_>) -> Result<BTreeSet<char>, CompileError> {
    let mut all = BTreeSet::new();
    for (n, term) in terms.iter().enumerate() {
        ask(n)?;
        all.extend(term.iter().filter(|c| c.is_alphabetic()));
    }
    Ok(all)
}

fn sounds(terms: &Terms<'_>, ask: Ask<'_>) -> Result<[Vec<u8>; sound::PARTS], CompileError> {
    let is_form = |term: usize| terms.entries_of(term).all(|entry| entry & FORM != 0);
    // Is the term another one with an s?
    let is_plural = |letters: &[char]| {
        let singular = letters.strip_suffix(&['s']).unwrap_or(&[]);
        terms
            .find(singular.iter().copied())
            .is_some_and(|singular| !is_form(singular))
    };
    let mut sounds = sound::Builder::default();
    let mut letters = Vec::new();
    for (number, term) in terms.iter().enumerate() {
        ask(number)?;
        letters.clear();
        letters.extend(term.iter());
        let form = is_form(number);
        sounds.add(number, &letters, form, form && is_plural(&letters))?;
    }
    sounds.finish()
}

impl<'b> Evasion<'b> {
    /// The section, in place; the same for every size. An empty one has no terms.
    pub(crate) fn new(section: &'b [u8]) -> Self {
        let mut parts = parts::split::<PARTS>(section).into_iter();
        let inside = parts
            .next()
            .is_some_and(|part| part.first().is_some_and(|&flag| flag != 0));
        let terms = Terms::new(take(&mut parts));
        let shapes = Shapes::new(take(&mut parts));
        let starts = Starts::new(take(&mut parts));
        let sounds = Sounds::new(take(&mut parts));
        Self {
            terms,
            shapes,
            inside,
            starts,
            sounds,
            gate: Gate::new(take(&mut parts)),
        }
    }
}

/// The next parts.
fn take<'b, const N: usize>(parts: &mut impl Iterator<Item = &'b [u8]>) -> [&'b [u8]; N] {
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}
