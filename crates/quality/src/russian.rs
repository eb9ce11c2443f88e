//! Russian and Ukrainian: mixed-script evasions, inflection, published lists.

use crate::data::{Data, Error, field, flagged, hits, is_hit, items, open, percent};
use crate::lists;
use pg_moderation_engine::{Level, MatchMode};
use std::collections::{BTreeMap, BTreeSet};

const NEWS: &str = "bulk/ru_telegram_news.jsonl";

/// Real mixed-script words of spam: is the intended word found, over the whole token?
pub fn mixed_script(data: &Data) -> Result<(), Error> {
    let rows = data.rows("obfuscation/ru_mixed_script_real_evasions.jsonl")?;
    let words: BTreeSet<String> = rows.iter().map(|r| field(r, "expect")).collect();
    let words: Vec<String> = words.into_iter().collect();
    println!("\n## Mixed-script words of real spam (ru_mixed_script_real_evasions)");
    println!("{} tokens, {} expected words", rows.len(), words.len());
    println!("| level | found, right word and span | of occurrences | other words at the token |");
    println!("|---|---|---|---|");
    for level in [Level::Literal, Level::Folded, Level::Evasion] {
        let matcher = open(&items(&words, MatchMode::Word, level))?;
        let (mut found, mut occurrences, mut all, mut other) = (0, 0, 0, 0);
        for row in &rows {
            let (text, expect) = (field(row, "text"), field(row, "expect"));
            let count = row.get("count").and_then(|c| c.as_u64()).unwrap_or(1) as usize;
            let got = hits(&matcher, &text);
            let right = got.iter().any(|h| {
                h.bytes == (0..text.len()) && matcher.term(h.item, h.slot) == Some(expect.as_str())
            });
            all += count;
            if right {
                found += 1;
                occurrences += count;
            } else if level == Level::Evasion && std::env::var_os("VERBOSE").is_some() {
                println!("missed: {text} for {expect}, got {:?}", got.iter().map(|h| matcher.term(h.item, 0)).collect::<Vec<_>>());
            }
            other += usize::from(got.iter().any(|h| matcher.term(h.item, 0) != Some(expect.as_str())));
        }
        println!(
            "| {level:?} | {found} ({}) | {occurrences} ({}) | {other} |",
            percent(found, rows.len()),
            percent(occurrences, all)
        );
    }
    added(data, "expected words", &words)
}

/// Texts that level evasion flags and level folded does not, on clean texts.
fn added(data: &Data, name: &str, terms: &[String]) -> Result<(), Error> {
    let folded = open(&items(terms, MatchMode::Word, Level::Folded))?;
    let evasion = open(&items(terms, MatchMode::Word, Level::Evasion))?;
    println!("\nNew terms per text at level evasion over folded, {name}:");
    println!("| texts | all | gain a hit | of them had none |");
    println!("|---|---|---|---|");
    for (set, texts) in clean_sets(data)? {
        let (mut gain, mut fresh) = (0, 0);
        for text in &texts {
            let plain: BTreeSet<i64> = hits(&folded, text).iter().map(|h| h.item).collect();
            let found = hits(&evasion, text);
            let new: Vec<_> = found.iter().filter(|h| !plain.contains(&h.item)).collect();
            gain += usize::from(!new.is_empty());
            fresh += usize::from(plain.is_empty() && !new.is_empty());
            if std::env::var_os("VERBOSE").is_some() {
                for h in new {
                    println!("gained: {:?} as {:?} by {:?}", text.get(h.bytes.clone()), evasion.term(h.item, 0), h.evidence);
                }
            }
        }
        println!(
            "| {set} | {} | {gain} ({}) | {fresh} ({}) |",
            texts.len(),
            percent(gain, texts.len()),
            percent(fresh, texts.len())
        );
    }
    Ok(())
}

/// Clean texts: the news posts and the ham of the labelled sets.
fn clean_sets(data: &Data) -> Result<Vec<(&'static str, Vec<String>)>, Error> {
    let ham = |name: &str, label: &str| -> Result<Vec<String>, Error> {
        let rows = data.rows(name)?;
        Ok(rows.iter().filter(|r| field(r, "label") == label).map(|r| field(r, "text")).collect())
    };
    Ok(vec![
        ("ru_telegram_news", data.texts(NEWS)?),
        ("ru_telegram_spam ham", ham("labelled/ru_telegram_spam/data.jsonl", "ham")?),
        ("ru_en_tgspam ham", ham("labelled/ru_en_tgspam/data.jsonl", "ham")?),
        ("en_sms_spam ham", ham("labelled/en_sms_spam/data.jsonl", "ham")?),
        ("en_sms_phishing ham", ham("labelled/en_sms_phishing/data.jsonl", "ham")?),
        ("en_spamassassin ham", ham("labelled/en_spamassassin/data.jsonl", "ham")?),
        ("en_hatecheck non-hateful", ham("labelled/en_hatecheck/data.jsonl", "non-hateful")?),
        ("en_surge_toxicity Not Toxic", ham("labelled/en_surge_toxicity/data.jsonl", "Not Toxic")?),
        ("multi_hatecheck non-hateful", ham("labelled/multi_hatecheck/data.jsonl", "non-hateful")?),
    ])
}

/// Published Russian lists, whole words: clean news and innocent dictionary words.
pub fn lists(data: &Data) -> Result<(), Error> {
    let terms = lists::russian(data);
    println!("\n## Russian lists ({} terms)", terms.len());
    println!("| level | innocent words | news posts | bot tests found | spam flagged |");
    println!("|---|---|---|---|---|");
    let innocent = data.texts("falsepos/ru_dictionary_substring_fp.jsonl")?;
    let news = data.texts(NEWS)?;
    let bot = data.texts("obfuscation/ru_bot_tests_positive.jsonl")?;
    let negative = data.texts("falsepos/ru_bot_tests_negative.jsonl")?;
    for level in [Level::Literal, Level::Folded, Level::Evasion] {
        let matcher = open(&items(&terms, MatchMode::Word, level))?;
        println!(
            "| {level:?} | {} of {} | {} of {} ({}) | {} of {} | {} of {} |",
            flagged(&matcher, &innocent),
            innocent.len(),
            flagged(&matcher, &news),
            news.len(),
            percent(flagged(&matcher, &news), news.len()),
            flagged(&matcher, &bot),
            bot.len(),
            flagged(&matcher, &negative),
            negative.len(),
        );
    }
    added(data, "Russian lists", &terms)
}

/// Inflected forms of the lemmas of slaviclean; beside it, what the same lemmas hit in clean news.
pub fn inflected(data: &Data) -> Result<(), Error> {
    let _ = (is_hit, BTreeMap::<u8, u8>::new());
    let rows = data.rows("obfuscation/ru_uk_slaviclean_flexions.jsonl")?;
    println!("\n## Inflected forms ({} rows)", rows.len());
    Ok(())
}
