//! The inflected terms of a set: from words of a text to the words of terms that they are forms of, and on to terms.
//!
//! Two words are forms of one word when they share a key of their grammar (`crate::inflect`). Asking the grammar about every word of
//! a text costs a microsecond each, so a filter is asked first, with hashes of the word's beginnings: it knows what a form shares
//! with the stems of all keys ([`Grammar::shared`]), and the words themselves as they are. Most words of a text end there,
//! after one probe for each letter, unless some term is of a language that keeps no beginnings.
//!
//! The section has these parts:
//!
//! - *head*: [`EVASIVE`] and [`FREE`] (1 byte), then the languages, a byte each.
//! - *words*: the distinct words of all terms, [`WORD`] bytes each and one more as the end: where its text starts; where
//!   its entries start; language (1 byte), [`COMMON`] and [`BEGINS`] (1 byte), 2 bytes zero.
//! - *texts*: the folded words. *singles*: entries of terms of one word, by word.
//! - *phrases*: terms of more words, [`PHRASE`] bytes each and one more as the end: entry, where its words start. *phrase words*:
//!   numbers of words. *pairs*: table from the first two words of a phrase to phrases.
//! - *keys*: table from keys, and from whole words, to words. *filter*: over the beginnings that these have.

use super::filter::{self, Filter, Table};
use super::tokens::mix;
use super::write::{no_memory, push as push_bytes};
use super::{number, parts};
use crate::CompileError;
use crate::inflect::{Grammar, Language};
use crate::reserve::push;
use std::collections::{BTreeSet, HashMap, TryReserveError};

const PARTS: usize = 9;
const WORD: usize = 12;
const PHRASE: usize = 8;

/// The word of a term is a common one: only then common words of a text are its forms.
const COMMON: u8 = 1;
/// Some phrase begins with the word.
const BEGINS: u8 = 2;

/// Some term is of level evasion.
const EVASIVE: u8 = 1;
/// Some term is of a language in which a form may begin otherwise than its stem.
const FREE: u8 = 2;

/// A hash of letters from the first on.
#[derive(Clone, Copy)]
struct Letters(u64);

/// What a hash is of.
#[derive(Clone, Copy)]
enum Kind {
    /// The beginning that a form shares with a stem.
    Shared,
    /// A whole word.
    Whole,
    /// The stem of a key, in a language and one of its classes.
    Key(Language, u8),
}

impl Letters {
    const NONE: Self = Self(0);

    #[inline]
    fn then(self, letter: char) -> Self {
        // FxHash (Firefox): a rotation and a multiplication for a letter; `key` makes all bits good.
        Self((self.0.rotate_left(5) ^ u64::from(letter)).wrapping_mul(0x517c_c1b7_2722_0a95))
    }

    fn of(letters: &str) -> Self {
        letters.chars().fold(Self::NONE, Self::then)
    }

    #[inline]
    fn key(self, kind: Kind) -> u64 {
        let kind = match kind {
            Kind::Shared => 1,
            Kind::Whole => 2,
            Kind::Key(language, class) => u64::from(class) << 16 | (language as u64) << 8 | 3,
        };
        mix(self.0 ^ kind.rotate_left(40))
    }
}

/// A pair of words that a phrase begins with.
fn pair(first: u32, second: u32) -> u64 {
    mix(u64::from(first) << 32 | u64::from(second))
}

/// The words of a folded term.
pub(crate) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ' ' || is_hyphen(c))
        .filter(|w| !w.is_empty())
}

pub(crate) fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// A folded term, its language and its entry.
pub(super) struct InflectedTerm {
    pub(super) folded: String,
    pub(super) language: Language,
    pub(super) entry: u32,
    pub(super) evasive: bool,
}

