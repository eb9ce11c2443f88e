//! English: evasive spellings, innocent words, clean texts.

use crate::data::{Data, Error, field, flagged, hits, items, open, percent};
use crate::{lists, peers, russian};
use pg_moderation_engine::{Hit, Item, Level, MatchMode};
use std::collections::{BTreeMap, BTreeSet};

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
                for text in &ham {
                    for h in hits(&matcher, text)
                        .iter()
                        .filter(|h| h.evidence.level == Level::Evasion)
                    {
                        let matched = text.get(h.bytes.clone());
                        println!(
                            "hit: {matched:?} by {:?} {:?}",
                            matcher.term(h.item, 0),
                            h.evidence
                        );
                    }
                }
            }
        }
    }
    let all = lists.last().map(|l| l.1.clone()).unwrap_or_default();
    russian::added(data, "all English lists", &all)
}

/// One half of a set decides what stays in a package, the other half is what it is measured on.
fn halves(texts: Vec<String>) -> (Vec<String>, Vec<String>) {
    let (lint, rest): (Vec<_>, Vec<_>) = texts.into_iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let texts = |half: Vec<(usize, String)>| half.into_iter().map(|(_, text)| text).collect();
    (texts(lint), texts(rest))
}

/// The texts of a labelled set that have this label.
fn labelled(data: &Data, name: &str, label: &str) -> Result<Vec<String>, Error> {
    let rows = data.rows(name)?;
    let wanted = rows.iter().filter(|r| field(r, "label") == label);
    Ok(wanted.map(|r| field(r, "text")).collect())
}

/// Of the clean texts, how many may have a term as it is listed: none, unless this many lists agree on it.
const TOLERATED: [(usize, f64); 2] = [(6, 0.001), (4, 0.0001)];

/// A root may stand in so many clean words: they become allow entries.
const FEW: usize = 3;

/// The word around a hit.
fn word_around<'t>(text: &'t str, hit: &Hit) -> &'t str {
    let (head, tail) = (
        text.get(..hit.bytes.start).unwrap_or(""),
        text.get(hit.bytes.end..).unwrap_or(""),
    );
    let start = head.trim_end_matches(char::is_alphabetic).len();
    let end = text.len() - tail.trim_start_matches(char::is_alphabetic).len();
    text.get(start..end).unwrap_or("")
}

/// A term, how many lists have it, and how it is looked for.
fn candidates(data: &Data, words: &BTreeSet<String>) -> (Vec<Item>, BTreeMap<String, usize>) {
    let mut votes: BTreeMap<String, usize> = BTreeMap::new();
    for (_, list) in lists::english(data) {
        let list: BTreeSet<String> = list.iter().map(|t| t.to_lowercase()).collect();
        for term in list {
            *votes.entry(term).or_default() += 1;
        }
    }
    let terms: Vec<String> = votes.keys().cloned().collect();
    let listed: BTreeSet<&str> = terms.iter().map(String::as_str).collect();
    let root = |t: &&String| {
        let inside = |o: &&String| o.len() > t.len() && o.contains(t.as_str());
        t.len() >= 4
            && t.chars().all(|c| c.is_ascii_lowercase())
            && terms.iter().filter(inside).count() >= 3
            && words
                .iter()
                .filter(|w| !listed.contains(w.as_str()) && w.contains(t.as_str()))
                .count()
                <= FEW
    };
    let roots: Vec<String> = terms.iter().filter(root).cloned().collect();
    // A listed form of another word is listed for itself: "fingering" says nothing of "fingers".
    let forms = ["s", "ed", "ing", "ion"];
    let no_form = |t: &str| t.ends_with("ss") || !forms.iter().any(|f| t.ends_with(f));
    let base = |t: &&String| t.len() >= 4 && no_form(t);
    let longer: Vec<String> = terms.iter().filter(base).cloned().collect();
    let mut out = items(&terms, MatchMode::Word, Level::Evasion);
    out.extend(items(&roots, MatchMode::Substring, Level::Evasion));
    out.extend(items(&longer, MatchMode::Inflected, Level::Evasion));
    for (item, id) in out.iter_mut().zip(0..) {
        item.id = id;
    }
    (out, votes)
}

