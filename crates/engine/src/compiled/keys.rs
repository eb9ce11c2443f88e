//! The keys that patterns are searched by: tokens, pairs of tokens, beginnings, grams.

use super::tokens::{MARGIN, Margin, glance, gram_table_key, key_of, load, margin_key, start_key};
use super::write::{Pattern, no_memory};
use super::{GRAM, GRAMS, Grams, STARTS, kind};
use crate::CompileError;

/// Places in a pattern at which its rarest gram is looked for.
const MAX_GRAM_PLACES: usize = 64;
/// Greatest stride of a class of grams.
const MAX_STRIDE: usize = 4;
/// Grams are counted by this many bits of their keys.
const COUNT_BITS: u32 = 20;

#[derive(Default)]
pub(super) struct Keys {
    pub(super) heads: Vec<(u64, u32)>,
    pub(super) pairs: Vec<(u64, u32)>,
    pub(super) starts: Vec<u64>,
    /// Key in the table, pattern, offset of the gram in it.
    pub(super) grams: Vec<(u64, u32, u32)>,
}

/// The class of what a pattern of so many bytes begins with.
pub(super) fn start_class(length: usize) -> usize {
    let fits = STARTS.iter().position(|&start| start <= length);
    fits.unwrap_or(STARTS.len() - 1)
}

/// The class of grams that a pattern of so many bytes has.
pub(super) fn gram_class(length: usize) -> (usize, Grams) {
    let mut classes = GRAMS.into_iter().enumerate();
    let fits = classes.find(|(_, grams)| grams.shortest() <= length);
    fits.unwrap_or((GRAMS.len() - 1, Grams { length: 1, stride: 1 }))
}

pub(super) fn find_keys<'f>(
    patterns: &[Pattern],
    text_of: impl Fn(u32, u32) -> &'f str,
    ask: &mut impl FnMut(usize) -> Result<(), CompileError>,
) -> Result<Keys, CompileError> {
    let mut keys = Keys::default();
    let mut counts = Vec::new();
    if patterns.iter().any(|p| p.kind == kind::ANYWHERE) {
        counts.try_reserve_exact(1 << COUNT_BITS).map_err(no_memory)?;
        counts.resize(1 << COUNT_BITS, 0u32);
    }
    // Places for the grams of a pattern, and what the rows of grams there have.
    let places = |bytes: &'f [u8]| {
        let (_, Grams { length, stride }) = gram_class(bytes.len());
        let last = (bytes.len() + 1).saturating_sub(length + stride);
        (0..=last.min(MAX_GRAM_PLACES - 1))
            .filter(move |&at| stride > 1 || bytes.get(at).is_some_and(|b| b & 0xc0 != 0x80))
    };
    let row = |bytes: &'f [u8], at: usize| {
        let (_, Grams { length, stride }) = gram_class(bytes.len());
        (at..at + stride).map(move |at| (gram_table_key(load(bytes, at), length), at as u32))
    };
    let counted = |key: u64| (key >> (64 - COUNT_BITS)) as usize;
    for (n, pattern) in patterns
        .iter()
        .enumerate()
        .filter(|(_, p)| p.kind == kind::ANYWHERE)
    {
        ask(n)?;
        let bytes = text_of(pattern.start, pattern.length).as_bytes();
        let (_, Grams { length, stride }) = gram_class(bytes.len());
        let last = places(bytes).next_back().unwrap_or(0) + stride;
        for at in 0..last {
            if let Some(count) = counts.get_mut(counted(gram_table_key(load(bytes, at), length))) {
                *count = count.saturating_add(1);
            }
        }
    }
    // For each key the first pattern that has it, in order: remembered by the length of what the key stands for.
    let mut seen: Seen = Seen::new();
    for (n, (pattern, number)) in patterns.iter().zip(0u32..).enumerate() {
        ask(n)?;
        let text = text_of(pattern.start, pattern.length);
        let bytes = text.as_bytes();
        if pattern.kind == kind::ANYWHERE {
            let count = |key| u64::from(counts.get(counted(key)).copied().unwrap_or_default());
            let (_, Grams { length, stride }) = gram_class(bytes.len());
            let mut common = [0; MAX_GRAM_PLACES + MAX_STRIDE];
            let last = places(bytes).next_back().unwrap_or(0) + stride;
            for (at, common) in common.iter_mut().enumerate().take(last) {
                *common = count(gram_table_key(load(bytes, at), length));
            }
            let in_row = |&at: &usize| common.iter().skip(at).take(stride).sum::<u64>();
            if let Some(rarest) = places(bytes).min_by_key(in_row) {
                let row = row(bytes, rarest);
                keys.grams.try_reserve(row.len()).map_err(no_memory)?;
                keys.grams.extend(row.map(|(key, at)| (key, number, at)));
            }
            continue;
        }
        let class = start_class(bytes.len());
        keys.starts.push(start_key(load(bytes, 0), class));
        let Some((key, length, is_pair)) = key_of(text) else {
            continue;
        };
        // Patterns with one key follow one another, but those with longer words may stand between.
        if seen.is_new(key, bytes.get(..length).unwrap_or_default(), is_pair) {
            let list = if is_pair { &mut keys.pairs } else { &mut keys.heads };
            list.try_reserve(1).map_err(no_memory)?;
            list.push((key, number));
        }
    }
    keys.grams.sort_unstable();
    keys.starts.sort_unstable();
    keys.starts.dedup();
    Ok(keys)
}

