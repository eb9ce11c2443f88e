//! The rules of [`super::lint`] that ask one item at a time, and what all rules share.

use super::{Finding, LintError, LintOptions, Remedy, Severity};
use crate::evasion::reading;
use crate::fold::classes::is_word;
use crate::item::{folded_term, trimmed};
use crate::{FindOptions, Hit, Interrupt, Item, Level, MatchMode, Matcher, compile, pattern};
use std::collections::{HashMap, HashSet};
use unicode_script::{Script, UnicodeScript};

/// Words named in a message at most, and characters of a term.
pub(super) const EXAMPLES: usize = 3;
const SHOWN_CHARS: usize = 60;

/// Hits looked at in one term: enough to see what stands in it.
const MAX_HITS: usize = 200;

/// Compiled size from which on a regular expression is large, in bytes.
const LARGE_REGEX: usize = 1024 * 1024;

pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

pub(super) fn finding(
    severity: Severity,
    item: &Item,
    rule: &'static str,
    message: String,
    remedy: Remedy,
) -> Finding {
    Finding {
        severity,
        item: item.id,
        other: None,
        rule,
        message,
        remedy,
    }
}

impl Finding {
    pub(super) fn because_of(self, other: &Item) -> Self {
        Self {
            other: Some(other.id),
            ..self
        }
    }
}

/// Which ends of a place of this mode must be word boundaries.
fn edges(mode: MatchMode) -> (bool, bool) {
    match mode {
        MatchMode::Prefix => (true, false),
        MatchMode::Suffix => (false, true),
        MatchMode::Substring | MatchMode::Regex => (false, false),
        _ => (true, true),
    }
}

/// Does `inner`, found at `span` of the text of `outer`, stand wherever `outer` does?
pub(super) fn stands_with(
    inner: MatchMode,
    outer: MatchMode,
    span: &std::ops::Range<usize>,
    length: usize,
) -> bool {
    let (needs_start, needs_end) = edges(inner);
    let (has_start, has_end) = edges(outer);
    (!needs_start || has_start || span.start > 0) && (!needs_end || has_end || span.end < length)
}

/// Would the item, compiled at level evasion to see more, really have made this hit?
pub(super) fn counts(item: &Item, hit: &Hit) -> bool {
    hit.evidence.level <= item.term.level
}

/// A matcher of the items that `wanted` picks; a hit's item is the position in `items`.
pub(super) fn matcher(
    items: &[Item],
    wanted: impl Fn(&Item) -> bool,
    raise: bool,
    interrupt: Interrupt<'_>,
) -> Result<Matcher, LintError> {
    let mut chosen = Vec::new();
    for (n, item) in items.iter().enumerate().filter(|(_, item)| wanted(item)) {
        let mut item = Item {
            id: n as i64,
            slot: 0,
            allow: false,
            ..item.clone()
        };
        if raise && item.term.mode.is_plain() {
            item.term.level = Level::Evasion;
        }
        chosen.push(item);
    }
    let bytes = compile(&chosen, interrupt)?;
    Ok(Matcher::open(&bytes)?)
}

pub(super) fn find(matcher: &Matcher, text: &str, interrupt: Interrupt<'_>) -> Result<Vec<Hit>, LintError> {
    let options = FindOptions {
        limit: MAX_HITS,
        places: 1,
        ..FindOptions::default()
    };
    Ok(matcher.find(text, &options, interrupt)?)
}

/// Letters and digits that the item fixes; `None` when some of them are words by themselves (Han, Thai, emoji).
fn fixed_letters(item: &Item) -> Option<usize> {
    let folded = folded_term(&item.term.text);
    let letters: Vec<char> = folded
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_ascii_punctuation())
        .collect();
    (!letters.is_empty() && letters.iter().all(|&c| is_word(c))).then_some(letters.len())
}

pub(super) fn too_short(items: &[Item], options: &LintOptions<'_>, findings: &mut Vec<Finding>) {
    for item in items.iter().filter(|item| !item.allow) {
        let mode = item.term.mode;
        if !mode.is_plain() && mode != MatchMode::Wildcard {
            continue;
        }
        let Some(letters) = fixed_letters(item) else {
            continue;
        };
        let term = quoted(&item.term.text);
        let least = match mode {
            MatchMode::Substring => 4,
            MatchMode::Prefix | MatchMode::Suffix | MatchMode::Wildcard => 3,
            _ => 2,
        };
        if letters <= 1 && mode.is_plain() && mode != MatchMode::Word {
            findings.push(finding(
                if options.blocks {
                    Severity::Error
                } else {
                    Severity::Warning
                },
                item,
                "matches_everything",
                format!("{term} in mode {} stands in nearly every text.", mode.name()),
                Remedy::Remove,
            ));
        } else if letters < least {
            let word = mode == MatchMode::Word;
            findings.push(finding(
                Severity::Warning,
                item,
                "too_short",
                format!(
                    "{term} has {letters} letters; in mode {} it hits much else below {least}.",
                    mode.name()
                ),
                if word || mode == MatchMode::Wildcard {
                    Remedy::Think
                } else {
                    Remedy::WholeWord
                },
            ));
        }
    }
}

