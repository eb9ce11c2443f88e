//! Hash files back to hashes: vPDQ text, and what ThreatExchange's tools write: pages of an exchange (`{"data": […]}`),
//! arrays or lines of JSON objects with `type` and `indicator`, and lines of a signal's name and value.

use std::path::Path;

use pg_moderation_engine::hash::pdq::PdqHash;
use pg_moderation_engine::hash::vpdq::{VideoFrame, parse_frames};
use serde_json::Value;

use crate::output::Hashes;

/// What a file holds: names with their hashes, and how many objects were of other kinds.
#[derive(Default)]
pub struct Contents {
    pub hashes: Vec<(String, Hashes)>,
    pub skipped: usize,
}

/// Reads a hash file. `name` stands for what has no name of its own.
///
/// # Errors
/// What is wrong, with the line where it is known.
pub fn read_hashes(path: &Path, name: &str, max_bytes: usize) -> Result<Contents, String> {
    let bytes = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if bytes > max_bytes as u64 {
        return Err(format!("has {bytes} bytes, see --max-bytes"));
    }
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let text = String::from_utf8(text).map_err(|_| "is not a text file, as hash files are".to_owned())?;
    let text = text.trim_start_matches('\u{feff}');
    let first = text.trim_start();
    let mut contents = Contents::default();
    if first.starts_with(['{', '[']) {
        if let Ok(whole) = serde_json::from_str::<Value>(text) {
            add_json(&whole, name, &mut contents)?;
        } else {
            for (n, line) in text
                .lines()
                .enumerate()
                .filter(|(_, line)| !line.trim().is_empty())
            {
                let value = serde_json::from_str(line).map_err(|error| format!("line {}: {error}", n + 1))?;
                add_json(&value, name, &mut contents).map_err(|error| format!("line {}: {error}", n + 1))?;
            }
        }
    } else if first.starts_with(|c: char| c.is_ascii_digit())
        && first.lines().next().is_some_and(|l| l.contains(','))
    {
        let frames = parse_frames(text).map_err(|error| error.to_string())?;
        contents.hashes.push((name.to_owned(), Hashes::Video(frames)));
    } else {
        for (n, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
        {
            let (kind, signal) = line.trim().split_once(' ').unwrap_or(("pdq", line.trim()));
            add(kind, signal.trim(), &format!("{name}#{}", n + 1), &mut contents)
                .map_err(|error| format!("line {}: {error}", n + 1))?;
        }
    }
    if contents.hashes.is_empty() {
        return Err("holds no PDQ or vPDQ hashes".to_owned());
    }
    Ok(contents)
}

fn add_json(value: &Value, name: &str, contents: &mut Contents) -> Result<(), String> {
    let list = match value {
        Value::Array(list) => Some(list),
        Value::Object(object) => match object.get("data").or_else(|| object.get("threat_updates")) {
            Some(Value::Array(list)) => Some(list),
            Some(Value::Object(page)) => page.get("data").and_then(Value::as_array),
            _ => None,
        },
        _ => None,
    };
    if let Some(list) = list {
        // One level only: a page is not a list of pages.
        return list
            .iter()
            .try_for_each(|object| add_object(object, name, contents));
    }
    add_object(value, name, contents)
}

fn add_object(object: &Value, name: &str, contents: &mut Contents) -> Result<(), String> {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let Some(indicator) = text("indicator") else {
        contents.skipped += 1;
        return Ok(());
    };
    let named = text("description").or_else(|| text("id"));
    let unnamed = format!("{name}#{}", contents.hashes.len() + contents.skipped + 1);
    add(
        text("type").unwrap_or_default(),
        indicator,
        named.unwrap_or(&unnamed),
        contents,
    )
}

fn add(kind: &str, signal: &str, name: &str, contents: &mut Contents) -> Result<(), String> {
    let kind = kind.to_ascii_lowercase();
    let hashes = match kind.trim_start_matches("hash_").trim_start_matches("video_") {
        "pdq" => Hashes::Hash(signal.parse::<PdqHash>().map_err(|error| error.to_string())?),
        "vpdq" => Hashes::Video(compact_frames(signal)?),
        _ => {
            contents.skipped += 1;
            return Ok(());
        }
    };
    contents.hashes.push((name.to_owned(), hashes));
    Ok(())
}

/// py-threatexchange's form of a video: a JSON list of `hash,quality,seconds`. It has no frame numbers; their order
/// stands for them.
fn compact_frames(text: &str) -> Result<Vec<VideoFrame>, String> {
    let list: Vec<String> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut lines = String::new();
    for (number, frame) in list.iter().enumerate() {
        let fields: Vec<&str> = frame.split(',').collect();
        let [hash, quality, seconds] = fields[..] else {
            return Err(format!(
                "frame {}: expected hash, quality and seconds",
                number + 1
            ));
        };
        lines.push_str(&format!("{number},{quality},{hash},{seconds}\n"));
    }
    parse_frames(&lines).map_err(|error| error.to_string())
}
