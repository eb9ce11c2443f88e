//! From decoded items to everything that matching needs.

use super::automaton::Patterns;
use super::inflected::Inflected;
use super::{Entry, MAX_REGEXES, Matcher, RuleEntry};
use crate::detect::{self, Detectors};
use crate::evasion::{Evasion, FORM};
use crate::glob::Glob;
use crate::inflect::{Language, disguised_forms};
use crate::item::{folded_term, leaf_term, trimmed};
use crate::typo::Typos;
use crate::{Item, Level, MAX_PATTERN_BYTES, MatchMode, OpenError, Term, pattern, rule, validate_term};
use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Builder {
    entries: Vec<Entry>,
    index: Vec<(u16, i64, u32)>,
    numbers: HashMap<String, u32>,
    strings: Vec<String>,
    pairs: Vec<(u32, u32)>,
    pattern_bytes: usize,
    evasive: Vec<(String, u32, MatchMode)>,
    globs: Vec<Glob>,
    inflected: Inflected,
    evasive_forms: bool,
    typos: Typos,
    detectors: Detectors,
    regexes: Vec<(regex_automata::meta::Regex, u32)>,
    rules: Vec<RuleEntry>,
    leaves: u32,
}

fn no_memory<E>(_: E) -> OpenError {
    OpenError::OutOfMemory
}

fn damaged<E>(_: E) -> OpenError {
    OpenError::Damaged("term")
}

impl Builder {
    pub(super) fn new(items: usize) -> Result<Self, OpenError> {
        let mut out = Self::default();
        out.entries.try_reserve_exact(items).map_err(no_memory)?;
        out.index.try_reserve_exact(items).map_err(no_memory)?;
        out.numbers.try_reserve(items).map_err(no_memory)?;
        out.pairs.try_reserve_exact(items).map_err(no_memory)?;
        Ok(out)
    }

    pub(super) fn add(&mut self, item: &Item) -> Result<(), OpenError> {
        validate_term(&item.term).map_err(damaged)?;
        self.index.push((item.slot, item.id, self.entries.len() as u32));
        self.entry(item, &item.term, None)
    }

    fn entry(&mut self, item: &Item, term: &Term, leaf: Option<u32>) -> Result<(), OpenError> {
        let number = self.entries.len() as u32;
        let text = trimmed(&term.text);
        self.entries.try_reserve(1).map_err(no_memory)?;
        self.entries.push(Entry {
            id: item.id,
            slot: item.slot,
            allow: item.allow,
            mode: term.mode,
            level: term.level,
            weight: item.weight,
            text: text.into(),
            leaf,
            detail: 0,
        });
        let mut detail = 0;
        match term.mode {
            mode if mode.is_plain() => {
                let folded = folded_term(text);
                if term.level == Level::Evasion {
                    self.evasive.try_reserve(1).map_err(no_memory)?;
                    self.evasive.push((folded.clone(), number, mode));
                }
                self.pattern(folded, number)?;
            }
            MatchMode::Wildcard => {
                let glob = Glob::parse(text).map_err(damaged)?;
                detail = self.globs.len() as u32;
                self.pattern(glob.anchor.clone(), number)?;
                self.globs.try_reserve(1).map_err(no_memory)?;
                self.globs.push(glob);
            }
            MatchMode::Inflected => {
                let language = term
                    .language
                    .or(Language::of(text))
                    .ok_or(OpenError::Damaged("language"))?;
                let folded = folded_term(text);
                self.inflected.add(&folded, language, number).map_err(no_memory)?;
                if term.level == Level::Evasion {
                    self.evasive_forms = true;
                    let forms = disguised_forms(&folded, language);
                    self.evasive.try_reserve(forms.len() + 1).map_err(no_memory)?;
                    let form = |text| (text, number | FORM, MatchMode::Inflected);
                    self.evasive.extend(forms.into_iter().map(form));
                    self.evasive.push((folded, number, MatchMode::Inflected));
                }
            }
            MatchMode::Typo => {
                let folded = folded_term(text);
                self.typos.add(folded.clone(), number).map_err(no_memory)?;
                self.pattern(folded, number)?;
            }
            MatchMode::Regex => {
                if self.regexes.len() >= MAX_REGEXES {
                    return Err(OpenError::Damaged("too many regular expressions"));
                }
                let regex = pattern::compile(text, term.level).map_err(damaged)?;
                self.regexes.try_reserve(1).map_err(no_memory)?;
                self.regexes.push((regex, number));
            }
            MatchMode::Rule => {
                let parsed = rule::parse(text).map_err(damaged)?;
                self.rules.try_reserve(1).map_err(no_memory)?;
                self.rules.push(RuleEntry {
                    rule: parsed.rule,
                    entry: number,
                    first_leaf: self.leaves,
                    leaves: parsed.leaves.len(),
                });
                let first = self.leaves;
                self.leaves += parsed.leaves.len() as u32;
                for (n, leaf) in parsed.leaves.iter().enumerate() {
                    self.entry(item, &leaf_term(term, leaf), Some(first + n as u32))?;
                }
            }
            mode => {
                let detector = detect::parse(mode, text).map_err(damaged)?;
                self.detectors.add(detector, number).map_err(no_memory)?;
            }
        }
        if let Some(entry) = self.entries.get_mut(number as usize) {
            entry.detail = detail;
        }
        Ok(())
    }

    /// Files an entry under a pattern of the automaton.
    fn pattern(&mut self, folded: String, entry: u32) -> Result<(), OpenError> {
        let number = match self.numbers.get(&folded) {
            Some(&number) => number,
            None => {
                let number = self.strings.len() as u32;
                self.pattern_bytes = self.pattern_bytes.saturating_add(folded.len());
                self.strings.try_reserve(1).map_err(no_memory)?;
                self.strings.push(folded.clone());
                self.numbers.try_reserve(1).map_err(no_memory)?;
                self.numbers.insert(folded, number);
                number
            }
        };
        if self.pattern_bytes > MAX_PATTERN_BYTES {
            return Err(OpenError::Damaged("terms too long"));
        }
        self.pairs.try_reserve(1).map_err(no_memory)?;
        self.pairs.push((number, entry));
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Matcher, OpenError> {
        self.index.sort_unstable();
        self.pairs.sort_unstable();
        let mut bounds = Vec::new();
        bounds
            .try_reserve_exact(self.strings.len() + 2)
            .map_err(no_memory)?;
        bounds.push(0u32);
        let mut targets = Vec::new();
        targets.try_reserve_exact(self.pairs.len()).map_err(no_memory)?;
        for &(number, entry) in &self.pairs {
            while bounds.len() <= number as usize {
                bounds.push(targets.len() as u32);
            }
            targets.push(entry);
        }
        bounds.push(targets.len() as u32);
        let patterns = if self.strings.is_empty() {
            None
        } else {
            Some(Patterns::build(&self.strings)?)
        };
        Ok(Matcher {
            evasion: Evasion::new(self.evasive).map_err(no_memory)?,
            entries: self.entries,
            targets,
            bounds,
            patterns,
            globs: self.globs,
            inflected: self.inflected,
            evasive_forms: self.evasive_forms,
            typos: self.typos,
            detectors: self.detectors,
            regexes: self.regexes,
            rules: self.rules,
            leaves: self.leaves as usize,
            index: self.index,
            pattern_bytes: self.pattern_bytes,
        })
    }
}