/// Allow entries that cover a whole term wherever it stands.
pub(super) fn swallowed(
    items: &[Item],
    findings: &mut Vec<Finding>,
    interrupt: Interrupt<'_>,
) -> Result<(), LintError> {
    let covers = |item: &Item| item.allow && !matches!(item.term.mode, MatchMode::Rule | MatchMode::Regex);
    if !items.iter().any(covers) {
        return Ok(());
    }
    let allows = matcher(items, covers, false, interrupt)?;
    for item in items
        .iter()
        .filter(|item| !item.allow && item.term.mode.is_plain())
    {
        let text = trimmed(&item.term.text);
        let hits = find(&allows, text, interrupt)?;
        let cover = hits.iter().find_map(|hit| {
            let allow = items.get(usize::try_from(hit.item).ok()?)?;
            let whole = hit.bytes == (0..text.len());
            (whole && stands_with(allow.term.mode, item.term.mode, &hit.bytes, text.len())).then_some(allow)
        });
        if let Some(allow) = cover {
            let (term, entry) = (quoted(text), quoted(&allow.term.text));
            let (severity, message) = if allow.term.level >= item.term.level {
                let message = format!(
                    "{term} can never hit: allow entry {} ({entry}) covers it.",
                    allow.id
                );
                (Severity::Error, message)
            } else {
                let message = format!(
                    "{term} hits only in disguise: allow entry {} ({entry}) covers it as it is written.",
                    allow.id
                );
                (Severity::Warning, message)
            };
            findings.push(finding(severity, item, "swallowed", message, Remedy::Remove).because_of(allow));
        }
    }
    Ok(())
}

/// Items that say the same; returns those that repeat another one.
pub(super) fn duplicates(items: &[Item], findings: &mut Vec<Finding>) -> HashSet<i64> {
    let mut first: HashMap<_, &Item> = HashMap::new();
    let mut repeated = HashSet::new();
    let mut sorted: Vec<&Item> = items.iter().collect();
    sorted.sort_by_key(|item| item.id);
    for item in sorted {
        let term = &item.term;
        let text = match (term.level, term.mode) {
            (Level::Literal, _) | (_, MatchMode::Regex) => trimmed(&term.text).to_owned(),
            _ => folded_term(&term.text),
        };
        let language = term.language.map(crate::Language::code);
        match first.entry((item.allow, term.mode, term.level, language, text)) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(item);
            }
            std::collections::hash_map::Entry::Occupied(entry) => {
                let other = entry.get();
                repeated.insert(item.id);
                let message = format!(
                    "{} is the same as item {} ({}) after folding.",
                    quoted(&term.text),
                    other.id,
                    quoted(&other.term.text)
                );
                findings.push(
                    finding(Severity::Warning, item, "duplicate", message, Remedy::Remove).because_of(other),
                );
            }
        }
    }
    repeated
}

/// Words with letters of two scripts that read as a word of one.
pub(super) fn mixed_script(items: &[Item], findings: &mut Vec<Finding>) {
    let is_alphabet = |script| matches!(script, Script::Latin | Script::Cyrillic | Script::Greek);
    for item in items {
        let mode = item.term.mode;
        if !mode.is_plain() && !matches!(mode, MatchMode::Inflected | MatchMode::Typo) {
            continue;
        }
        let mut mended = String::new();
        let mut mixed = None;
        for word in item.term.text.split_inclusive(|c: char| !c.is_alphanumeric()) {
            let letters = word.trim_end_matches(|c: char| !c.is_alphanumeric());
            let scripts: HashSet<Script> = letters
                .chars()
                .map(|c| c.script())
                .filter(|&script| is_alphabet(script))
                .collect();
            match reading(letters).filter(|_| scripts.len() > 1) {
                Some(read) => {
                    mended.push_str(&read);
                    mended.push_str(word.get(letters.len()..).unwrap_or_default());
                    mixed = Some(letters);
                }
                None => mended.push_str(word),
            }
        }
        if let Some(word) = mixed {
            let message = format!(
                "{} mixes letters of two scripts; plainly written it is {}.",
                quoted(word),
                quoted(&mended)
            );
            findings.push(finding(
                Severity::Warning,
                item,
                "mixed_script",
                message,
                Remedy::Replace(mended),
            ));
        }
    }
}

pub(super) fn regex_cost(
    items: &[Item],
    findings: &mut Vec<Finding>,
    interrupt: Interrupt<'_>,
) -> Result<(), LintError> {
    for item in items.iter().filter(|item| item.term.mode == MatchMode::Regex) {
        if interrupt() {
            return Err(crate::MatchError::Interrupted.into());
        }
        let Ok(cost) = pattern::cost(&item.term.text, item.term.level) else {
            continue;
        };
        let message = if cost.bytes > LARGE_REGEX {
            let size = cost.bytes / 1024;
            format!("the expression takes {size} kB in every session; bound its repetitions and classes.")
        } else if !cost.fixed_start {
            "the expression has no fixed beginning: every character of every text is tried.".into()
        } else {
            continue;
        };
        findings.push(finding(
            Severity::Warning,
            item,
            "regex_cost",
            message,
            Remedy::Think,
        ));
    }
    Ok(())
}
