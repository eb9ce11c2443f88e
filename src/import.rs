//! Reading files of items: `parse_import(content, format, match, level, language)` gives one row per line, with what is
//! wrong with it or what it says; `import_items()` in `sql/57_import.sql` decides what becomes of it.
//!
//! Nothing is added here. A line is at most [`MAX_LINE`] bytes and a file at most [`MAX_LINES`] lines, so that no input
//! makes us allocate much more than itself. Not for whole packages: those are `export_package()` and `import_package()`.

use crate::compiled;
use crate::error::{Error, Result};
use crate::layout;
use crate::material::{enum_label, item_hash};
use crate::pg::{self, Call, Rows};
use pg_moderation_engine::{MatchMode, Term, validate_term};
use pgrx::pg_sys::Datum;

crate::pg_function!(
    moderation_parse_import,
    pg_finfo_moderation_parse_import,
    parse_import
);

/// Lines of one import.
const MAX_LINES: usize = 1_000_000;
/// Bytes of one line, or of one element of a JSON array.
pub const MAX_LINE: usize = 1 << 20;
/// Fields of one line of CSV.
const MAX_FIELDS: usize = 1_000;
/// A NOTICE tells about every so many lines.
const PROGRESS: usize = 10_000;

/// The columns of CSV and the keys of JSON Lines.
pub const COLUMNS: [&str; 15] = [
    "term",
    "match",
    "level",
    "language",
    "weight",
    "allow",
    "note",
    "case_ref",
    "source",
    "evidence",
    "valid_from",
    "expires_at",
    "hash",
    "max_distance",
    "label",
];

/// What one line says, as it is written; empty cells are `None`.
#[derive(Default)]
pub struct Entry {
    pub fields: [Option<String>; COLUMNS.len()],
    /// Why the line cannot become an item.
    pub problem: Option<String>,
}

impl Entry {
    pub fn refused(problem: impl Into<String>) -> Self {
        Self {
            problem: Some(problem.into()),
            ..Self::default()
        }
    }

    pub fn set(&mut self, column: &str, value: &str) {
        let value = value.trim();
        if let Some(index) = COLUMNS.iter().position(|name| *name == column)
            && !value.is_empty()
        {
            self.fields[index] = Some(value.to_owned());
        }
    }

    fn get(&self, column: &str) -> Option<&str> {
        let index = COLUMNS.iter().position(|name| *name == column)?;
        self.fields[index].as_deref()
    }
}

/// The defaults of the call.
struct Defaults {
    mode: String,
    level: String,
    language: Option<String>,
}

/// Takes the entries one by one and turns them into rows.
pub struct Sink<'a> {
    rows: &'a Rows,
    defaults: &'a Defaults,
    lines: usize,
}

