//! What the terms of a compiled set need besides what is in it, in memory of this process: disguises, wildcards,
//! regular expressions, rules. Nothing for a set that has none of them.

use super::MAX_REGEXES;
use crate::compiled::Image;
use crate::evasion::{Evasion, FORM};
use crate::glob::Glob;
use crate::inflect::{Language, disguised_forms};
use crate::item::folded_term;
use crate::rule::{self, Rule};
use crate::{MatchMode, OpenError, pattern};

/// A rule and its words.
pub(super) struct RuleEntry {
    pub(super) rule: Rule,
    pub(super) entry: u32,
    pub(super) first_leaf: u32,
    pub(super) leaves: usize,
}

pub(crate) struct Extras {
    pub(super) evasion: Evasion,
    /// By entry.
    globs: Vec<(u32, Glob)>,
    pub(super) regexes: Vec<(regex_automata::meta::Regex, u32)>,
    pub(super) rules: Vec<RuleEntry>,
}

fn no_memory<E>(_: E) -> OpenError {
    OpenError::OutOfMemory
}

fn damaged<E>(_: E) -> OpenError {
    OpenError::Damaged("term")
}

impl Extras {
    pub(super) fn new(image: &Image<'_>) -> Result<Self, OpenError> {
        let mut evasive: Vec<(String, u32, MatchMode)> = Vec::new();
        let mut out = Self {
            evasion: Evasion::new(Vec::new()).map_err(no_memory)?,
            globs: Vec::new(),
            regexes: Vec::new(),
            rules: Vec::new(),
        };
        for number in image.special() {
            let entry = image.entry(number).ok_or(OpenError::Damaged("special entry"))?;
            let text = std::str::from_utf8(entry.text).map_err(damaged)?;
            match entry.mode {
                mode if mode.is_plain() => {
                    evasive.try_reserve(1).map_err(no_memory)?;
                    evasive.push((folded_term(text), number, mode));
                }
                MatchMode::Wildcard => {
                    out.globs.try_reserve(1).map_err(no_memory)?;
                    out.globs.push((number, Glob::parse(text).map_err(damaged)?));
                }
                // Those of level evasion: as disguised words they are terms like others.
                MatchMode::Inflected => {
                    let language = entry.language.or(Language::of(text));
                    let language = language.ok_or(OpenError::Damaged("language"))?;
                    let folded = folded_term(text);
                    let forms = disguised_forms(&folded, language);
                    evasive.try_reserve(forms.len() + 1).map_err(no_memory)?;
                    let form = |text| (text, number | FORM, MatchMode::Inflected);
                    evasive.extend(forms.into_iter().map(form));
                    evasive.push((folded, number, MatchMode::Inflected));
                }
                MatchMode::Regex => {
                    if out.regexes.len() >= MAX_REGEXES {
                        return Err(OpenError::Damaged("too many regular expressions"));
                    }
                    let regex = pattern::compile(text, entry.level).map_err(damaged)?;
                    out.regexes.try_reserve(1).map_err(no_memory)?;
                    out.regexes.push((regex, number));
                }
                MatchMode::Rule => {
                    let parsed = rule::parse(text).map_err(damaged)?;
                    out.rules.try_reserve(1).map_err(no_memory)?;
                    out.rules.push(RuleEntry {
                        rule: parsed.rule,
                        entry: number,
                        first_leaf: entry.detail,
                        leaves: parsed.leaves.len(),
                    });
                }
                _ => return Err(OpenError::Damaged("special entry")),
            }
        }
        out.evasion = Evasion::new(evasive).map_err(no_memory)?;
        out.globs.sort_by_key(|g| g.0);
        Ok(out)
    }

    /// The wildcard of an entry.
    pub(super) fn glob(&self, entry: u32) -> Option<&Glob> {
        let at = self.globs.binary_search_by_key(&entry, |g| g.0).ok()?;
        self.globs.get(at).map(|g| &g.1)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.evasion.heap_bytes() + self.regexes.iter().map(|(r, _)| r.memory_usage()).sum::<usize>()
    }
}
