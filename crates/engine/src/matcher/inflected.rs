//! The inflected terms of a set: from words of a text to phrases in any grammatical form.

use crate::inflect::{Grammar, Language};
use crate::reserve::{file, push};
use std::collections::{HashMap, HashSet, TryReserveError};

/// From the keys of a grammar to the words that have them.
type Keys = HashMap<String, Vec<u32>>;

/// One term: its words, in order.
struct InflectedTerm {
    words: Vec<u32>,
    entry: u32,
}

#[derive(Default)]
pub(super) struct Inflected {
    grammars: Vec<(Language, &'static Grammar, Keys)>,
    /// Folded words, as the terms have them, by language.
    words: Vec<(Language, String)>,
    /// Is the word of a term common? Only then common words of a text are its forms.
    common: Vec<bool>,
    numbers: HashMap<(Language, String), u32>,
    exact: HashMap<String, Vec<u32>>,
    terms: Vec<InflectedTerm>,
    first: HashMap<u32, Vec<u32>>,
    /// First two letters of every word: most words of a text begin no term.
    beginnings: HashSet<(char, char)>,
    /// Words of the longest term.
    pub(super) longest: usize,
}

/// A word of a text that is some form of a word of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) word: u32,
    /// The very form that the term is written in.
    pub(super) exact: bool,
}

fn beginning(word: &str) -> (char, char) {
    let mut chars = word.chars();
    (chars.next().unwrap_or(' '), chars.next().unwrap_or(' '))
}

/// The words of a folded term.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ' ' || is_hyphen(c))
        .filter(|w| !w.is_empty())
}

pub(super) fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

impl Inflected {
    pub(super) fn add(
        &mut self,
        folded: &str,
        language: Language,
        entry: u32,
    ) -> Result<(), TryReserveError> {
        let position = match self.grammars.iter().position(|(l, ..)| *l == language) {
            Some(position) => position,
            None => {
                self.grammars
                    .push((language, Grammar::of(language), HashMap::new()));
                self.grammars.len() - 1
            }
        };
        let mut words = Vec::new();
        for word in split(folded) {
            let key = (language, word.to_string());
            let number = match self.numbers.get(&key) {
                Some(&number) => number,
                None => {
                    let number = self.words.len() as u32;
                    push(&mut self.words, key.clone())?;
                    self.numbers.try_reserve(1)?;
                    self.numbers.insert(key, number);
                    file(&mut self.exact, word.to_string(), number)?;
                    self.beginnings.try_reserve(1)?;
                    self.beginnings.insert(beginning(word));
                    if let Some((_, grammar, keys)) = self.grammars.get_mut(position) {
                        push(&mut self.common, grammar.is_common_term(word))?;
                        for key in grammar.keys_of_term(word) {
                            file(keys, key, number)?;
                        }
                    }
                    number
                }
            };
            push(&mut words, number)?;
        }
        let Some(&head) = words.first() else {
            return Ok(());
        };
        self.longest = self.longest.max(words.len());
        file(&mut self.first, head, self.terms.len() as u32)?;
        push(&mut self.terms, InflectedTerm { words, entry })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.words.iter().map(|(_, w)| w.len() * 4 + 128).sum::<usize>() + self.terms.len() * 96
    }

    /// The words of terms that a word of a text is a form of.
    pub(super) fn forms(&self, word: &str, out: &mut Vec<Form>) {
        out.clear();
        if !self.beginnings.contains(&beginning(word)) {
            return;
        }
        out.extend(
            self.exact
                .get(word)
                .into_iter()
                .flatten()
                .map(|&word| Form { word, exact: true }),
        );
        for (_, grammar, keys) in &self.grammars {
            let mut is_common = None;
            grammar.keys_of_text(word, |key| {
                for &number in keys.get(key).into_iter().flatten() {
                    let common = self.common.get(number as usize).copied().unwrap_or(false);
                    if out.iter().any(|f| f.word == number)
                        || !common && *is_common.get_or_insert_with(|| grammar.is_common(word))
                    {
                        continue;
                    }
                    out.push(Form {
                        word: number,
                        exact: false,
                    });
                }
            });
        }
    }

    /// Calls `found(entry, words, exact)` for every term whose words begin with `head` and go on as `next` says.
    pub(super) fn terms(
        &self,
        head: Form,
        mut next: impl FnMut(usize, u32) -> Option<bool>,
        mut found: impl FnMut(u32, usize, bool),
    ) {
        for &number in self.first.get(&head.word).into_iter().flatten() {
            let Some(term) = self.terms.get(number as usize) else {
                continue;
            };
            let mut exact = head.exact;
            let rest = term.words.iter().enumerate().skip(1);
            let whole = rest.map(|(n, &word)| next(n, word)).try_fold((), |(), form| {
                exact &= form?;
                Some(())
            });
            if whole.is_some() {
                found(term.entry, term.words.len(), exact);
            }
        }
    }
}