/// A package as an operator builds it: published lists, as words and in their forms with evasion, roots that stand in
/// many listed words and in no clean word also inside words; less the items whose term stands in clean texts, and with
/// the words of clean texts that hit otherwise as allow entries. Clean texts are one half of each set; only the other half
/// is counted. Printed beside what peers reach.
pub fn package(data: &Data) -> Result<(), Error> {
    let (mut lint, mut clean) = (Vec::new(), Vec::new());
    let sets = [
        (
            "clean: mail (SpamAssassin)",
            labelled(data, "labelled/en_spamassassin/data.jsonl", "ham")?,
        ),
        (
            "clean: SMS (some swear)",
            labelled(data, "labelled/en_sms_spam/data.jsonl", "ham")?,
        ),
        (
            "clean: SMS (phishing set)",
            labelled(data, "labelled/en_sms_phishing/data.jsonl", "ham")?,
        ),
        (
            "clean: comments (surge)",
            labelled(data, "labelled/en_surge_toxicity/data.jsonl", "Not Toxic")?,
        ),
        ("clean: Russian news", data.texts("bulk/ru_telegram_news.jsonl")?),
        (
            "innocent: dictionary words",
            data.texts("falsepos/en_dictionary_substring_fp.jsonl")?,
        ),
        (
            "innocent: phrases (rustrict)",
            data.texts("falsepos/en_rustrict_false_positives.jsonl")?,
        ),
        (
            "innocent: obscenity's list",
            data.texts("falsepos/en_obscenity_whitelist.jsonl")?,
        ),
    ];
    for (name, texts) in sets {
        let (first, second) = halves(texts);
        lint.extend(first);
        clean.push((format!("{name}, other half"), second));
    }
    let words = lint
        .iter()
        .flat_map(|t| t.split(|c: char| !c.is_alphabetic()).map(str::to_lowercase));
    let (mut package, votes) = candidates(data, &words.collect());
    let before = package.len();
    let matcher = open(&package)?;
    let mut texts_hit: BTreeMap<i64, usize> = BTreeMap::new();
    let mut innocent: BTreeSet<String> = BTreeSet::new();
    for text in &lint {
        let found = hits(&matcher, text);
        let whole = |h: &&Hit| h.evidence.steps.is_empty() && word_around(text, h).len() == h.bytes.len();
        let listed: BTreeSet<i64> = found.iter().filter(whole).map(|h| h.item).collect();
        listed
            .into_iter()
            .for_each(|item| *texts_hit.entry(item).or_default() += 1);
        for h in found.iter().filter(|h| !whole(h)) {
            let matched = word_around(text, h).to_lowercase();
            let plain = matched.chars().all(|c| c.is_alphabetic() || c == ' ');
            if plain && !votes.contains_key(&matched) {
                innocent.insert(matched);
            }
        }
    }
    let tolerated = |term: &str| {
        let agreed = votes.get(term).copied().unwrap_or(0);
        let row = TOLERATED.iter().find(|t| agreed >= t.0);
        row.map_or(0, |t| (t.1 * lint.len() as f64) as usize)
    };
    package.retain(|i| {
        texts_hit
            .get(&i.id)
            .is_none_or(|&hit| hit <= tolerated(&i.term.text))
    });
    let kept = package.len();
    let innocent: Vec<String> = innocent.into_iter().collect();
    let allow = items(&innocent, MatchMode::Word, Level::Folded).into_iter();
    package.extend(allow.map(|i| Item {
        allow: true,
        id: i.id + before as i64,
        ..i
    }));
    let matcher = open(&package)?;
    println!(
        "\n## English package: {kept} of {before} items made of {} listed terms",
        votes.len()
    );
    println!(
        "Left out: items whose term one of {} clean texts has as it is listed, or more than",
        lint.len()
    );
    println!(
        "{} % of them when all six lists have it ({} %: four lists).",
        TOLERATED[0].1 * 100.0,
        TOLERATED[1].1 * 100.0
    );
    println!(
        "Allow entries: {} words of those texts that hit by a form or evasion only.",
        package.len() - kept
    );
    println!(
        "| set | texts | flagged | by a listed word as it is | by a form or evasion only | {} |",
        peers::HEAD
    );
    println!("|---|---|---|---|---|---|---|---|");
    let surge = data.rows("obfuscation/en_surge_variants.jsonl")?;
    let of = |literal: bool| -> Vec<String> {
        let rows = surge
            .iter()
            .filter(|r| r.get("literal").and_then(|l| l.as_bool()) == Some(literal));
        rows.map(|r| field(r, "text")).collect()
    };
    let pairs = data.rows("obfuscation/en_hatecheck_spelling_pairs.jsonl")?;
    let mut sets: Vec<(String, Vec<String>)> = vec![
        ("surge evasive".into(), of(false)),
        ("surge plain".into(), of(true)),
        (
            "rustrict positive".into(),
            labelled(data, "obfuscation/en_rustrict_test_positive.jsonl", "positive")?,
        ),
        ("go-away".into(), data.texts("obfuscation/en_goaway_tests.jsonl")?),
        (
            "hatecheck spelled".into(),
            pairs.iter().map(|r| field(r, "text")).collect(),
        ),
        (
            "hatecheck plain".into(),
            pairs.iter().map(|r| field(r, "plain")).collect(),
        ),
    ];
    let evasive = sets.len();
    sets.extend(clean);
    for (number, (name, texts)) in sets.iter().enumerate() {
        let (mut plain, mut other) = (0, 0);
        for text in texts {
            let found = hits(&matcher, text);
            let literal = found.iter().any(|h| h.evidence.steps.is_empty());
            plain += usize::from(literal);
            other += usize::from(!found.is_empty() && !literal);
            if std::env::var_os("VERBOSE").is_some() {
                if number < evasive && found.is_empty() {
                    println!("missed: {name}: {text}");
                }
                if let Some(h) = found.first().filter(|_| number >= evasive) {
                    let steps: Vec<&str> = h.evidence.steps.names().collect();
                    let (matched, term) = (text.get(h.bytes.clone()), matcher.term(h.item, 0));
                    println!(
                        "hit: {name}: {matched:?} by {term:?} {:?} {steps:?}",
                        h.evidence.level
                    );
                }
            }
        }
        println!(
            "| {name} | {} | {} ({}) | {plain} | {other} | {} |",
            texts.len(),
            plain + other,
            percent(plain + other, texts.len()),
            peers::row(texts),
        );
    }
    peers::quoted();
    Ok(())
}

