//! English: evasive spellings, innocent words, clean texts.

use crate::data::{Data, Error, field, flagged, hits, items, open, percent};
use crate::lists;
use pg_moderation_engine::{Level, MatchMode};
use std::collections::BTreeSet;

/// Evasive spellings against published lists, whole words.
pub fn english(data: &Data) -> Result<(), Error> {
    let surge = data.rows("obfuscation/en_surge_variants.jsonl")?;
    let of = |literal: bool| -> Vec<String> {
        let rows = surge
            .iter()
            .filter(|r| r.get("literal").and_then(|l| l.as_bool()) == Some(literal));
        rows.map(|r| field(r, "text")).collect()
    };
    let (evasive, literal) = (of(false), of(true));
    let ham: Vec<String> = data
        .rows("labelled/en_sms_spam/data.jsonl")?
        .iter()
        .filter(|r| field(r, "label") == "ham")
        .map(|r| field(r, "text"))
        .collect();
    println!("\n## English evasive spellings (surge), word mode");
    println!(
        "| list | level | evasive {} | plain {} | SMS ham {} |",
        evasive.len(),
        literal.len(),
        ham.len()
    );
    println!("|---|---|---|---|---|");
    let mut all = Vec::new();
    let mut lists = lists::english(data);
    for (_, terms) in &lists {
        all.extend(terms.iter().cloned());
    }
    all.sort();
    all.dedup();
    lists.push(("all", all));
    for (name, terms) in &lists {
        for level in [Level::Literal, Level::Folded, Level::Evasion] {
            let matcher = open(&items(terms, MatchMode::Word, level))?;
            println!(
                "| {name} | {level:?} | {} ({}) | {} | {} ({}) |",
                flagged(&matcher, &evasive),
                percent(flagged(&matcher, &evasive), evasive.len()),
                flagged(&matcher, &literal),
                flagged(&matcher, &ham),
                percent(flagged(&matcher, &ham), ham.len()),
            );
            if *name == "all" && level == Level::Evasion && std::env::var_os("VERBOSE").is_some() {
                for text in evasive.iter().filter(|t| hits(&matcher, t).is_empty()) {
                    println!("missed: {text}");
                }
            }
        }
    }
    Ok(())
}

/// One half of a set decides what stays in a package, the other half is what it is measured on.
fn halves(texts: Vec<String>) -> (Vec<String>, Vec<String>) {
    let (lint, rest): (Vec<_>, Vec<_>) = texts.into_iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let texts = |half: Vec<(usize, String)>| half.into_iter().map(|(_, text)| text).collect();
    (texts(lint), texts(rest))
}

