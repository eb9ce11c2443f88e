//! What [`super::gate`] files a term by: the letters that its words may be written with.

use super::letters::{DIGITS, Letters, class};
use super::shapes::Shapes;
use super::table::groups_of_letters;
use crate::compiled::tokens::mix;
use crate::reserve::push;
use std::collections::{HashMap, TryReserveError};

/// Words of a term whose pairs are all filed; longer phrases are looked at wherever they may begin.
const MAX_PAIRED: usize = 8;
/// Letters that digits may be read as, their names' included.
const BY_DIGITS: &str = "ouilzeasgbtnfrоиізэчбтвяю0123456789";

/// What a pair of words is filed as.
#[inline]
pub(super) fn pair(first: Letters, second: Letters) -> u64 {
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
pub(super) struct Drawn {
    own: std::ops::RangeInclusive<char>,
    with: HashMap<char, Vec<Letters>>,
}

impl Drawn {
    /// With Latin and with Cyrillic letters.
    pub(super) fn both(shapes: &Shapes<'_>) -> [Self; 2] {
        let looks_like = |letter| shapes.lookalikes_of(letter, letter);
        ['a'..='z', 'а'..='я'].map(|own| Self::new(own, looks_like))
    }

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
    pub(super) fn sets_of(&self, word: &[char]) -> Option<Vec<Letters>> {
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

/// Set in the number of a term that is not held against the text: its readings are looked for wherever it is found.
pub(super) const LOOK: u32 = 1 << 31;

/// What terms are filed by.
#[derive(Default)]
pub(super) struct Filing {
    /// Whole terms.
    pub(super) whole: Vec<(u64, u32)>,
    /// What terms begin with.
    pub(super) begins: Vec<u64>,
    /// Pairs they begin with.
    pub(super) pairs: Vec<(u64, u32)>,
}

impl Filing {
    fn keys(&self) -> usize {
        self.whole.len() + self.begins.len() + self.pairs.len()
    }

    /// Files a term of one script by the sets of its words, and whether they may be written with digits.
    fn add(&mut self, number: u32, words: &[(Letters, bool)]) -> Result<(), TryReserveError> {
        let count = words.len();
        let union = |from: usize, to: usize| {
            let part = words.get(from..to).unwrap_or(&[]);
            let digits = part.iter().all(|w| w.1).then_some(Letters::of(DIGITS));
            let all = part.iter().fold(Letters::NONE, |all, w| all.then(w.0));
            [Some(all), digits].into_iter().flatten()
        };
        let Some(all) = union(0, count).next() else {
            return Ok(());
        };
        self.whole.try_reserve(1 + 2 * count)?;
        self.whole.push((all.key(), number));
        self.begins.try_reserve(2 * count)?;
        for i in 1..count {
            self.begins.extend(union(0, i).map(|first| first.key()));
            if count > MAX_PAIRED {
                self.whole
                    .extend(union(0, i).map(|first| (first.key(), number | LOOK)));
                continue;
            }
            self.pairs.try_reserve(4 * (count - i))?;
            for j in i + 1..=count {
                for first in union(0, i) {
                    self.pairs
                        .extend(union(i, j).map(|second| (pair(first, second), number)));
                }
            }
        }
        Ok(())
    }

    /// Files a term of several scripts, by all the sets that its words may be written with. `None`: there are too many.
    fn add_mixed(
        &mut self,
        number: u32,
        words: &[(Vec<Letters>, bool)],
    ) -> Result<Option<()>, TryReserveError> {
        let (count, number) = (words.len(), number | LOOK);
        let union = |from: usize, to: usize| {
            let part = words.get(from..to).unwrap_or(&[]);
            let mut all = vec![Letters::NONE];
            for word in part {
                all = put_together(&all, &word.0)?;
            }
            all.extend(part.iter().all(|w| w.1).then_some(Letters::of(DIGITS)));
            Some(all)
        };
        let Some(all) = union(0, count) else {
            return Ok(None);
        };
        self.whole.try_reserve(all.len())?;
        self.whole.extend(all.iter().map(|one| (one.key(), number)));
        for i in 1..count {
            let Some(firsts) = union(0, i) else {
                return Ok(None);
            };
            self.begins.try_reserve(firsts.len())?;
            self.begins.extend(firsts.iter().map(|first| first.key()));
            if count > MAX_PAIRED {
                self.whole.try_reserve(firsts.len())?;
                self.whole
                    .extend(firsts.iter().map(|first| (first.key(), number)));
                continue;
            }
            for j in i + 1..=count {
                let Some(seconds) = union(i, j) else {
                    return Ok(None);
                };
                self.pairs.try_reserve(firsts.len() * seconds.len())?;
                for &first in &firsts {
                    let pairs = seconds.iter().map(|&second| (pair(first, second), number));
                    self.pairs.extend(pairs);
                }
            }
        }
        Ok(Some(()))
    }
}

/// Files terms of every kind that the gate is for.
pub(super) struct Filer<'b> {
    shapes: &'b Shapes<'b>,
    /// Letters drawn with Latin and with Cyrillic ones; made for the first term of several scripts.
    drawn: Option<[Drawn; 2]>,
    pub(super) filing: Filing,
    /// Keys of all terms of several scripts that it takes.
    keys: usize,
}

/// Most keys of one term of several scripts, and of all of them (200 MB while a set is compiled). Terms of two and three words
/// of real texts, Russian and English mixed, have a hundred.
const MAX_KEYS: usize = 4_096;
const MAX_ALL_KEYS: usize = 1 << 24;

impl<'b> Filer<'b> {
    pub(super) fn new(shapes: &'b Shapes<'b>) -> Self {
        Self {
            shapes,
            drawn: None,
            filing: Filing::default(),
            keys: 0,
        }
    }

    /// Is the gate for this term? Not for one that can be drawn in too many ways, or with a sign beside a space that is none of
    /// ASCII. Nothing may be filed before.
    pub(super) fn takes(&mut self, term: &[char]) -> Result<bool, TryReserveError> {
        if is_simple(term) || !beside_spaces(term).all(|sign| sign.is_ascii()) {
            return Ok(is_simple(term));
        }
        let has_few_ways = self.add_mixed(0, term)?;
        let keys = std::mem::take(&mut self.filing).keys();
        let takes = has_few_ways && keys <= MAX_KEYS && self.keys + keys <= MAX_ALL_KEYS;
        self.keys += if takes { keys } else { 0 };
        Ok(takes)
    }

    /// Files a term, or a part of it and returns `false` where the gate is not for it.
    pub(super) fn add(&mut self, number: u32, term: &[char]) -> Result<bool, TryReserveError> {
        if !beside_spaces(term).all(|sign| sign.is_ascii()) {
            return Ok(false);
        }
        if is_of_one_script(term) {
            let words: Vec<_> = words_of(term)
                .map(|word| (set_of(word), is_by_digits(word)))
                .collect();
            self.filing.add(number, &words)?;
        } else if !self.add_mixed(number, term)? {
            return Ok(false);
        }
        if !term.iter().any(|c| c.is_alphabetic()) {
            push(&mut self.filing.whole, (Letters::of(DIGITS).key(), number))?;
        }
        Ok(true)
    }

    /// In a text of one script, the letters of the other ones are drawn with those of that script.
    fn add_mixed(&mut self, number: u32, term: &[char]) -> Result<bool, TryReserveError> {
        let shapes = self.shapes;
        let drawn = self.drawn.get_or_insert_with(|| Drawn::both(shapes));
        for drawn in drawn {
            let words: Option<Vec<_>> = words_of(term)
                .map(|word| Some((drawn.sets_of(word)?, is_by_digits(word))))
                .collect();
            let filed = match words {
                Some(words) => self.filing.add_mixed(number, &words)?,
                None => None,
            };
            if filed.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Is nothing about the term that [`Filer::takes`] must look at?
pub(super) fn is_simple(term: &[char]) -> bool {
    is_of_one_script(term) && beside_spaces(term).all(|sign| sign.is_ascii())
}

pub(super) fn words_of(term: &[char]) -> impl Iterator<Item = &[char]> {
    term.split(|&c| c == ' ').filter(|word| !word.is_empty())
}

/// Signs that stand beside a space of the term.
pub(super) fn beside_spaces(term: &[char]) -> impl Iterator<Item = char> {
    let sign = |c: char| c != ' ' && !c.is_alphanumeric();
    term.windows(2).filter_map(move |two| match *two {
        [' ', c] | [c, ' '] if sign(c) => Some(c),
        _ => None,
    })
}

/// May the word be written with digits?
fn is_by_digits(word: &[char]) -> bool {
    word.iter().all(|&c| BY_DIGITS.contains(c))
}

/// The letters of a word of a term.
fn set_of(word: &[char]) -> Letters {
    word.iter().fold(Letters::NONE, |all, &c| {
        all.then(Letters::of(Letters::class_in_terms(c)))
    })
}

pub(super) fn is_of_one_script(term: &[char]) -> bool {
    use unicode_script::UnicodeScript;
    let mut letters = term.iter().filter(|c| c.is_alphabetic());
    if letters.clone().all(char::is_ascii_lowercase) || letters.all(|c| ('а'..='я').contains(c)) {
        return true;
    }
    let mut scripts = term.iter().filter(|c| c.is_alphabetic()).map(|c| c.script());
    let first = scripts.next();
    scripts.all(|script| Some(script) == first)
}