/// Innocent words and phrases, with published lists as they are. A hit is the list's own when the list has the very
/// word that was hit, and the matcher's fault when something else was taken for a listed word.
pub fn innocent(data: &Data) -> Result<(), Error> {
    println!("\n## Innocent text, word mode, published lists as they are");
    println!("| set | list | folded | of them listed words | not listed | evasion | of them not listed |");
    println!("|---|---|---|---|---|---|---|");
    let mut sums: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
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
            let listed: BTreeSet<String> = terms.iter().map(|t| words_of(t)).collect();
            let mut counts = [[0; 2]; 2];
            for (level, counts) in [Level::Folded, Level::Evasion].into_iter().zip(&mut counts) {
                let matcher = open(&items(&terms, MatchMode::Word, level))?;
                for text in &texts {
                    let found = hits(&matcher, text);
                    let Some(h) = found.first() else { continue };
                    let own = |h: &Hit| listed.contains(&words_of(text.get(h.bytes.clone()).unwrap_or("")));
                    let place = usize::from(!found.iter().any(own));
                    if let Some(count) = counts.get_mut(place) {
                        *count += 1;
                    }
                    if place == 1 && std::env::var_os("VERBOSE").is_some() {
                        println!(
                            "hit: {set}: {text} by {:?} {:?}",
                            matcher.term(h.item, 0),
                            h.evidence.steps.names().collect::<Vec<_>>()
                        );
                    }
                }
            }
            let [folded, evasion] = counts;
            let all = sums.entry(name).or_default();
            *all = [all[0] + texts.len(), all[1] + folded[1], all[2] + evasion[1]];
            let sum = |of: [usize; 2]| of.iter().sum::<usize>();
            println!(
                "| {set} {} | {name} | {} ({}) | {} | {} ({}) | {} ({}) | {} ({}) |",
                texts.len(),
                sum(folded),
                percent(sum(folded), texts.len()),
                folded[0],
                folded[1],
                percent(folded[1], texts.len()),
                sum(evasion),
                percent(sum(evasion), texts.len()),
                evasion[1],
                percent(evasion[1], texts.len()),
            );
        }
    }
    println!("\nAll of these sets: what is flagged without being a listed word");
    println!("| list | texts | folded | evasion |");
    println!("|---|---|---|---|");
    for (name, [texts, folded, evasion]) in sums {
        println!(
            "| {name} | {texts} | {folded} ({}) | {evasion} ({}) |",
            percent(folded, texts),
            percent(evasion, texts)
        );
    }
    Ok(())
}

/// A term or matched text in small letters, white space as one space.
fn words_of(text: &str) -> String {
    text.to_lowercase()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
