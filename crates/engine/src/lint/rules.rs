//! The rules of [`super::lint`], each over all items.

use super::{Finding, LintError, LintOptions, Remedy, Severity};
use crate::evasion::{Steps, reading};
use crate::fold::classes::is_word;
use crate::item::{folded_term, trimmed};
use crate::{FindOptions, Hit, Interrupt, Item, Level, MatchMode, Matcher, compile, pattern};
use std::collections::{HashMap, HashSet};
use unicode_script::{Script, UnicodeScript};

/// Share of all words from which on what an item hits is common: one in ten thousand.
const COMMON_SHARE: f64 = 1e-4;

/// Languages whose everyday words are known without the caller's help.
const EVERYDAY: [&str; 10] = ["en", "ru", "uk", "de", "fr", "es", "it", "pt", "pl", "tr"];

/// Words named in a message at most, and characters of a term.
const EXAMPLES: usize = 3;
const SHOWN_CHARS: usize = 60;

/// Hits looked at in one term: enough to see what stands in it.
const MAX_HITS: usize = 200;

/// Compiled size from which on a regular expression is large, in bytes.
const LARGE_REGEX: usize = 1024 * 1024;

fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

fn finding(severity: Severity, item: &Item, rule: &'static str, message: String, remedy: Remedy) -> Finding {
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
    fn because_of(self, other: &Item) -> Self {
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
fn stands_with(inner: MatchMode, outer: MatchMode, span: &std::ops::Range<usize>, length: usize) -> bool {
    let (needs_start, needs_end) = edges(inner);
    let (has_start, has_end) = edges(outer);
    (!needs_start || has_start || span.start > 0) && (!needs_end || has_end || span.end < length)
}

/// Would the item, compiled at level evasion to see more, really have made this hit?
fn counts(item: &Item, hit: &Hit) -> bool {
    hit.evidence.level <= item.term.level
}

/// A matcher of the items that `wanted` picks; a hit's item is the position in `items`.
fn matcher(
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

fn find(matcher: &Matcher, text: &str, interrupt: Interrupt<'_>) -> Result<Vec<Hit>, LintError> {
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

/// The rules for which terms are looked for in each other and in words.
pub(super) fn against_each_other(
    items: &[Item],
    duplicates: &HashSet<i64>,
    options: &LintOptions<'_>,
    findings: &mut Vec<Finding>,
    interrupt: Interrupt<'_>,
) -> Result<(), LintError> {
    let of_words = |mode| !matches!(mode, MatchMode::Rule | MatchMode::Regex);
    let terms = matcher(
        items,
        |item| !item.allow && of_words(item.term.mode),
        true,
        interrupt,
    )?;
    for (n, item) in items.iter().enumerate() {
        if item.allow || !item.term.mode.is_plain() || duplicates.contains(&item.id) {
            continue;
        }
        let hits = find(&terms, trimmed(&item.term.text), interrupt)?;
        contained(items, n, item, &hits, duplicates, options, findings);
    }
    too_common(items, &terms, options, findings, interrupt)?;
    if items.iter().any(|item| item.allow) {
        let others = matcher(
            items,
            |item| !item.allow && !of_words(item.term.mode),
            false,
            interrupt,
        )?;
        for item in items
            .iter()
            .filter(|item| item.allow && item.term.mode.is_plain())
        {
            let text = trimmed(&item.term.text);
            let hit = find(&terms, text, interrupt)?.iter().any(|hit| {
                let found = usize::try_from(hit.item).ok().and_then(|n| items.get(n));
                found.is_some_and(|found| counts(found, hit))
            });
            if !hit && find(&others, text, interrupt)?.is_empty() {
                let message = format!("no item hits in {}, so there is nothing to allow.", quoted(text));
                findings.push(finding(
                    Severity::Warning,
                    item,
                    "never_suppresses",
                    message,
                    Remedy::Remove,
                ));
            }
        }
    }
    Ok(())
}

/// Of two terms that look alike: is `item` the one too many? The disguised one is, else the younger one.
fn repeats(item: &Item, other: &Item) -> bool {
    let disguised = |item: &Item| {
        item.term
            .text
            .split_whitespace()
            .any(|word| reading(word).is_some())
    };
    match (disguised(item), disguised(other)) {
        (true, false) => true,
        (false, true) => false,
        _ => other.id < item.id,
    }
}

/// What hits in the term of `item`, the `n`th, besides itself.
fn contained(
    items: &[Item],
    n: usize,
    item: &Item,
    hits: &[Hit],
    duplicates: &HashSet<i64>,
    options: &LintOptions<'_>,
    findings: &mut Vec<Finding>,
) {
    let text = trimmed(&item.term.text);
    let mut within: Option<&Item> = None;
    let mut disguised: Option<&Item> = None;
    for hit in hits {
        let found = usize::try_from(hit.item).ok().filter(|&found| found != n);
        let Some(other) = found
            .and_then(|found| items.get(found))
            .filter(|o| !duplicates.contains(&o.id))
        else {
            continue;
        };
        let whole = hit.bytes == (0..text.len());
        let alike = whole && other.term.mode == item.term.mode && hit.evidence.level == Level::Evasion;
        if !counts(other, hit) {
            let shapes = Steps::LOOKALIKE.with(Steps::LEET);
            if alike && repeats(item, other) && shapes.contains(hit.evidence.steps) {
                disguised = disguised.or(Some(other));
            }
            continue;
        }
        if alike && other.term.level == item.term.level && !repeats(item, other) {
            continue;
        }
        let covers = other.term.level >= item.term.level || !other.term.mode.is_plain();
        if covers && stands_with(other.term.mode, item.term.mode, &hit.bytes, text.len()) {
            let shorter = |best: &Item| other.term.text.len() < best.term.text.len();
            if within.is_none_or(shorter) {
                within = Some(other);
            }
        }
    }
    if let Some(other) = within {
        let adds = options.sums_up || item.weight > other.weight;
        let message = format!(
            "wherever {} stands, item {} ({}, {}) hits as well{}.",
            quoted(text),
            other.id,
            quoted(&other.term.text),
            other.term.mode.name(),
            if adds {
                "; this one only adds to the score"
            } else {
                ""
            }
        );
        let (severity, remedy) = match adds {
            true => (Severity::Info, Remedy::Think),
            false => (Severity::Warning, Remedy::Remove),
        };
        findings.push(finding(severity, item, "contained", message, remedy).because_of(other));
    } else if let Some(other) = disguised {
        let message = format!(
            "{} is item {} ({}) in disguise, which level evasion of that item finds.",
            quoted(text),
            other.id,
            quoted(&other.term.text)
        );
        let remedy = Remedy::Raise {
            other: other.id,
            level: Level::Evasion,
        };
        findings.push(finding(Severity::Warning, item, "look_alike", message, remedy).because_of(other));
    }
}

/// What an item hits in a list of words.
#[derive(Default)]
struct Common {
    everyday: Vec<String>,
    words: Vec<String>,
    share: f64,
}

fn too_common(
    items: &[Item],
    terms: &Matcher,
    options: &LintOptions<'_>,
    findings: &mut Vec<Finding>,
    interrupt: Interrupt<'_>,
) -> Result<(), LintError> {
    if terms.is_empty() {
        return Ok(());
    }
    let mut common: HashMap<usize, Common> = HashMap::new();
    let mut add = |word: &str, share: Option<f64>, interrupt: Interrupt<'_>| -> Result<(), LintError> {
        for hit in find(terms, word, interrupt)? {
            let Ok(n) = usize::try_from(hit.item) else {
                continue;
            };
            if items.get(n).is_some_and(|item| counts(item, &hit)) {
                let found = common.entry(n).or_default();
                found.share += share.unwrap_or(0.0);
                let list = match share {
                    None => &mut found.everyday,
                    Some(_) => &mut found.words,
                };
                if list.len() < EXAMPLES && !list.iter().any(|known| known == word) {
                    list.push(word.to_owned());
                }
            }
        }
        Ok(())
    };
    for word in EVERYDAY
        .iter()
        .filter_map(|language| stop_words::lookup(language))
        .flatten()
    {
        // Single letters are in the lists for the sake of initials.
        if word.chars().nth(1).is_some() {
            add(word, None, interrupt)?;
        }
    }
    for (word, share) in options.words {
        add(word, Some(*share), interrupt)?;
    }
    let mut found: Vec<(usize, Common)> = common.into_iter().collect();
    found.sort_by_key(|(n, _)| *n);
    for (n, common) in found {
        let Some(item) = items.get(n) else { continue };
        let list = |words: &[String]| words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(", ");
        let message = if common.share >= COMMON_SHARE {
            let one_in = (1.0 / common.share).round().max(1.0);
            format!("hits about one word in {one_in}: {}.", list(&common.words))
        } else if !common.everyday.is_empty() {
            format!("hits everyday words: {}.", list(&common.everyday))
        } else {
            continue;
        };
        let plain = item.term.mode.is_plain() && item.term.mode != MatchMode::Word;
        findings.push(finding(
            Severity::Warning,
            item,
            "too_common",
            format!("{} {message}", quoted(&item.term.text)),
            if plain { Remedy::WholeWord } else { Remedy::Think },
        ));
    }
    Ok(())
}