#[derive(Default)]
struct Builder<'t> {
    numbers: HashMap<(Language, &'t str), u32>,
    words: Vec<(Language, &'t str, u8)>,
    /// Word and entry.
    singles: Vec<(u32, u32)>,
    /// Entry, and the words.
    phrases: Vec<(u32, Vec<u32>)>,
    keys: Vec<(u64, u32)>,
    beginnings: BTreeSet<u64>,
}

impl<'t> Builder<'t> {
    fn number(&mut self, language: Language, word: &'t str) -> Result<u32, CompileError> {
        if let Some(&number) = self.numbers.get(&(language, word)) {
            return Ok(number);
        }
        let number = self.words.len() as u32;
        let grammar = Grammar::of(language);
        let common = if grammar.is_common_term(word) { COMMON } else { 0 };
        self.numbers.try_reserve(1).map_err(no_memory)?;
        self.numbers.insert((language, word), number);
        self.words.try_reserve(1).map_err(no_memory)?;
        self.words.push((language, word, common));
        let keys = grammar.keys_of_term(word);
        self.keys.try_reserve(keys.len() + 1).map_err(no_memory)?;
        let whole = Letters::of(word).key(Kind::Whole);
        self.keys.push((whole, number));
        self.beginnings.insert(whole);
        for key in keys {
            let stem = Letters::of(&key.stem);
            self.keys.push((stem.key(Kind::Key(language, key.class)), number));
            let shared = grammar.shared(&key);
            if shared.is_empty() {
                self.beginnings.insert(stem.key(Kind::Whole));
            }
            let shared = shared.iter().map(|s| Letters::of(s).key(Kind::Shared));
            self.beginnings.extend(shared);
        }
        Ok(number)
    }

    fn add(&mut self, term: &'t InflectedTerm) -> Result<(), CompileError> {
        let mut words = Vec::new();
        for word in split(&term.folded) {
            words.push(self.number(term.language, word)?);
        }
        match *words.as_slice() {
            [] => {}
            [word] => push(&mut self.singles, (word, term.entry)).map_err(no_memory)?,
            [first, ..] => {
                if let Some(word) = self.words.get_mut(first as usize) {
                    word.2 |= BEGINS;
                }
                push(&mut self.phrases, (term.entry, words)).map_err(no_memory)?;
            }
        }
        Ok(())
    }

    fn finish(mut self, head: Vec<u8>) -> Result<Vec<u8>, CompileError> {
        self.singles.sort_unstable();
        let (mut records, mut texts) = (Vec::new(), Vec::new());
        records
            .try_reserve_exact((self.words.len() + 1) * WORD)
            .map_err(no_memory)?;
        let mut single = 0;
        for (number, (language, text, flags)) in (0u32..).zip(&self.words) {
            records.extend_from_slice(&(texts.len() as u32).to_le_bytes());
            records.extend_from_slice(&(single as u32).to_le_bytes());
            records.extend_from_slice(&[*language as u8, *flags, 0, 0]);
            push_bytes(&mut texts, text.as_bytes())?;
            single += self.singles.get(single..).map_or(0, |rest| {
                rest.iter().take_while(|(word, _)| *word == number).count()
            });
        }
        records.extend_from_slice(&(texts.len() as u32).to_le_bytes());
        records.extend_from_slice(&(single as u32).to_le_bytes());
        records.extend_from_slice(&[0; 4]);
        let (mut phrases, mut phrase_words, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (entry, words)) in (0u32..).zip(&self.phrases) {
            push_bytes(&mut phrases, &entry.to_le_bytes())?;
            push_bytes(&mut phrases, &((phrase_words.len() / 4) as u32).to_le_bytes())?;
            for word in words {
                push_bytes(&mut phrase_words, &word.to_le_bytes())?;
            }
            if let [first, second, ..] = **words {
                push(&mut pairs, (pair(first, second), number)).map_err(no_memory)?;
            }
        }
        push_bytes(&mut phrases, &[0; 4])?;
        push_bytes(&mut phrases, &((phrase_words.len() / 4) as u32).to_le_bytes())?;
        let singles = self.singles.iter().flat_map(|(_, entry)| entry.to_le_bytes());
        parts::join::<PARTS>([
            head,
            records,
            texts,
            singles.collect(),
            phrases,
            phrase_words,
            filter::build_table(&pairs),
            filter::build_table(&self.keys),
            filter::build_filter(self.beginnings.iter().copied()),
        ])
    }
}

/// The section for these terms; empty for none.
pub(super) fn build(
    terms: &[InflectedTerm],
    ask: &mut impl FnMut(usize) -> Result<(), CompileError>,
) -> Result<Vec<u8>, CompileError> {
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    let languages: BTreeSet<u8> = terms.iter().map(|term| term.language as u8).collect();
    let evasive = terms.iter().any(|term| term.evasive);
    let free = terms
        .iter()
        .any(|term| !Grammar::of(term.language).keeps_beginnings());
    let flags = if evasive { EVASIVE } else { 0 } | if free { FREE } else { 0 };
    let head = std::iter::once(flags).chain(languages).collect();
    let mut builder = Builder::default();
    for (n, term) in terms.iter().enumerate() {
        ask(n)?;
        builder.add(term)?;
    }
    builder.finish(head)
}

/// A word of a text that is some form of a word of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// Number of the term's word.
    pub(crate) word: u32,
    /// The very form that the term is written in.
    pub(crate) exact: bool,
}

