//! Russian and Ukrainian: mixed-script evasions, inflection, published lists.

use crate::data::{Data, Error, field, flagged, hits, is_hit, items, open, percent};
use crate::lists;
use pg_moderation_engine::{Hit, Language, Level, MatchMode};
use std::collections::BTreeSet;

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
            let right = got
                .iter()
                .any(|h| h.bytes == (0..text.len()) && matcher.term(h.item, h.slot) == Some(expect.as_str()));
            all += count;
            if right {
                found += 1;
                occurrences += count;
            } else if level == Level::Evasion && std::env::var_os("VERBOSE").is_some() {
                println!(
                    "missed: {text} for {expect}, got {:?}",
                    got.iter().map(|h| matcher.term(h.item, 0)).collect::<Vec<_>>()
                );
            }
            other += usize::from(
                got.iter()
                    .any(|h| matcher.term(h.item, 0) != Some(expect.as_str())),
            );
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
pub fn added(data: &Data, name: &str, terms: &[String]) -> Result<(), Error> {
    let folded = open(&items(terms, MatchMode::Word, Level::Folded))?;
    let evasion = open(&items(terms, MatchMode::Word, Level::Evasion))?;
    println!("\nNew terms per text at level evasion over folded, {name}:");
    println!(
        "| texts | all | gain a hit | of them had none | by letters its author hid (`б*я`) | by the term's own letters, joined or parted | otherwise |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (set, texts) in clean_sets(data)? {
        let (mut gain, mut fresh, mut hidden, mut joined) = (0, 0, 0, 0);
        for text in &texts {
            let plain: BTreeSet<i64> = hits(&folded, text).iter().map(|h| h.item).collect();
            let found = hits(&evasion, text);
            let new: Vec<_> = found.iter().filter(|h| !plain.contains(&h.item)).collect();
            gain += usize::from(!new.is_empty());
            fresh += usize::from(plain.is_empty() && !new.is_empty());
            // An author who hides letters of a listed word means that word: the text is not clean of it.
            let masked = new
                .iter()
                .all(|h| text.get(h.bytes.clone()).is_some_and(is_masked));
            hidden += usize::from(plain.is_empty() && !new.is_empty() && masked);
            // "bullshit" by "bull shit": nothing but the spacing differs.
            let same = |h: &&&Hit| {
                let matched = text.get(h.bytes.clone()).map(letters_of);
                matched == evasion.term(h.item, 0).map(letters_of)
            };
            joined += usize::from(plain.is_empty() && !masked && new.iter().any(|h| same(&h)));
            if std::env::var_os("VERBOSE").is_some() {
                for h in new {
                    println!(
                        "gained: {set}{} {:?} as {:?} by {:?}",
                        if plain.is_empty() { " (had none)" } else { "" },
                        text.get(h.bytes.clone()),
                        evasion.term(h.item, 0),
                        h.evidence
                    );
                }
            }
        }
        println!(
            "| {set} | {} | {gain} ({}) | {fresh} ({}) | {hidden} | {joined} | {} ({}) |",
            texts.len(),
            percent(gain, texts.len()),
            percent(fresh, texts.len()),
            fresh - hidden - joined,
            percent(fresh - hidden - joined, texts.len())
        );
    }
    Ok(())
}

