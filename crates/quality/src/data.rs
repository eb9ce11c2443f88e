//! Reading the data sets: JSON lines and word lists, as they are.

use pg_moderation_engine::{FindOptions, Hit, Item, Level, MatchMode, Matcher, Term, compile, validate_term};
use serde_json::Value;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a section could not be printed.
#[derive(Debug)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error {
    pub fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }
}

/// The folder of data sets.
pub struct Data {
    root: PathBuf,
}

impl Data {
    pub fn new(root: &Path) -> Self {
        Self { root: root.into() }
    }

    fn read(&self, name: &str) -> Option<String> {
        match std::fs::read_to_string(self.root.join(name)) {
            Ok(text) => Some(text),
            Err(error) => {
                println!("skipped: {name}: {error}");
                None
            }
        }
    }

    /// The objects of a JSON-lines file; empty (and said so) when it is not there.
    pub fn rows(&self, name: &str) -> Result<Vec<Value>, Error> {
        let text = self.read(name).unwrap_or_default();
        text.lines()
            .filter(|l| !l.trim().is_empty())
            .map(|l| serde_json::from_str(l).map_err(|e| Error::new(format!("{name}: {e}"))))
            .collect()
    }

    /// The field `text` of every row.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Error> {
        Ok(self.rows(name)?.iter().map(|r| field(r, "text")).collect())
    }

    /// A word list, one term a line; the first column of a table.
    pub fn list(&self, name: &str) -> Vec<String> {
        let text = self.read(name).unwrap_or_default();
        text.lines()
            .map(|l| l.split('\t').next().unwrap_or("").trim().to_string())
            .filter(|l| !l.is_empty())
            .collect()
    }
}

pub fn field(row: &Value, name: &str) -> String {
    row.get(name).and_then(Value::as_str).unwrap_or("").to_string()
}

/// Terms as items numbered from 0; terms the engine refuses are left out.
pub fn items(terms: &[String], mode: MatchMode, level: Level) -> Vec<Item> {
    terms
        .iter()
        .enumerate()
        .map(|(n, text)| Item {
            id: n as i64,
            slot: 0,
            allow: false,
            weight: 1.0,
            term: Term {
                text: text.clone(),
                mode,
                level,
                language: None,
            },
        })
        .filter(|i| validate_term(&i.term).is_ok())
        .collect()
}

pub fn open(items: &[Item]) -> Result<Matcher, Error> {
    let bytes = compile(items, &mut || false).map_err(Error::new)?;
    Matcher::open(&bytes).map_err(Error::new)
}

pub fn hits(matcher: &Matcher, text: &str) -> Vec<Hit> {
    matcher
        .find(text, &FindOptions::default(), &mut || false)
        .unwrap_or_default()
}

pub fn is_hit(matcher: &Matcher, text: &str) -> bool {
    matcher.is_match(text, 0, &mut || false).unwrap_or(false)
}

/// How many of the texts have a hit.
pub fn flagged(matcher: &Matcher, texts: &[String]) -> usize {
    texts.iter().filter(|t| is_hit(matcher, t)).count()
}

pub fn percent(part: usize, whole: usize) -> String {
    if whole == 0 {
        "-".into()
    } else {
        format!("{:.2} %", 100.0 * part as f64 / whole as f64)
    }
}