/// The section, in place.
#[derive(Clone, Copy)]
pub(crate) struct Inflected<'b> {
    head: &'b [u8],
    words: &'b [u8],
    texts: &'b [u8],
    singles: &'b [u8],
    phrases: &'b [u8],
    phrase_words: &'b [u8],
    pairs: Table<'b>,
    keys: Table<'b>,
    beginnings: Filter<'b>,
}

fn numbers(bytes: &[u8], from: u32, to: u32) -> impl Iterator<Item = u32> {
    let list = bytes.get(from as usize * 4..to as usize * 4).unwrap_or_default();
    list.as_chunks().0.iter().map(|&four| u32::from_le_bytes(four))
}

/// A word of a term.
struct Word<'b> {
    text: &'b [u8],
    language: u8,
    flags: u8,
}

impl<'b> Inflected<'b> {
    pub(super) fn new(section: &'b [u8]) -> Self {
        let [
            head,
            words,
            texts,
            singles,
            phrases,
            phrase_words,
            pairs,
            keys,
            filter,
        ] = parts::split::<PARTS>(section);
        Self {
            head,
            words,
            texts,
            singles,
            phrases,
            phrase_words,
            pairs: Table::new(pairs),
            keys: Table::new(keys),
            beginnings: Filter::new(filter),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    fn flags(&self) -> u8 {
        self.head.first().copied().unwrap_or(0)
    }

    /// Is some term of level evasion?
    pub(crate) fn is_evasive(&self) -> bool {
        self.flags() & EVASIVE != 0
    }

    fn word(&self, word: u32) -> Option<Word<'b>> {
        let at = word as usize * WORD;
        let text = number(self.words, at) as usize..number(self.words, at + WORD) as usize;
        let &[language, flags] = self.words.get(at + 8..)?.first_chunk()?;
        Some(Word {
            text: self.texts.get(text)?,
            language,
            flags,
        })
    }

    /// The words of terms that a word of a text (folded) is a form of, each once; possibly a few others, which [`Self::is_form`]
    /// tells.
    pub(crate) fn forms(&self, text: &str, out: &mut Vec<Form>) -> Result<(), TryReserveError> {
        out.clear();
        let mut letters = Letters::NONE;
        // Whose bit is set, with so many letters less one, may be what a form shares with a stem.
        let mut shared = 0u128;
        for (n, letter) in text.chars().enumerate() {
            letters = letters.then(letter);
            let known = self.beginnings.may_have(letters.key(Kind::Shared));
            shared |= u128::from(known).checked_shl(n as u32).unwrap_or(0);
        }
        let whole = letters.key(Kind::Whole);
        let known = self.beginnings.may_have(whole);
        let owner = text.strip_suffix("'s").or(text.strip_suffix("’s"));
        let owner = owner.is_some_and(|w| self.beginnings.may_have(Letters::of(w).key(Kind::Whole)));
        let begins = shared != 0 || known || owner;
        if !begins && self.flags() & FREE == 0 {
            return Ok(());
        }
        if known {
            let same = |word: &u32| self.word(*word).is_some_and(|w| w.text == text.as_bytes());
            for word in self.keys.get(whole).filter(same) {
                push(out, Form { word, exact: true })?;
            }
        }
        let mut full = Ok(());
        for language in self.languages() {
            let grammar = Grammar::of(language);
            if !begins && grammar.keeps_beginnings() {
                continue;
            }
            let mut is_common = None;
            let may_be_stem = |letters: usize| shared.checked_shr(letters as u32 - 1).unwrap_or(0) & 1 != 0;
            grammar.keys_of_text(text, may_be_stem, |class, stem| {
                for word in self.keys.get(Letters::of(stem).key(Kind::Key(language, class))) {
                    let Some(of_term) = self.word(word) else { continue };
                    if out.iter().all(|f| f.word != word)
                        && of_term.language == language as u8
                        && (of_term.flags & COMMON != 0
                            || !*is_common.get_or_insert_with(|| grammar.is_common(text)))
                    {
                        let pushed = push(out, Form { word, exact: false });
                        full = std::mem::replace(&mut full, Ok(())).and(pushed);
                    }
                }
            });
        }
        full
    }

    fn languages(&self) -> impl Iterator<Item = Language> + use<'b> {
        let list = self.head.get(1..).unwrap_or_default();
        list.iter().filter_map(|&number| Language::from_u8(number))
    }