/// The letters and digits of a text, folded, without what stands between them.
fn letters_of(text: &str) -> String {
    let folded = pg_moderation_engine::fold_text(text);
    folded.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// One word whose letters are hidden by asterisks or number signs, with letters on both sides.
fn is_masked(word: &str) -> bool {
    let inner = word.trim_matches(|c: char| !c.is_alphabetic());
    inner.contains(['*', '#']) && inner.chars().all(|c| c.is_alphabetic() || "*# ".contains(c))
}

/// Clean texts: the news posts and the ham of the labelled sets.
fn clean_sets(data: &Data) -> Result<Vec<(&'static str, Vec<String>)>, Error> {
    let ham = |name: &str, label: &str| -> Result<Vec<String>, Error> {
        let rows = data.rows(name)?;
        Ok(rows
            .iter()
            .filter(|r| field(r, "label") == label)
            .map(|r| field(r, "text"))
            .collect())
    };
    Ok(vec![
        ("ru_telegram_news", data.texts(NEWS)?),
        (
            "ru_telegram_spam ham",
            ham("labelled/ru_telegram_spam/data.jsonl", "ham")?,
        ),
        (
            "ru_en_tgspam ham",
            ham("labelled/ru_en_tgspam/data.jsonl", "ham")?,
        ),
        ("en_sms_spam ham", ham("labelled/en_sms_spam/data.jsonl", "ham")?),
        (
            "en_sms_phishing ham",
            ham("labelled/en_sms_phishing/data.jsonl", "ham")?,
        ),
        (
            "en_spamassassin ham",
            ham("labelled/en_spamassassin/data.jsonl", "ham")?,
        ),
        (
            "en_hatecheck non-hateful",
            ham("labelled/en_hatecheck/data.jsonl", "non-hateful")?,
        ),
        (
            "en_surge_toxicity Not Toxic",
            ham("labelled/en_surge_toxicity/data.jsonl", "Not Toxic")?,
        ),
        (
            "multi_hatecheck non-hateful",
            ham("labelled/multi_hatecheck/data.jsonl", "non-hateful")?,
        ),
    ])
}

/// Published Russian lists, whole words: clean news and innocent dictionary words.
pub fn lists(data: &Data) -> Result<(), Error> {
    let terms = lists::russian(data);
    println!("\n## Russian lists ({} terms)", terms.len());
    println!("| level | innocent words | news posts | bot tests found | bot tests innocent, flagged |");
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
    let rows = data.rows("obfuscation/ru_uk_slaviclean_flexions.jsonl")?;
    let news = data.texts(NEWS)?;
    println!(
        "\n## Inflected forms (ru_uk_slaviclean_flexions, {} rows)",
        rows.len()
    );
    println!("| language | rows | mode | found | news posts hit | not by mode word |");
    println!("|---|---|---|---|---|---|");
    for (code, language) in [("ru", Language::Russian), ("uk", Language::Ukrainian)] {
        let mut near: Vec<(String, String)> = Vec::new();
        let mut far = Vec::new();
        for row in rows.iter().filter(|r| field(r, "lang") == code) {
            let pair = (field(row, "text"), field(row, "lemma"));
            let same = pair.0.chars().take(3).eq(pair.1.chars().take(3));
            if same { near.push(pair) } else { far.push(pair) }
        }
        let lemmas: BTreeSet<String> = near.iter().map(|p| p.1.clone()).collect();
        let lemmas: Vec<String> = lemmas.into_iter().collect();
        let word = open(&items(&lemmas, MatchMode::Word, Level::Folded))?;
        for (name, mode) in [("word", MatchMode::Word), ("inflected", MatchMode::Inflected)] {
            let mut list = items(&lemmas, mode, Level::Folded);
            list.iter_mut().for_each(|i| i.term.language = Some(language));
            let matcher = open(&list)?;
            let found = |pairs: &[(String, String)]| {
                let right = |p: &&(String, String)| {
                    let got = hits(&matcher, &p.0);
                    got.iter()
                        .any(|h| matcher.term(h.item, 0) == Some(p.1.as_str()) && h.bytes == (0..p.0.len()))
                };
                pairs.iter().filter(right).count()
            };
            let hit: Vec<&String> = news.iter().filter(|t| is_hit(&matcher, t)).collect();
            let more = hit.iter().filter(|t| !is_hit(&word, t)).count();
            println!(
                "| {code} | {} with the first three letters of the lemma | {name} | {} ({}) | {} ({}) | {more} ({}) |",
                near.len(),
                found(&near),
                percent(found(&near), near.len()),
                hit.len(),
                percent(hit.len(), news.len()),
                percent(more, news.len()),
            );
            if mode == MatchMode::Inflected {
                println!(
                    "| {code} | {} others (prefixes, no target) | {name} | {} | | |",
                    far.len(),
                    found(&far)
                );
                if std::env::var_os("VERBOSE").is_some() {
                    for text in &news {
                        for h in hits(&matcher, text)
                            .iter()
                            .filter(|h| !h.evidence.steps.is_empty())
                        {
                            println!(
                                "form: {:?} of {:?}",
                                text.get(h.bytes.clone()),
                                matcher.term(h.item, 0)
                            );
                        }
                    }
                    for p in near.iter().filter(|p| {
                        !hits(&matcher, &p.0)
                            .iter()
                            .any(|h| matcher.term(h.item, 0) == Some(p.1.as_str()))
                    }) {
                        println!("missed: {} of {}", p.0, p.1);
                    }
                }
            }
        }
    }
    published(data, &news)
}

/// Published Russian lists in mode inflected: a bare Snowball stem list fires on 31 % of these posts.
fn published(data: &Data, news: &[String]) -> Result<(), Error> {
    println!("\nPublished Russian lists on clean news:");
    println!("| list | word | inflected |");
    println!("|---|---|---|");
    let innocent = data.texts("falsepos/ru_dictionary_substring_fp.jsonl")?;
    for (name, file) in [("LDNOOBW", "ldnoobw/ru"), ("djantimat", "ru_djantimat/words.txt")] {
        let terms = data.list(&format!("wordlists/{file}"));
        let word = open(&items(&terms, MatchMode::Word, Level::Folded))?;
        let inflected = open(&items(&terms, MatchMode::Inflected, Level::Folded))?;
        let (a, b) = (flagged(&word, news), flagged(&inflected, news));
        println!(
            "| {name}, news | {a} ({}) | {b} ({}) |",
            percent(a, news.len()),
            percent(b, news.len())
        );
        let (a, b) = (flagged(&word, &innocent), flagged(&inflected, &innocent));
        println!("| {name}, innocent words {} | {a} | {b} |", innocent.len());
        if std::env::var_os("VERBOSE").is_some() {
            for text in news {
                for h in hits(&inflected, text)
                    .iter()
                    .filter(|h| !h.evidence.steps.is_empty())
                {
                    println!(
                        "list form: {:?} of {:?}",
                        text.get(h.bytes.clone()),
                        inflected.term(h.item, 0)
                    );
                }
            }
        }
    }
    Ok(())
}
