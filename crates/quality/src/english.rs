//! English: evasive spellings, innocent words, clean texts.

use crate::data::{Data, Error, field, flagged, hits, items, open, percent};
use crate::lists;
use pg_moderation_engine::{Level, MatchMode};

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
