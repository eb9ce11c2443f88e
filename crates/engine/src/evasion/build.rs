//! From the terms of level evasion to their section of a compiled set, and the section in place.
//!
//! The section has these parts, each described where it is made: *inside* (1 byte: some entry may begin inside a word); *terms*
//! (four, [`super::terms`]), *shapes* (three, [`super::shapes`]), *starts* (three, [`super::starts`]), *sounds* (eleven,
//! [`super::sound`]), *openings* (two, [`super::opening`]), *gate* (nine, [`super::gate`]),
//! *first letters* (two, [`super::first_letters`]). Damage can only make readings missed or wrong: whatever is read is within
//! bounds, ranges shrink, and every reading is held against the text.

use super::filing::{Filer, is_simple};
use super::first_letters::{self, FirstLetters};
use super::gate::{self, Gate};
use super::opening::{self, Openings};
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

const PARTS: usize = 1 + 4 + 3 + 3 + sound::PARTS + opening::PARTS + gate::PARTS + first_letters::PARTS;

/// Folded terms and their entries.
type List = Vec<(String, u32)>;

/// The terms of a set that may be disguised.
#[derive(Default)]
pub(crate) struct Builder {
    /// Those that the gate may be for, and all others.
    words: List,
    others: List,
    /// Some entry may begin inside a word.
    inside: bool,
}

impl Builder {
    /// Adds a folded term and its entry; entries of forms are told apart by [`FORM`].
    pub(crate) fn add(&mut self, folded: String, entry: u32, mode: MatchMode) -> Result<(), CompileError> {
        self.inside |= matches!(mode, MatchMode::Suffix | MatchMode::Substring);
        let list = match mode {
            MatchMode::Word | MatchMode::Inflected => &mut self.words,
            _ => &mut self.others,
        };
        push(list, (folded, entry)).map_err(no_memory)
    }

    /// Two sections, each empty without terms. In the first all terms are whole words that the gate is for: most words of a text
    /// are passed over there. In the second every place is asked about.
    pub(crate) fn build(mut self, ask: Ask<'_>) -> Result<[Vec<u8>; 2], CompileError> {
        self.put_odd_ones_aside(ask)?;
        let words = section(self.words, true, false, ask)?;
        let others = section(self.others, false, self.inside, ask)?;
        Ok([words, others])
    }

    /// One term that the gate is not for would keep it from all of them. Of a million words and phrases of real texts, four are such.
    fn put_odd_ones_aside(&mut self, ask: Ask<'_>) -> Result<(), CompileError> {
        let mut term: Vec<char> = Vec::new();
        let mut odd = Vec::new();
        for (n, (text, _)) in self.words.iter().enumerate() {
            ask(n)?;
            term.clear();
            term.extend(text.chars());
            if !is_simple(&term) {
                push(&mut odd, n).map_err(no_memory)?;
            }
        }
        if odd.is_empty() {
            return Ok(());
        }
        let shapes = shapes::build(&letters(&self.words, ask)?)?;
        let shapes = Shapes::new(shapes.each_ref().map(Vec::as_slice));
        let mut filer = Filer::new(&shapes);
        // From the back, so that the numbers of those in front stay what they are.
        for n in odd.into_iter().rev() {
            ask(n)?;
            let takes = match self.words.get(n) {
                Some((text, _)) => filer.takes(&text.chars().collect::<Vec<_>>()),
                None => Ok(true),
            };
            if !takes.map_err(no_memory)? {
                push(&mut self.others, self.words.swap_remove(n)).map_err(no_memory)?;
            }
        }
        Ok(())
    }
}

/// The section of a list; empty without terms. `gated`: all are whole words that the gate is for. `inside`: some may begin
/// inside a word.
fn section(mut list: List, gated: bool, inside: bool, ask: Ask<'_>) -> Result<Vec<u8>, CompileError> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    list.sort_unstable();
    ask(0)?;
    let terms = terms::build(&list, ask)?;
    let shapes = shapes::build(&letters(&list, ask)?)?;
    drop(list);
    let listed = Terms::new(terms.each_ref().map(Vec::as_slice));
    let looks = Shapes::new(shapes.each_ref().map(Vec::as_slice));
    let starts = Starts::build(&listed, &looks, ask)?;
    let sounds = sounds(&listed, ask)?;
    let openings = Openings::build(&listed, ask)?;
    let gate = match gated {
        true => Gate::build(&listed, &looks, ask)?,
        false => [const { Vec::new() }; gate::PARTS],
    };
    let first_letters = match gated {
        true => [const { Vec::new() }; first_letters::PARTS],
        false => FirstLetters::build(&listed, &looks, ask)?,
    };
    ask(0)?;
    let all = std::iter::once(vec![u8::from(inside)])
        .chain(terms)
        .chain(shapes)
        .chain(starts)
        .chain(sounds)
        .chain(openings)
        .chain(gate)
        .chain(first_letters);
    let mut parts = [const { Vec::new() }; PARTS];
    for (to, part) in parts.iter_mut().zip(all) {
        *to = part;
    }
    parts::join(parts)
}

/// The letters of all terms.
fn letters(list: &List, ask: Ask<'_>) -> Result<BTreeSet<char>, CompileError> {
    let mut all = BTreeSet::new();
    for (n, (term, _)) in list.iter().enumerate() {
        ask(n)?;
        all.extend(term.chars().filter(|c| c.is_alphabetic()));
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
        let openings = Openings::new(take(&mut parts));
        let gate = take(&mut parts);
        let evasion = Self {
            terms,
            shapes,
            inside,
            starts,
            sounds,
            openings,
            gate: openings.and_then(|openings| Gate::new(gate, openings)),
            first_letters: FirstLetters::new(take(&mut parts)),
        };
        #[cfg(test)]
        let evasion = super::tests::everywhere(evasion);
        evasion
    }
}

/// The next parts.
fn take<'b, const N: usize>(parts: &mut impl Iterator<Item = &'b [u8]>) -> [&'b [u8]; N] {
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}
