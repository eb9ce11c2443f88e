//! What the terms of a compiled set need besides what is in it, in memory of this process: wildcards, regular
//! expressions, rules. Nothing for a set that has none of them.

use super::MAX_REGEXES;
use crate::compiled::Image;
use crate::glob::Glob;
use crate::reserve::push;
use crate::rule::{self, Rule};
use crate::{MatchMode, OpenError, pattern};
use std::ops::Range;
use std::sync::OnceLock;

/// What is made of the text of an entry when it is first asked for: most texts ask for little of it.
struct Lazy<T> {
    entry: u32,
    made: OnceLock<Option<Box<T>>>,
}

impl<T> Lazy<T> {
    fn new(entry: u32) -> Self {
        let made = OnceLock::new();
        Self { entry, made }
    }

    /// `None` when the text is damaged.
    fn get<E>(&self, image: &Image<'_>, make: impl FnOnce(&str) -> Result<T, E>) -> Option<&T> {
        let made = self.made.get_or_init(|| {
            let text = std::str::from_utf8(image.entry(self.entry)?.text).ok()?;
            make(text).ok().map(Box::new)
        });
        made.as_deref()
    }
}

pub(crate) struct Extras {
    /// By entry.
    globs: Vec<Lazy<Glob>>,
    pub(super) regexes: Vec<(regex_automata::meta::Regex, u32)>,
    /// Each with the number of its first leaf, by that.
    rules: Vec<(u32, Lazy<Rule>)>,
}

/// A rule, and which leaves are its own.
pub(super) struct RuleEntry<'e> {
    pub(super) rule: &'e Rule,
    pub(super) entry: u32,
    pub(super) leaves: Range<u32>,
}

fn no_memory<E>(_: E) -> OpenError {
    OpenError::OutOfMemory
}

fn damaged<E>(_: E) -> OpenError {
    OpenError::Damaged("term")
}

impl Extras {
    pub(super) fn new(image: &Image<'_>) -> Result<Self, OpenError> {
        let mut out = Self {
            globs: Vec::new(),
            regexes: Vec::new(),
            rules: Vec::new(),
        };
        for number in image.special() {
            let entry = image.entry(number).ok_or(OpenError::Damaged("special entry"))?;
            let text = std::str::from_utf8(entry.text).map_err(damaged)?;
            match entry.mode {
                MatchMode::Wildcard => push(&mut out.globs, Lazy::new(number)).map_err(no_memory)?,
                MatchMode::Regex => {
                    if out.regexes.len() >= MAX_REGEXES {
                        return Err(OpenError::Damaged("too many regular expressions"));
                    }
                    let regex = pattern::compile(text, entry.level).map_err(damaged)?;
                    out.regexes.try_reserve(1).map_err(no_memory)?;
                    out.regexes.push((regex, number));
                }
                MatchMode::Rule => {
                    push(&mut out.rules, (entry.detail, Lazy::new(number))).map_err(no_memory)?;
                }
                _ => return Err(OpenError::Damaged("special entry")),
            }
        }
        out.globs.sort_unstable_by_key(|glob| glob.entry);
        out.rules.sort_unstable_by_key(|rule| rule.0);
        Ok(out)
    }

    /// The wildcard of an entry.
    pub(super) fn glob(&self, image: &Image<'_>, entry: u32) -> Option<&Glob> {
        let at = self.globs.binary_search_by_key(&entry, |glob| glob.entry).ok()?;
        self.globs.get(at)?.get(image, Glob::parse)
    }

    pub(super) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// The rule that a leaf belongs to.
    pub(super) fn rule(&self, image: &Image<'_>, leaf: u32) -> Option<RuleEntry<'_>> {
        let next = self.rules.partition_point(|rule| rule.0 <= leaf);
        let (first, rule) = self.rules.get(next.checked_sub(1)?)?;
        let end = self
            .rules
            .get(next)
            .map_or(image.facts().leaves as u32, |rule| rule.0);
        Some(RuleEntry {
            rule: rule.get(image, |text| rule::parse(text).map(|parsed| parsed.rule))?,
            entry: rule.entry,
            leaves: *first..end,
        })
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.regexes.iter().map(|(r, _)| r.memory_usage()).sum::<usize>()
            + size_of_val(&*self.globs)
            + size_of_val(&*self.rules)
    }
}
