//! Terms mined from one half of labelled messages, measured on the other half, beside a classifier (tf-idf and logistic
//! regression) that learned from the same half.
//!
//! Halves by a hash of the text, so that copies stay together. Placeholders that a data set put where an address or a price
//! was give the label away: they are taken out of all texts first. Background: half of the news posts, as
//! unflagged content; the other half says how much innocent text of another kind is flagged. The classifier runs in
//! `baseline.py` with the Python named by QUALITY_PYTHON (python3), when that has scikit-learn.

use crate::data::{Data, Error, field, percent};
use pg_moderation_engine::mine::{Class, Example, MineOptions, mine};
use pg_moderation_engine::{FindOptions, Item, Matcher, compile};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::process::{Command, Stdio};

/// Data sets, and their labels that mean violating.
const SETS: [(&str, &[&str]); 4] = [
    ("labelled/en_sms_spam/data.jsonl", &["spam"]),
    ("labelled/en_sms_phishing/data.jsonl", &["spam", "smishing"]),
    ("labelled/ru_telegram_spam/data.jsonl", &["spam"]),
    ("labelled/en_spamassassin/data.jsonl", &["spam"]),
];

const BACKGROUND: &str = "bulk/ru_telegram_news.jsonl";

struct Half {
    texts: Vec<String>,
    violating: Vec<bool>,
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Text without placeholders: capital letters in square brackets or angle brackets.
fn stripped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['[', '<']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let close = if from.starts_with('[') { ']' } else { '>' };
        let inner = from.get(1..).unwrap_or("");
        match inner.find(close) {
            Some(end)
                if end > 1
                    && inner
                        .get(..end)
                        .is_some_and(|w| w.chars().all(|c| c.is_ascii_uppercase() || c == '_')) =>
            {
                out.push(' ');
                rest = inner.get(end + 1..).unwrap_or("");
            }
            _ => {
                out.push_str(from.get(..1).unwrap_or(""));
                rest = inner;
            }
        }
    }
    out.push_str(rest);
    out
}