/// A package as an operator builds it: published lists, words and their forms with evasion, roots that stand in many
/// listed words and in no clean word also inside words; less every item that hits a clean text. Clean texts are the
/// ham of SpamAssassin and one half of each innocent set; only the other half is counted. Printed beside what peers
/// reach.
pub fn package(data: &Data) -> Result<(), Error> {
    let ham = |name: &str| -> Result<Vec<String>, Error> {
        let rows = data.rows(&format!("labelled/{name}/data.jsonl"))?;
        Ok(rows
            .iter()
            .filter(|r| field(r, "label") == "ham")
            .map(|r| field(r, "text"))
            .collect())
    };
    let clean = ham("en_spamassassin")?;
    let mut terms: Vec<String> = Vec::new();
    for (_, list) in lists::english(data) {
        terms.extend(list.iter().map(|t| t.to_lowercase()));
    }
    terms.sort();
    terms.dedup();
    let all = items(&terms, MatchMode::Word, Level::Folded);
    let matcher = open(&all)?;
    let mut dirty: BTreeSet<i64> = BTreeSet::new();
    for text in &clean {
        dirty.extend(hits(&matcher, text).iter().map(|h| h.item));
    }
    let kept: Vec<String> = all
        .iter()
        .filter(|i| !dirty.contains(&i.id))
        .map(|i| i.term.text.clone())
        .collect();
    let words: BTreeSet<String> = clean
        .iter()
        .flat_map(|t| {
            t.split(|c: char| !c.is_alphabetic())
                .map(str::to_lowercase)
                .collect::<Vec<_>>()
        })
        .filter(|w| !terms.contains(w))
        .collect();
    let root = |t: &&String| {
        t.len() >= 4
            && t.chars().all(|c| c.is_ascii_lowercase())
            && terms
                .iter()
                .filter(|o| o.len() > t.len() && o.contains(t.as_str()))
                .count()
                >= 3
            && !words.iter().any(|w| w.contains(t.as_str()))
    };
    let roots: Vec<String> = terms.iter().filter(root).cloned().collect();
    let mut package = items(&kept, MatchMode::Word, Level::Evasion);
    let first = package.len() as i64;
    let numbered = |list: Vec<pg_moderation_engine::Item>, from: i64| {
        list.into_iter()
            .enumerate()
            .map(move |(n, i)| pg_moderation_engine::Item {
                id: from + n as i64,
                ..i
            })
    };
    package.extend(numbered(
        items(&roots, MatchMode::Substring, Level::Evasion),
        1_000_000 + first,
    ));
    let single: Vec<String> = kept
        .iter()
        .filter(|t| t.len() >= 4 && !t.contains(' '))
        .cloned()
        .collect();
    package.extend(numbered(
        items(&single, MatchMode::Inflected, Level::Evasion),
        2_000_000,
    ));
    let (dictionary_lint, dictionary) = halves(data.texts("falsepos/en_dictionary_substring_fp.jsonl")?);
    let (phrases_lint, phrases) = halves(data.texts("falsepos/en_rustrict_false_positives.jsonl")?);
    let (whitelist_lint, whitelist) = halves(data.texts("falsepos/en_obscenity_whitelist.jsonl")?);
    let (news_lint, news) = halves(data.texts("bulk/ru_telegram_news.jsonl")?);
    let lint = [clean, dictionary_lint, phrases_lint, whitelist_lint, news_lint];
    let before = package.len();
    let matcher = open(&package)?;
    let innocent: BTreeSet<i64> = lint
        .iter()
        .flatten()
        .flat_map(|t| hits(&matcher, t))
        .map(|h| h.item)
        .collect();
    package.retain(|i| !innocent.contains(&i.id));
    let matcher = open(&package)?;
    println!(
        "\n## English package ({} of {} terms and {} roots; {} of {before} items hit no clean text)",
        kept.len(),
        terms.len(),
        roots.len(),
        package.len(),
    );
    println!("| set | texts | flagged |");
    println!("|---|---|---|");
    let surge = data.rows("obfuscation/en_surge_variants.jsonl")?;
    let of = |literal: bool| -> Vec<String> {
        let rows = surge
            .iter()
            .filter(|r| r.get("literal").and_then(|l| l.as_bool()) == Some(literal));
        rows.map(|r| field(r, "text")).collect()
    };
    let labelled = |name: &str, label: &str| -> Result<Vec<String>, Error> {
        let rows = data.rows(name)?;
        Ok(rows
            .iter()
            .filter(|r| field(r, "label") == label)
            .map(|r| field(r, "text"))
            .collect())
    };
    let pairs = data.rows("obfuscation/en_hatecheck_spelling_pairs.jsonl")?;
    let sets: Vec<(&str, Vec<String>)> = vec![
        ("surge evasive", of(false)),
        ("surge plain", of(true)),
        (
            "rustrict positive",
            labelled("obfuscation/en_rustrict_test_positive.jsonl", "positive")?,
        ),
        (
            "hatecheck spelled",
            pairs.iter().map(|r| field(r, "text")).collect(),
        ),
        (
            "hatecheck plain",
            pairs.iter().map(|r| field(r, "plain")).collect(),
        ),
        ("SMS ham (swears)", ham("en_sms_spam")?),
        ("innocent dictionary words, other half", dictionary),
        ("innocent phrases (rustrict), other half", phrases),
        ("innocent (obscenity), other half", whitelist),
        ("Russian news, other half", news),
        (
            "clean texts (surge, not toxic)",
            labelled("labelled/en_surge_toxicity/data.jsonl", "Not Toxic")?,
        ),
    ];
    for (name, texts) in &sets {
        let count = flagged(&matcher, texts);
        println!(
            "| {name} | {} | {count} ({}) |",
            texts.len(),
            percent(count, texts.len())
        );
        if std::env::var_os("VERBOSE").is_some() {
            for text in texts {
                match hits(&matcher, text).first() {
                    Some(h) if !name.starts_with("surge") && !name.starts_with("rustrict") => {
                        let matched = text.get(h.bytes.clone());
                        println!(
                            "hit: {name}: {matched:?} by {:?} {:?}",
                            matcher.term(h.item, 0),
                            h.evidence
                        );
                    }
                    None if name.starts_with("surge") => println!("missed: {name}: {text}"),
                    _ => {}
                }
            }
        }
    }
    println!(
        "\nPeers on the other half of the same sets (their own word lists): surge evasive: rustrict 289 of 348,"
    );
    println!("obscenity 155, better-profanity 120; clean advertisements: rustrict 9.1 %, obscenity 0.5 %,");
    println!(
        "better-profanity 2.4 %; innocent dictionary words of 761: rustrict 54, obscenity 36, better-profanity 0."
    );
    Ok(())
}

/// Innocent words and phrases that contain a listed term.
pub fn innocent(data: &Data) -> Result<(), Error> {
    println!("\n## Innocent text, word mode, published lists");
    println!("| set | list | folded | evasion |");
    println!("|---|---|---|---|");
    for set in [
        "en_dictionary_substring_fp",
        "en_goaway",
        "en_obscenity_whitelist",
        "en_rustrict_false_positives",
        "en_rustrict_safe",
        "en_rustrict_test_negative",
        "en_rustrict_test_safe",
    ] {
        let rows = data.rows(&format!("falsepos/{set}.jsonl"))?;
        let texts: Vec<String> = rows
            .iter()
            .filter(|r| !r.get("label").is_some_and(|l| l == "positive"))
            .map(|r| field(r, "text"))
            .collect();
        for (name, terms) in lists::english(data) {
            let folded = open(&items(&terms, MatchMode::Word, Level::Folded))?;
            let evasion = open(&items(&terms, MatchMode::Word, Level::Evasion))?;
            let (a, b) = (flagged(&folded, &texts), flagged(&evasion, &texts));
            println!(
                "| {set} {} | {name} | {a} ({}) | {b} ({}) |",
                texts.len(),
                percent(a, texts.len()),
                percent(b, texts.len())
            );
            if std::env::var_os("VERBOSE").is_some() {
                for text in &texts {
                    for h in hits(&evasion, text).iter().take(1) {
                        println!(
                            "hit: {text} by {:?} {:?}",
                            evasion.term(h.item, 0),
                            h.evidence.steps
                        );
                    }
                }
            }
        }
    }
    Ok(())
}
