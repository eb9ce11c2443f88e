//! Words of plain letters that no reading can begin with, refused by a few questions to filters.
//!
//! A reading takes whole words of the text (for terms that must begin and end at word edges), and what may be written for a
//! letter in plain text is one of a few others. So the set of letters of a word, with the letters that may stand for each
//! other as one and those that groups are made of left out, is the same in the term and in the text, whatever was
//! repeated, swapped or respelled. Filters know the sets of whole terms, of what terms begin with, and of the pairs of
//! words they begin with, whichever of their spaces are left out. A word passes when no filter knows it, alone or with
//! what may belong to it: the words behind it, signs between, single letters. Whatever is not plain (digits among
//! letters, signs read as letters, other characters or another script near by) does not pass and is left to the walk.
//!
//! Errs only by not letting a word pass; a test compares with trying every place. Not for terms that may begin or end
//! inside words, nor for terms of several scripts: then there is no gate.

use super::plain::{Kind, Letters, Span, Word, char_at, class, is_wordy};
use super::table::groups_of_letters;
use crate::compiled::tokens::mix;
use std::collections::{HashMap, TryReserveError};

/// Words of a term whose pairs are all filed; longer phrases are looked at wherever they may begin.
const MAX_PAIRED: usize = 8;
/// Parts of a word with hyphens and the like.
const MAX_PARTS: usize = 6;
/// Bytes within which another script is looked for.
const NEAR: usize = 512;

/// What a number is filed as.
pub(super) const DIGITS: u8 = 0xfd;
/// Letters of neither alphabet.
pub(super) const OTHER: u8 = 0xfe;
/// A digit within a term.
const DIGIT: u8 = 0xff;

/// Letters that digits may be read as, their names' included.
const BY_DIGITS: &str = "ouilzeasgbtnfrоиізэчбтвяю0123456789";

/// A blocked Bloom filter, as those of the compiled set.
#[derive(Default)]
struct Known {
    words: Vec<u64>,
    shift: u32,
}

fn bits(key: u64) -> u64 {
    1 << (key & 63) | 1 << (key >> 6 & 63) | 1 << (key >> 12 & 63)
}

impl Known {
    fn new(keys: impl ExactSizeIterator<Item = u64>) -> Result<Self, TryReserveError> {
        let count = (keys.len() / 4).clamp(64, 256 * 1024).next_power_of_two();
        let mut words = Vec::new();
        words.try_reserve_exact(count)?;
        words.resize(count, 0);
        let shift = 64 - count.trailing_zeros();
        for key in keys {
            let key = mix(key);
            if let Some(word) = words.get_mut((key >> shift) as usize) {
                *word |= bits(key);
            }
        }
        Ok(Self { words, shift })
    }

    #[inline]
    fn has(&self, letters: Letters) -> bool {
        self.has_key(letters.key())
    }

    #[inline]
    fn has_key(&self, key: u64) -> bool {
        let key = mix(key);
        let bits = bits(key);
        self.words
            .get((key >> self.shift) as usize)
            .is_some_and(|word| word & bits == bits)
    }
}

/// What a pair of words is filed as.
#[inline]
fn pair(first: Letters, second: Letters) -> u64 {
    mix(first.key()) ^ second.key().rotate_left(29)
}

/// Most ways in which a word, or several, may be drawn with the letters of one script.
const MAX_WAYS: usize = 256;

/// All ways to put one set of each together.
fn put_together(all: &[Letters], more: &[Letters]) -> Option<Vec<Letters>> {
    if all.len() * more.len() > MAX_WAYS * 4 {
        return None;
    }
    let mut out: Vec<Letters> = all
        .iter()
        .flat_map(|a| more.iter().map(move |&b| a.then(b)))
        .collect();
    out.sort_unstable();
    out.dedup();
    (out.len() <= MAX_WAYS).then_some(out)
}

/// The letters that may be drawn with those of one alphabet, and the sets of these.
struct Drawn {
    own: std::ops::RangeInclusive<char>,
    with: HashMap<char, Vec<Letters>>,
}