impl Sink<'_> {
    pub fn take(&mut self, line: usize, entry: Entry) -> Result<()> {
        pgrx::check_for_interrupts!();
        self.lines += 1;
        if self.lines > MAX_LINES {
            return Err(Error::Import {
                what: format!("the file has more than {MAX_LINES} lines"),
                detail: "Nothing was imported.",
                hint: "Import it in parts.".into(),
            });
        }
        if self.lines.is_multiple_of(PROGRESS) {
            pgrx::notice!("{} lines read", self.lines);
        }
        self.put(line, entry)
    }

    fn put(&self, line: usize, mut entry: Entry) -> Result<()> {
        let zero = entry.fields.iter().flatten().any(|value| value.contains('\0'));
        if zero {
            entry = Entry::refused("contains a zero character");
        }
        let hash = match entry.problem {
            None => match self.check(&mut entry) {
                Ok(hash) => hash,
                Err(problem) => {
                    entry.problem = Some(problem);
                    None
                }
            },
            Some(_) => None,
        };
        let mut row = vec![
            Some((line as i32).into()),
            entry.problem.as_deref().map(pg::text_datum),
        ];
        row.extend(
            entry
                .fields
                .iter()
                .map(|value| value.as_deref().map(pg::text_datum)),
        );
        row.push(hash.map(|hash| pg::bytea_datum(&hash)));
        self.rows.put(&row)
    }

    /// Fills in the defaults and checks what can be checked without the package; the hash of a term.
    fn check(&self, entry: &mut Entry) -> std::result::Result<Option<[u8; 32]>, String> {
        match (entry.get("term"), entry.get("hash")) {
            (None, None) => return Err("neither a term nor a hash".into()),
            (Some(_), Some(_)) => return Err("both a term and a hash".into()),
            _ => {}
        }
        let allow = match entry.get("allow").map(str::to_lowercase).as_deref() {
            None | Some("false" | "f" | "no" | "0") => false,
            Some("true" | "t" | "yes" | "1") => true,
            Some(other) => return Err(format!("allow is \"{other}\", neither true nor false")),
        };
        let weight = entry.get("weight").map_or(Ok(1.0), str::parse::<f32>);
        if !weight.is_ok_and(|weight| weight > 0.0 && weight <= 1000.0) {
            return Err("weight is not a number above 0 and at most 1000".into());
        }
        entry.set("allow", if allow { "true" } else { "false" });
        if entry.get("hash").is_some() {
            return check_image(entry).map(|()| None);
        }
        if entry.get("max_distance").is_some() || entry.get("label").is_some() {
            return Err("max_distance and label are for hashes".into());
        }
        let mode = entry
            .get("match")
            .map_or(self.defaults.mode.clone(), str::to_lowercase);
        let level = entry
            .get("level")
            .map_or(self.defaults.level.clone(), str::to_lowercase);
        let own_language = entry.get("language").map(str::to_lowercase);
        let wants_language = matches!(mode.as_str(), "inflected" | "rule");
        // The default language is for the modes that have one; a language in the line itself must fit.
        let language = own_language.or_else(|| self.defaults.language.clone().filter(|_| wants_language));
        let term = Term {
            text: entry.get("term").unwrap_or_default().to_owned(),
            mode: compiled::match_mode(&mode).map_err(|_| format!("no match mode \"{mode}\""))?,
            level: compiled::level(&level).map_err(|_| format!("no level \"{level}\""))?,
            language: compiled::language(language.as_deref()).map_err(Error::message)?,
        };
        if term.language.is_some() && !matches!(term.mode, MatchMode::Inflected | MatchMode::Rule) {
            return Err(Error::LanguageWithoutForms.message());
        }
        validate_term(&term).map_err(|error| error.to_string())?;
        entry.set("match", &mode);
        entry.set("level", &level);
        let code = language.as_deref().unwrap_or_default();
        entry.set("language", code);
        let role = if allow { "allow" } else { "risk" };
        Ok(Some(item_hash(&["term", role, &mode, &level, code, &term.text])))
    }
}

/// An image's hash is compared as it is; its item hash is made in SQL.
fn check_image(entry: &Entry) -> std::result::Result<(), String> {
    if ["match", "level", "language"]
        .iter()
        .any(|column| entry.get(column).is_some())
    {
        return Err("match, level and language are for terms".into());
    }
    let hash = entry.get("hash").unwrap_or_default();
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("the hash is not a PDQ hash of 64 hexadecimal digits".into());
    }
    let distance = entry.get("max_distance").map_or(Ok(0), str::parse::<u8>);
    if !distance.is_ok_and(|distance| distance <= 64) {
        return Err("max_distance is not a number from 0 to 64".into());
    }
    Ok(())
}

fn parse_import(call: &Call) -> Result<Option<Datum>> {
    let rows = call.rows();
    let (Some(content), Some(format)) = (call.text(0)?, call.text(1)?) else {
        return Ok(None);
    };
    let (Some(mode), Some(level)) = (enum_label(call, 2)?, enum_label(call, 3)?) else {
        return Err(Error::Internal("match and level must not be NULL"));
    };
    let language = call.text(4)?.map(str::to_lowercase);
    compiled::language(language.as_deref())?;
    refuse_mojibake(content)?;
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    let defaults = Defaults {
        mode,
        level,
        language,
    };
    let mut sink = Sink {
        rows: &rows,
        defaults: &defaults,
        lines: 0,
    };
    match format {
        "csv" => csv(content, &mut sink, layout::csv_entry)?,
        "words" => words(content, &mut sink, true)?,
        "ldnoobw" => words(content, &mut sink, false)?,
        "jsonl" => layout::json(content, &mut sink, layout::own)?,
        "threatexchange" if looks_like_json(content) => {
            layout::json(content, &mut sink, layout::threatexchange)?
        }
        "threatexchange" => csv(content, &mut sink, layout::threatexchange_csv)?,
        "hma" => layout::json(content, &mut sink, layout::hma)?,
        _ => {
            return Err(Error::Import {
                what: format!("unknown format \"{format}\""),
                detail: "Nothing was imported.",
                hint: "Use csv, jsonl, words, ldnoobw, threatexchange or hma.".into(),
            });
        }
    }
    Ok(None)
}

