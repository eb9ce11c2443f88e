//! The rules of [`super::lint`] that look for terms in each other and in words.

use super::rules::{EXAMPLES, counts, find, finding, matcher, quoted, stands_with};
use super::{Finding, LintError, LintOptions, Remedy, Severity};
use crate::evasion::{Steps, reading};
use crate::item::trimmed;
use crate::{Hit, Interrupt, Item, Level, MatchMode, Matcher};
use std::collections::{HashMap, HashSet};

/// Share of all words from which on what an item hits is common: one in ten thousand.
const COMMON_SHARE: f64 = 1e-4;

/// Languages whose everyday words are known without the caller's help.
const EVERYDAY: [&str; 10] = ["en", "ru", "uk", "de", "fr", "es", "it", "pt", "pl", "tr"];

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
