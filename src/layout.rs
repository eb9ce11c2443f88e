//! What foreign files of risk material look like: the header of CSV, JSON Lines, ThreatExchange descriptors, HMA banks.
//!
//! ThreatExchange: fields of the ThreatDescriptor object and names of IndicatorType of Meta's public reference
//! (developers.facebook.com/docs/threat-exchange/reference). HMA: signals of hasher-matcher-actioner's bank contents, by
//! name of their signal type, with its `disable_until_ts` (0: disabled, 1: enabled, else disabled until then).

use crate::error::{Error, Result};
use crate::import::{COLUMNS, Entry, MAX_LINE, Sink};
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// Refuses a header without anything to import, or with names that nobody would read.
pub fn check_header(names: &[String]) -> Result<()> {
    let has = |name: &str| names.iter().any(|known| known == name);
    if has("type") && (has("indicator") || has("raw_indicator")) {
        return Ok(());
    }
    let unknown = names.iter().find(|name| !COLUMNS.contains(&name.as_str()));
    let twice = names
        .iter()
        .enumerate()
        .find(|(n, name)| names[..*n].contains(name));
    let what = match (unknown, twice) {
        (Some(name), _) => format!("the header has an unknown column \"{}\"", clipped(name)),
        (None, Some((_, name))) => format!("the header names column \"{}\" twice", clipped(name)),
        (None, None) if !has("term") && !has("hash") => {
            "the header has neither a column term nor hash".into()
        }
        (None, None) => return Ok(()),
    };
    Err(Error::Import {
        what,
        detail: "The first line of CSV names the columns. Nothing was imported.",
        hint: format!(
            "Columns are: {}. A plain list has format => 'words'.",
            COLUMNS.join(", ")
        ),
    })
}

fn clipped(name: &str) -> String {
    name.chars().take(100).collect()
}

pub fn csv_entry(names: &[String], record: &csv::StringRecord) -> Entry {
    let mut entry = Entry::default();
    for (name, cell) in names.iter().zip(record) {
        entry.set(name, cell);
    }
    entry
}

pub fn threatexchange_csv(names: &[String], record: &csv::StringRecord) -> Entry {
    let cells = names.iter().zip(record);
    let object = cells
        .filter(|(_, cell)| !cell.trim().is_empty())
        .map(|(name, cell)| (name.clone(), Value::from(cell)))
        .collect();
    threatexchange(&object)
}

/// One object per line, one array of objects, or an object whose `data` is such an array.
pub fn json(content: &str, sink: &mut Sink<'_>, entry: fn(&Object) -> Entry) -> Result<()> {
    if content.trim_start().starts_with('[') {
        return elements(content, sink, entry);
    }
    // Pages of ThreatExchange's API: {"data": [...], "paging": ...}.
    if let Ok(page) = serde_json::from_str::<Page<'_>>(content)
        && let Some(data) = page.data
    {
        return elements(data.get(), sink, entry);
    }
    for (index, line) in content.lines().enumerate() {
        if !line.trim().is_empty() {
            sink.take(index + 1, object(line, entry))?;
        }
    }
    Ok(())
}

#[derive(serde::Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

fn object(text: &str, entry: fn(&Object) -> Entry) -> Entry {
    if text.len() > MAX_LINE {
        return Entry::refused(format!("longer than {MAX_LINE} bytes"));
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(object)) => entry(&object),
        Ok(_) => Entry::refused("not a JSON object"),
        Err(error) => Entry::refused(format!(
            "not JSON, cut off or too deep: column {}",
            error.column()
        )),
    }
}

/// The elements of an array, one at a time: only one is ever in memory as more than its text.
fn elements(text: &str, sink: &mut Sink<'_>, entry: fn(&Object) -> Entry) -> Result<()> {
    struct Elements<'s, 'a> {
        sink: &'s mut Sink<'a>,
        entry: fn(&Object) -> Entry,
        failed: Option<Error>,
    }
    impl<'de> Visitor<'de> for &mut Elements<'_, '_> {
        type Value = ();

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("an array of objects")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> std::result::Result<(), A::Error> {
            let mut position = 0;
            while let Some(element) = sequence.next_element::<&RawValue>()? {
                position += 1;
                if let Err(error) = self.sink.take(position, object(element.get(), self.entry)) {
                    self.failed = Some(error);
                    return Err(serde::de::Error::custom("ended"));
                }
            }
            Ok(())
        }
    }
    impl<'de> DeserializeSeed<'de> for &mut Elements<'_, '_> {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
            deserializer.deserialize_seq(self)
        }
    }
    let mut elements = Elements {
        sink,
        entry,
        failed: None,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = elements
        .deserialize_in(&mut deserializer)
        .and_then(|()| deserializer.end());
    match (elements.failed, read) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => Err(Error::Import {
            what: format!(
                "cannot read the file as JSON: line {}, column {}",
                error.line(),
                error.column()
            ),
            detail: "It is cut off, nested too deeply or no JSON. Nothing was imported.",
            hint: "An array of objects, or one object per line, is what is read.".into(),
        }),
    }
}

