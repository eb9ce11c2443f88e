//! Which letters of the terms a letter looks like, by the skeletons of UTS #39: searched where they lie.

use super::table::{capital, shapes};
use super::terms::{Letter, decode, encode};
use crate::CompileError;
use crate::compiled::no_memory;
use crate::reserve::push;
use std::collections::{BTreeMap, BTreeSet};
use unicode_security::confusable_detection::skeleton;

const RECORD: usize = 8;

/// The skeletons (UTS #39) of a letter in every case it has.
pub(super) fn cases(letter: char) -> Vec<String> {
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

/// The parts: *skeletons* in byte order, [`RECORD`] bytes each and one more as the end: where its text starts, where its
/// letters start. *Texts*. *Letters*: those that have it in some case.
pub(super) fn build(letters: &BTreeSet<char>) -> Result<[Vec<u8>; 3], CompileError> {
    let mut shapes: BTreeMap<String, Vec<char>> = BTreeMap::new();
    for &letter in letters {
        for shape in cases(letter) {
            let list = shapes.entry(shape).or_default();
            if !list.contains(&letter) {
                list.push(letter);
            }
        }
    }
    let (mut records, mut texts, mut out) = (Vec::new(), Vec::new(), Vec::new());
    let mut record = |texts: &Vec<u8>, letters: &Vec<Letter>| {
        let both = [texts.len() as u32, letters.len() as u32].map(u32::to_le_bytes);
        push(&mut records, both).map_err(no_memory)
    };
    for (shape, letters) in &shapes {
        record(&texts, &out)?;
        texts.try_reserve(shape.len()).map_err(no_memory)?;
        texts.extend_from_slice(shape.as_bytes());
        out.try_reserve(letters.len()).map_err(no_memory)?;
        out.extend(letters.iter().copied().map(encode));
    }
    record(&texts, &out)?;
    let records = records.into_flattened().into_flattened();
    Ok([records, texts, out.into_flattened()])
}

/// What letters look like, in place.
#[derive(Clone, Copy)]
pub(super) struct Shapes<'b> {
    records: &'b [[u8; RECORD]],
    texts: &'b [u8],
    letters: &'b [Letter],
}

impl<'b> Shapes<'b> {
    pub(super) fn new([records, texts, letters]: [&'b [u8]; 3]) -> Self {
        Self {
            records: records.as_chunks().0,
            texts,
            letters: letters.as_chunks().0,
        }
    }

    /// Where the text and the letters of a skeleton are.
    fn starts(&self, n: usize) -> Option<[usize; 2]> {
        let &[a, b, c, d, e, f, g, h] = self.records.get(n)?;
        Some([[a, b, c, d], [e, f, g, h]].map(|four| u32::from_le_bytes(four) as usize))
    }

    /// The letters that have this skeleton in some case.
    fn letters_of(&self, shape: &str) -> &'b [Letter] {
        let text = |n: usize| {
            let (from, to) = (self.starts(n)?[0], self.starts(n + 1)?[0]);
            self.texts.get(from..to)
        };
        let (mut low, mut high) = (0, self.records.len().saturating_sub(1));
        while low < high {
            let middle = low + (high - low) / 2;
            if text(middle).is_some_and(|text| text < shape.as_bytes()) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let found = text(low).filter(|&text| text == shape.as_bytes());
        let range = found.and_then(|_| Some(self.starts(low)?[1]..self.starts(low + 1)?[1]));
        range
            .and_then(|range| self.letters.get(range))
            .unwrap_or_default()
    }

    /// Letters that a letter looks like, without its own base.
    pub(super) fn lookalikes_of(&self, raw: char, base: char) -> Vec<char> {
        let mut list: Vec<char> = Vec::new();
        for letter in [Some(raw), Some(base), capital(raw)].into_iter().flatten() {
            list.extend(letter.to_lowercase().filter(|&l| l != base));
            for shape in cases(letter) {
                list.extend(self.letters_of(&shape).iter().copied().map(decode));
            }
            list.extend(shapes(letter));
        }
        list.retain(|&l| l != base);
        list.sort_unstable();
        list.dedup();
        list
    }
}