impl Drawn {
    fn new(own: std::ops::RangeInclusive<char>, looks_like: impl Fn(char) -> Vec<char>) -> Self {
        let mut with: HashMap<char, Vec<Letters>> = HashMap::new();
        let more = own.contains(&'я').then_some('ё');
        for letter in own.clone().chain(more) {
            let with_it = Letters::of(class(if letter == 'ё' { 'е' } else { letter }));
            for other in looks_like(letter) {
                with.entry(other).or_default().push(with_it);
            }
        }
        if own.contains(&'z') {
            for (group, letter) in groups_of_letters() {
                let all = group
                    .chars()
                    .fold(Letters::NONE, |all, c| all.then(Letters::of(class(c))));
                with.entry(letter).or_default().push(all);
            }
        }
        Self { own, with }
    }

    /// None when it cannot be written so; `None` when in too many ways.
    fn sets_of(&self, word: &[char]) -> Option<Vec<Letters>> {
        let mut all = vec![Letters::NONE];
        for &c in word {
            let one = match c {
                _ if self.own.contains(&c) || !c.is_alphabetic() => vec![set_of(&[c])],
                _ => self.with.get(&c).cloned().unwrap_or_default(),
            };
            all = put_together(&all, &one)?;
        }
        Some(all)
    }
}

/// What the filters are made of.
#[derive(Default)]
struct Keys {
    whole: Vec<Letters>,
    phrases: Vec<Letters>,
    begins: Vec<Letters>,
    pairs: Vec<u64>,
}

impl Keys {
    /// Files a term by the sets that its words may be written with, and whether with digits. `mixed`: no dictionary is asked
    /// about it. `None`: there are too many.
    fn add(&mut self, words: &[(Vec<Letters>, bool)], mixed: bool) -> Result<Option<()>, TryReserveError> {
        let count = words.len();
        let union = |from: usize, to: usize| {
            let part = words.get(from..to).unwrap_or(&[]);
            let mut all = vec![Letters::NONE];
            for word in part {
                all = put_together(&all, &word.0)?;
            }
            Some((all, part.iter().all(|w| w.1)))
        };
        let Some((all, _)) = union(0, count) else {
            return Ok(None);
        };
        self.whole.try_reserve(all.len())?;
        self.whole.extend(&all);
        if count > 1 || mixed {
            self.phrases.try_reserve(all.len())?;
            self.phrases.extend(&all);
        }
        for i in 1..count {
            let Some((mut firsts, digits)) = union(0, i) else {
                return Ok(None);
            };
            firsts.extend(digits.then_some(Letters::of(DIGITS)));
            self.begins.try_reserve(firsts.len())?;
            self.begins.extend(&firsts);
            if count > MAX_PAIRED {
                for list in [&mut self.whole, &mut self.phrases] {
                    list.try_reserve(firsts.len())?;
                    list.extend(&firsts);
                }
                continue;
            }
            for j in i + 1..=count {
                let Some((seconds, _)) = union(i, j) else {
                    return Ok(None);
                };
                self.pairs.try_reserve(firsts.len() * seconds.len())?;
                for &first in &firsts {
                    self.pairs
                        .extend(seconds.iter().map(|&second| pair(first, second)));
                }
            }
        }
        Ok(Some(()))
    }
}

pub(super) struct Gate {
    /// Sets of whole terms; of those with several words; of what terms begin with; of pairs they begin with.
    whole: Known,
    phrases: Known,
    begins: Known,
    pairs: Known,
    /// Most words of a term.
    words: usize,
    /// Signs beside a space inside a term.
    special: u128,
}