/// A seed that may be used through a reference.
trait DeserializeIn<'de>: Sized {
    fn deserialize_in<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error>;
}

impl<'de, T: DeserializeSeed<'de, Value = ()>> DeserializeIn<'de> for T {
    fn deserialize_in<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        self.deserialize(deserializer)
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(boolean) => Some(boolean.to_string()),
        _ => None,
    }
}

/// JSON Lines: the columns of CSV as keys.
pub fn own(object: &Object) -> Entry {
    let mut entry = Entry::default();
    for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        if !COLUMNS.contains(&key.as_str()) {
            return Entry::refused(format!("unknown key \"{}\"", clipped(key)));
        }
        match scalar(value) {
            Some(text) => entry.set(key, &text),
            None => return Entry::refused(format!("{key} is neither text nor a number")),
        }
    }
    entry
}

fn text_of(object: &Object, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| object.get(*key).and_then(scalar))
}

/// An ISO time, or seconds since 1970, which PostgreSQL reads as an offset from its epoch.
fn time(entry: &mut Entry, column: &str, value: &str) {
    match value.parse::<i64>() {
        Ok(0) => {}
        Ok(seconds) => entry.set(column, &format!("epoch {seconds}")),
        Err(_) => entry.set(column, value),
    }
}

/// A ThreatExchange descriptor: the type says what its indicator is.
pub fn threatexchange(object: &Object) -> Entry {
    let nested = object.get("indicator").and_then(Value::as_object);
    let value = text_of(object, &["raw_indicator", "indicator"])
        .or_else(|| nested.and_then(|indicator| text_of(indicator, &["indicator"])));
    let kind =
        text_of(object, &["type"]).or_else(|| nested.and_then(|indicator| text_of(indicator, &["type"])));
    let (Some(value), Some(kind)) = (value, kind) else {
        return Entry::refused("no type, or no indicator");
    };
    if let Some(status) = text_of(object, &["status"]).filter(|status| status == "NON_MALICIOUS") {
        return Entry::refused(format!("status {status}: no risk material"));
    }
    let mut entry = Entry::default();
    match kind.as_str() {
        "HASH_PDQ" => entry.set("hash", &value),
        "TEXT_STRING" | "DEBUG_STRING" => entry.set("term", &value),
        "DOMAIN" | "EMAIL_ADDRESS" => {
            entry.set("term", &value);
            entry.set("match", if kind == "DOMAIN" { "domain" } else { "email" });
        }
        _ => return Entry::refused(format!("type {}: nothing here matches it", clipped(&kind))),
    }
    if let Some(description) = text_of(object, &["description"]) {
        entry.set("note", &description);
    }
    if let Some(id) = text_of(object, &["id"]) {
        entry.set("case_ref", &format!("threatexchange {id}"));
    }
    if let Some(expires) = text_of(object, &["expired_on", "expire_time"]) {
        time(&mut entry, "expires_at", &expires);
    }
    entry
}

/// A signal of an HMA bank: `{"signal_type": "pdq", "signal_value": …}`, or the value under the name of its type.
pub fn hma(object: &Object) -> Entry {
    let named = text_of(object, &["signal_type"])
        .zip(text_of(object, &["signal_value", "signal_val", "signal"]))
        .or_else(|| {
            ["pdq", "raw_text", "vpdq", "video_md5", "url", "trend_query"]
                .into_iter()
                .find_map(|kind| text_of(object, &[kind]).map(|value| (kind.to_owned(), value)))
        });
    let Some((kind, value)) = named else {
        return Entry::refused("no signal_type with its signal_value, and no signal by its name");
    };
    let mut entry = Entry::default();
    match kind.as_str() {
        "pdq" => entry.set("hash", &value),
        "raw_text" => entry.set("term", &value),
        _ => return Entry::refused(format!("signal type {}: nothing here matches it", clipped(&kind))),
    }
    match object.get("disable_until_ts").and_then(Value::as_i64) {
        Some(0) => return Entry::refused("disabled in the bank"),
        None | Some(1) => {}
        Some(until) => time(&mut entry, "valid_from", &until.to_string()),
    }
    if let Some(id) = text_of(object, &["id", "content_id", "bank_content_id"]) {
        entry.set("case_ref", &format!("hma {id}"));
    }
    if let Some(note) = text_of(object, &["notes", "note", "original_content_uri"]) {
        entry.set("note", &note);
    }
    entry
}