    /// Is the word of a text really a form of that word of a term? What was found by hashes is asked so before it is a hit.
    pub(crate) fn is_form(&self, text: &str, form: Form) -> bool {
        if form.exact {
            return true;
        }
        let word = self.word(form.word);
        word.is_some_and(
            |Word {
                 text: term, language, ..
             }| {
                let (language, term) = (Language::from_u8(language), std::str::from_utf8(term));
                language.is_some_and(|l| term.is_ok_and(|term| Grammar::of(l).share_key(term, text)))
            },
        )
    }

    /// Entries of the terms that consist of this word.
    pub(crate) fn singles(&self, word: u32) -> impl Iterator<Item = u32> + use<'b> {
        let at = word as usize * WORD + 4;
        numbers(
            self.singles,
            number(self.words, at),
            number(self.words, at + WORD),
        )
    }

    /// Does some phrase begin with this word?
    pub(crate) fn begins(&self, word: u32) -> bool {
        let flags = self.words.get(word as usize * WORD + 9).copied().unwrap_or(0);
        flags & BEGINS != 0
    }

    /// Phrases that begin with these two words: their entries, and all their words.
    pub(crate) fn phrases(&self, first: u32, second: u32) -> impl Iterator<Item = (u32, PhraseWords<'b>)> {
        let all = self.pairs.get(pair(first, second)).map(|phrase| {
            let at = phrase as usize * PHRASE;
            let words = number(self.phrases, at + 4)..number(self.phrases, at + PHRASE + 4);
            let bytes = self
                .phrase_words
                .get(words.start as usize * 4..words.end as usize * 4);
            (number(self.phrases, at), PhraseWords(bytes.unwrap_or_default()))
        });
        all.filter(move |(_, words)| words.iter().take(2).eq([first, second]))
    }
}

/// The words of a phrase, by their numbers.
#[derive(Clone, Copy)]
pub(crate) struct PhraseWords<'b>(&'b [u8]);

impl<'b> PhraseWords<'b> {
    pub(crate) fn iter(self) -> impl Iterator<Item = u32> + use<'b> {
        self.0.as_chunks().0.iter().map(|&four| u32::from_le_bytes(four))
    }
}

#[cfg(test)]
#[path = "inflected_tests.rs"]
mod tests;