fn looks_like_json(content: &str) -> bool {
    content.trim_start().starts_with(['{', '['])
}

/// One term a line; in our own word lists lines that start with `#` are comments.
fn words(content: &str, sink: &mut Sink<'_>, comments: bool) -> Result<()> {
    for (index, line) in content.lines().enumerate() {
        let word = line.trim();
        if word.is_empty() || comments && word.starts_with('#') {
            continue;
        }
        let mut entry = Entry::default();
        entry.set("term", word);
        sink.take(index + 1, entry)?;
    }
    Ok(())
}

/// The separator and, before the parser allocates anything, whether every quote is closed and no record is huge.
fn separator_of(content: &str) -> Result<u8> {
    let header = content.lines().next().unwrap_or_default();
    let separator = [b',', b';', b'\t']
        .into_iter()
        .max_by_key(|&separator| {
            (
                header.bytes().filter(|&byte| byte == separator).count(),
                separator == b',',
            )
        })
        .unwrap_or(b',');
    let (mut quoted, mut fields, mut line, mut opened) = (false, 1, 1, 1);
    for byte in content.bytes() {
        match byte {
            b'"' => {
                quoted = !quoted;
                opened = line;
            }
            b'\n' => {
                line += 1;
                if !quoted {
                    fields = 1;
                }
            }
            _ if byte == separator && !quoted => fields += 1,
            _ => {}
        }
        if fields > MAX_FIELDS {
            return Err(Error::Import {
                what: format!("line {line} has more than {MAX_FIELDS} fields"),
                detail: "Nothing was imported.",
                hint: "Is this CSV?".into(),
            });
        }
    }
    if quoted {
        return Err(Error::Import {
            what: format!("the quote that opens in line {opened} is never closed"),
            detail: "The file is cut off, or a quote inside a field is not doubled. Nothing was imported.",
            hint: "In CSV a field with a quote is written \"like \"\"this\"\"\".".into(),
        });
    }
    Ok(separator)
}

/// CSV with a header; `entry` makes an entry of the names and cells of a record.
fn csv(content: &str, sink: &mut Sink<'_>, entry: fn(&[String], &csv::StringRecord) -> Entry) -> Result<()> {
    let separator = separator_of(content)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .from_reader(content.as_bytes());
    let unreadable = |error: csv::Error| Error::Import {
        what: format!("cannot read the file as CSV: {error}"),
        detail: "Nothing was imported.",
        hint: "Files of other kinds have a format of their own: jsonl, words, ldnoobw, threatexchange, hma."
            .into(),
    };
    let names: Vec<String> = reader
        .headers()
        .map_err(unreadable)?
        .iter()
        .map(|name| name.trim().to_lowercase())
        .collect();
    layout::check_header(&names)?;
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(unreadable)? {
        let line = record.position().map_or(0, |position| position.line() as usize);
        let made = if record.len() > names.len() {
            Entry::refused(format!("{} fields, the header has {}", record.len(), names.len()))
        } else {
            entry(&names, &record)
        };
        sink.take(line, made)?;
    }
    Ok(())
}

/// A Windows-1251 file that was read as Latin-1 has letters, and most of them are accented.
fn refuse_mojibake(content: &str) -> Result<()> {
    let (mut accented, mut letters) = (0_usize, 0_usize);
    for character in content
        .chars()
        .filter(|character| character.is_alphabetic())
        .take(1 << 16)
    {
        letters += 1;
        accented += usize::from(('\u{c0}'..='\u{ff}').contains(&character));
    }
    if letters < 8 || accented * 10 < letters * 6 {
        return Ok(());
    }
    Err(Error::Import {
        what: "the text looks like Windows-1251 read as Latin-1".into(),
        detail: "Most of its letters are accented ones. Nothing was imported.",
        hint: "Give the bytes of the file and convert them: import_items(..., convert_from(content, 'WIN1251'), ...).".into(),
    })
}