pub fn mining(data: &Data) -> Result<(), Error> {
    println!("\nMining: F1 on the half not learned from; background: half of the news posts\n");
    println!(
        "| data set | violating / texts | terms | precision | recall | F1 | classifier's F1 | share | news flagged | by the classifier |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let news: Vec<String> = data.texts(BACKGROUND)?.iter().map(|t| stripped(t)).collect();
    let (background, unseen): (Vec<String>, Vec<String>) =
        news.into_iter().partition(|t| hash(t) >> 40 & 1 == 0);
    for (name, labels) in SETS {
        let mut halves = [const {
            Half {
                texts: Vec::new(),
                violating: Vec::new(),
            }
        }; 2];
        let mut seen = HashSet::new();
        for row in data.rows(name)? {
            let text = stripped(&field(&row, "text"));
            if text.trim().is_empty() || !seen.insert(text.clone()) {
                continue;
            }
            let half = &mut halves[(hash(&text) >> 40 & 1) as usize];
            half.violating
                .push(labels.contains(&field(&row, "label").as_str()));
            half.texts.push(text);
        }
        let [train, test] = &halves;
        if train.texts.is_empty() {
            continue;
        }
        line(name, train, test, &background, &unseen)?;
    }
    agreement(data)
}

/// How far two sets with texts in common label them alike, beside what chance would do: labels that were put to the wrong
/// texts teach nothing, whoever learns from them.
fn agreement(data: &Data) -> Result<(), Error> {
    let [(one, violating), (other, others), ..] = SETS;
    let known: HashMap<String, bool> = data
        .rows(one)?
        .iter()
        .map(|row| {
            (
                field(row, "text").trim().to_lowercase(),
                violating.contains(&field(row, "label").as_str()),
            )
        })
        .collect();
    let pairs: Vec<(bool, bool)> = data
        .rows(other)?
        .iter()
        .filter_map(|row| {
            let label = known.get(&field(row, "text").trim().to_lowercase())?;
            Some((*label, others.contains(&field(row, "label").as_str())))
        })
        .collect();
    let share = |wanted: &dyn Fn(&(bool, bool)) -> bool| {
        pairs.iter().filter(|p| wanted(p)).count() as f64 / pairs.len().max(1) as f64
    };
    let (a, b) = (share(&|p| p.0), share(&|p| p.1));
    println!(
        "\n{} texts are in {one} and {other}: {:.1} % have the same label, {:.1} % would by chance",
        pairs.len(),
        100.0 * share(&|p| p.0 == p.1),
        100.0 * (a * b + (1.0 - a) * (1.0 - b)),
    );
    Ok(())
}

fn line(
    name: &str,
    train: &Half,
    test: &Half,
    background: &[String],
    unseen: &[String],
) -> Result<(), Error> {
    let examples: Vec<Example<'_>> = train
        .texts
        .iter()
        .zip(&train.violating)
        .map(|(text, &v)| Example {
            text,
            class: if v { Class::Violating } else { Class::Benign },
        })
        .chain(background.iter().map(|text| Example {
            text,
            class: Class::Background,
        }))
        .collect();
    let mined = mine(&examples, &MineOptions::default(), &mut || false).map_err(Error::new)?;
    let items: Vec<Item> = mined
        .terms
        .iter()
        .enumerate()
        .map(|(n, t)| Item {
            id: n as i64,
            slot: 0,
            allow: false,
            weight: t.weight,
            term: t.term.clone(),
        })
        .collect();
    let matcher = Matcher::open(&compile(&items, &mut || false).map_err(Error::new)?).map_err(Error::new)?;
    let flagged: Vec<bool> = test.texts.iter().map(|t| acts(&matcher, t)).collect();
    let wrong = unseen.iter().filter(|t| acts(&matcher, t)).count();
    let ours = f1(&flagged, &test.violating);
    let theirs = classifier(train, test, unseen)?;
    let count = |of: &Half| of.violating.iter().filter(|v| **v).count();
    println!(
        "| {name} | {} / {} | {} | {:.3} | {:.3} | {:.3} | {} | {} | {} | {} |",
        count(test),
        test.texts.len(),
        items.len(),
        ours.0,
        ours.1,
        ours.2,
        theirs.as_ref().map_or("-".into(), |t| format!("{:.3}", t.0)),
        theirs
            .as_ref()
            .map_or("-".into(), |t| format!("{:.1} %", 100.0 * ours.2 / t.0)),
        percent(wrong, unseen.len()),
        theirs
            .as_ref()
            .map_or("-".into(), |t| format!("{:.1} %", 100.0 * t.1)),
    );
    Ok(())
}

/// As a package with threshold 1 does: the best score of each item, summed.
fn acts(matcher: &Matcher, text: &str) -> bool {
    let options = FindOptions {
        places: 1,
        ..FindOptions::default()
    };
    let mut seen = HashSet::new();
    let sum: f64 = matcher
        .find(text, &options, &mut || false)
        .unwrap_or_default()
        .iter()
        .filter(|h| seen.insert(h.item))
        .map(|h| f64::from(h.score))
        .sum();
    sum as f32 >= 1.0
}

/// Precision, recall, F1.
fn f1(flagged: &[bool], violating: &[bool]) -> (f64, f64, f64) {
    let both = flagged.iter().zip(violating).filter(|(f, v)| **f && **v).count() as f64;
    let flagged = flagged.iter().filter(|f| **f).count() as f64;
    let violating = violating.iter().filter(|v| **v).count() as f64;
    (
        both / flagged.max(1.0),
        both / violating.max(1.0),
        2.0 * both / (flagged + violating).max(1.0),
    )
}

/// F1 of the classifier and the share of the unseen news it flags; `None`, said once, without scikit-learn.
fn classifier(train: &Half, test: &Half, unseen: &[String]) -> Result<Option<(f64, f64)>, Error> {
    let python = std::env::var("QUALITY_PYTHON").unwrap_or_else(|_| "python3".into());
    let run = Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = run else { return Ok(None) };
    let question = json!({
        "train": train.texts, "train_labels": train.violating, "test": test.texts, "test_labels": test.violating,
        "other": unseen,
    });
    if let Some(mut stdin) = child.stdin.take() {
        // A child that ends early says why itself.
        let _ = stdin.write_all(question.to_string().as_bytes());
    }
    let output = child.wait_with_output().map_err(Error::new)?;
    if !output.status.success() {
        return Ok(None);
    }
    let answer: Value = serde_json::from_slice(&output.stdout).map_err(Error::new)?;
    let number = |name: &str| answer.get(name).and_then(Value::as_f64);
    Ok(number("f1").zip(number("other")))
}