impl Gate {
    /// `None` when the terms are not of the kind that it is for. `looks_like`: what a letter may be drawn for.
    ///
    /// # Errors
    /// When there is no memory.
    pub(super) fn new(
        terms: &[Box<[char]>],
        looks_like: impl Fn(char) -> Vec<char>,
    ) -> Result<Option<Self>, TryReserveError> {
        let mut keys = Keys::default();
        let mut out = Self {
            whole: Known::default(),
            phrases: Known::default(),
            begins: Known::default(),
            pairs: Known::default(),
            words: 1,
            special: 0,
        };
        let mut drawn = None;
        for term in terms {
            for sign in beside_spaces(term) {
                if !sign.is_ascii() {
                    return Ok(None);
                }
                out.special |= 1 << (sign as u32);
            }
            let words = || term.split(|&c| c == ' ').filter(|w| !w.is_empty());
            out.words = out.words.max(words().count());
            if is_of_one_script(term) {
                let list =
                    words().map(|word| (vec![set_of(word)], word.iter().all(|&c| BY_DIGITS.contains(c))));
                if keys.add(&list.collect::<Vec<_>>(), false)?.is_none() {
                    return Ok(None);
                }
            } else {
                // In a text of one script, the letters of the other ones are drawn with those of that script.
                let drawn =
                    drawn.get_or_insert_with(|| ['a'..='z', 'а'..='я'].map(|of| Drawn::new(of, &looks_like)));
                for drawn in drawn {
                    let list: Option<Vec<_>> = words()
                        .map(|word| Some((drawn.sets_of(word)?, word.iter().all(|&c| BY_DIGITS.contains(c)))))
                        .collect();
                    let Some(list) = list else { return Ok(None) };
                    if keys.add(&list, true)?.is_none() {
                        return Ok(None);
                    }
                }
            }
            if !term.iter().any(|c| c.is_alphabetic()) {
                keys.whole.push(Letters::of(DIGITS));
                keys.phrases.push(Letters::of(DIGITS));
            }
        }
        out.whole = Known::new(keys.whole.iter().map(|l| l.key()))?;
        out.phrases = Known::new(keys.phrases.iter().map(|l| l.key()))?;
        out.begins = Known::new(keys.begins.iter().map(|l| l.key()))?;
        out.pairs = Known::new(keys.pairs.iter().copied())?;
        Ok(Some(out))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let filters = [&self.whole, &self.phrases, &self.begins, &self.pairs];
        filters.iter().map(|f| f.words.len() * size_of::<u64>()).sum()
    }

    /// May a reading, other than by sound, begin with the word `first`? `apostrophe`: one stands before it.
    pub(super) fn may_begin(&self, text: &[u8], first: &Word, apostrophe: bool, border: &mut Border) -> bool {
        let most = self.words - 1;
        if first.kind == Kind::Strange
            || self.words > 1 && border.is_ahead(text, first) && self.another_script_near(text, first)
        {
            return true;
        }
        let apostrophe = apostrophe || matches!(char_at(text, first.end), Some(('\'' | '’', _)));
        if first.any(|set| self.whole.has(set))
            && (apostrophe || first.any(|set| self.phrases.has(set)) || !first.is_known(text))
        {
            return true;
        }
        let span = Span::behind(text, first.end);
        if span.odd || span.has_any(self.special) {
            return true;
        }
        if span.to == text.len() {
            return false;
        }
        if !span.spaced() {
            return self.may_be_compound(text, first, most);
        }
        // Across a sign and a space beside it only letters one by one are read, and few more.
        let next = Word::at(text, span.to);
        let letters = first.fewest() + next.fewest();
        if span.signs() && letters <= 2 + most {
            return true;
        }
        if span.first_is_sign() {
            // The sign before the space may be an i, which must be followed by more.
            let with = |i: u8| first.any(|set| self.begins.has(set.then(Letters::of(i))));
            return span.exclaims && (with(class('i')) || with(OTHER));
        }
        if first.fewest() == 1 && next.fewest() == 1 && self.single_goes_on(text, &next) {
            return true;
        }
        if !first.any(|set| self.begins.has(set)) {
            return false;
        }
        // The next word of the phrase may be written letter by letter.
        if next.fewest() == 1 && self.single_goes_on(text, &next) {
            return true;
        }
        if span.spaces_behind_signs {
            return false;
        }
        if next.kind == Kind::Strange || next.kind == Kind::Number {
            return true;
        }
        self.goes_on_with(text, first, &next, span.opens, most)
    }

    /// May a reading go on behind `first` and a space with the word `next`, or with what it begins?
    fn goes_on_with(&self, text: &[u8], first: &Word, next: &Word, open: bool, most: usize) -> bool {
        let has = |first: &Word, second: Letters| first.any(|set| self.pairs.has_key(pair(set, second)));
        let mut all = *next;
        for _ in 0..MAX_PARTS {
            let with = |c: char| all.any(|set| has(first, Letters::of(class(c)).then(set)));
            let found = all.any(|set| has(first, set)) || open && (with('c') || with('с'));
            if found {
                return true;
            }
            let span = Span::behind(text, all.end);
            if span.odd || span.has_any(self.special) {
                return true;
            }
            if span.to == text.len() {
                return false;
            }
            if span.spaced() {
                let short = span.signs() && first.fewest() + next.fewest() <= 1 + most;
                return short || span.exclaims;
            }
            let part = Word::at(text, span.to);
            if part.kind != next.kind {
                return true;
            }
            all = all.with(&part);
        }
        true
    }