/// Stretches that got their key already. A stretch is a prefix of every pattern since it came, or it is over.
struct Seen {
    open: Vec<(u64, Vec<u8>, bool)>,
}

impl Seen {
    fn new() -> Self {
        Self { open: Vec::new() }
    }

    fn is_new(&mut self, key: u64, stretch: &[u8], is_pair: bool) -> bool {
        while self
            .open
            .last()
            .is_some_and(|(_, last, _)| !stretch.starts_with(last))
        {
            self.open.pop();
        }
        let known = self
            .open
            .iter()
            .rev()
            .any(|(k, last, pair)| *k == key && *pair == is_pair && last == stretch);
        if !known {
            self.open.push((key, stretch.to_vec(), is_pair));
        }
        !known
    }
}

/// Key of the gram at `at` of a pattern with what stands beside it; `key` is that of the gram in the table.
pub(super) fn margin_of(key: u64, bytes: &[u8], at: u32) -> u64 {
    let at = at as usize;
    let length = gram_class(bytes.len()).1.length;
    let margin = match at + length + MARGIN <= bytes.len() {
        true => Margin::Behind,
        false if at >= MARGIN => Margin::Before,
        false => Margin::Nowhere,
    };
    margin_key(key, bytes, at, length, margin)
}

/// Lists of the patterns of each gram, and where each list begins.
pub(super) fn encode_grams<'f>(
    grams: &[(u64, u32, u32)],
    pattern: impl Fn(u32) -> &'f [u8],
) -> (Vec<u8>, Vec<(u64, u32)>) {
    let mut lists = Vec::with_capacity(grams.len() * GRAM);
    let mut firsts = Vec::new();
    let mut first_number = 0u32;
    for list in grams.chunk_by(|a, b| a.0 == b.0) {
        if let Some(first) = list.first() {
            firsts.push((first.0, first_number));
        }
        first_number += list.len() as u32;
        for (n, &(_, number, offset)) in list.iter().enumerate() {
            let last = u64::from(n + 1 == list.len()) << 31;
            let bytes = pattern(number);
            let length = bytes.len().min(8);
            let start = (length as u64) << 42 | glance(load(bytes, 0), length) << 46;
            let place = u64::from(number) | last | u64::from(offset) << 32 | start;
            lists.extend_from_slice(&place.to_le_bytes());
        }
    }
    (lists, firsts)
}

/// First bytes of the patterns that begin with no token.
pub(super) fn odd<'f>(patterns: &[Pattern], bytes_of: impl Fn(u32, u32) -> &'f [u8]) -> [u64; 4] {
    let mut odd = [0u64; 4];
    for pattern in patterns.iter().filter(|p| p.kind == kind::ODD) {
        if let Some(&first) = bytes_of(pattern.start, pattern.length).first()
            && let Some(word) = odd.get_mut(usize::from(first >> 6))
        {
            *word |= 1 << (first & 63);
        }
    }
    odd
}