    /// The parts of a word with hyphens or other signs between them.
    fn may_be_compound(&self, text: &[u8], first: &Word, most: usize) -> bool {
        let mut all = *first;
        let mut excess = first.fewest() - 1;
        for _ in 0..MAX_PARTS {
            let span = Span::behind(text, all.end);
            if span.odd || span.has_any(self.special) {
                return true;
            }
            if span.to == text.len() {
                return false;
            }
            if span.spaced() {
                return span.exclaims
                    || span.signs() && excess <= most
                    || all.any(|set| self.begins.has(set));
            }
            let part = Word::at(text, span.to);
            if part.kind != first.kind {
                return true;
            }
            excess += part.fewest() - 1;
            all = all.with(&part);
            if all.any(|set| self.whole.has(set)) {
                return true;
            }
        }
        true
    }

    /// Is a letter that stands alone followed by another such letter, or by something that may be one?
    fn single_goes_on(&self, text: &[u8], single: &Word) -> bool {
        let span = Span::behind(text, single.end);
        if span.odd || single.kind == Kind::Strange {
            return true;
        }
        span.to < text.len() && Word::at(text, span.to).fewest() == 1
    }

    /// Does another script, or a character that is not plain, stand within the words that a reading may take?
    fn another_script_near(&self, text: &[u8], first: &Word) -> bool {
        let (mut here, mut latin, mut cyrillic) = (first.end, first.latin, first.cyrillic);
        let mut words = 1;
        while words < self.words {
            let span = Span::behind(text, here);
            if span.strange || span.to > first.end + NEAR {
                return true;
            }
            if span.to == text.len() {
                return false;
            }
            let next = Word::at(text, span.to);
            latin |= next.latin;
            cyrillic |= next.cyrillic;
            if next.foreign || latin && cyrillic {
                return true;
            }
            words += usize::from(span.spaced());
            here = next.end;
        }
        false
    }
}

/// Up to where a text is of one script and of plain characters.
#[derive(Default)]
pub(super) struct Border {
    /// Where it was last looked for, from the beginning on.
    at: usize,
    latin: bool,
    cyrillic: bool,
}

impl Border {
    /// Does text of another script, or a character that is not plain, come behind this word?
    fn is_ahead(&mut self, text: &[u8], word: &Word) -> bool {
        if self.at < word.end {
            (self.at, self.latin, self.cyrillic) = (word.start, false, false);
        }
        while self.at < text.len() && !(self.latin && self.cyrillic) {
            match text.get(self.at) {
                Some(byte) if byte.is_ascii() => {
                    self.latin |= byte.is_ascii_alphabetic();
                    self.at += 1;
                }
                _ => match char_at(text, self.at) {
                    Some((c, length)) => {
                        self.cyrillic |= length == 2 && is_wordy(c);
                        self.at += length;
                    }
                    None => return true,
                },
            }
        }
        self.latin && self.cyrillic
    }
}

/// The letters of a word of a term.
fn set_of(word: &[char]) -> Letters {
    word.iter().fold(Letters::NONE, |all, &c| {
        all.then(Letters::of(match c {
            'a'..='z' | 'а'..='я' => class(c),
            _ if c.is_alphabetic() => OTHER,
            _ if c.is_numeric() => DIGIT,
            _ => 0,
        }))
    })
}

fn is_of_one_script(term: &[char]) -> bool {
    use unicode_script::UnicodeScript;
    let mut scripts = term.iter().filter(|c| c.is_alphabetic()).map(|c| c.script());
    let first = scripts.next();
    scripts.all(|script| Some(script) == first)
}

/// Signs that stand beside a space of the term.
fn beside_spaces(term: &[char]) -> impl Iterator<Item = char> {
    let sign = |c: char| c != ' ' && !c.is_alphanumeric();
    term.windows(2).filter_map(move |two| match *two {
        [' ', c] | [c, ' '] if sign(c) => Some(c),
        _ => None,
    })
}
