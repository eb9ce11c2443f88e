//! `lint_items`: what is questionable about the items of a release or draft, with SQL that mends it.
//!
//! Our own tables are read as the extension's owner; the table of word frequencies is the user's and is read as the caller,
//! also when a security definer function calls: it must be a plain table with columns of built-in types, so that reading
//! it runs nobody's code.

use crate::compiled::{self, interrupted};
use crate::error::{Error, Result};
use crate::identity::{AsOwner, Settings};
use crate::in_force::{self, InForce};
use crate::media::MediaItems;
use crate::pg::{self, Call};
use crate::spi::{self, Parameter};
use pg_moderation_engine::{Finding, Item, LintError, LintOptions, Remedy, lint};
use pgrx::pg_sys::{self, Datum};

crate::pg_function!(moderation_lint_items, pg_finfo_moderation_lint_items, lint_items);

/// Words of the frequency table that are read at most: the most frequent ones.
const MAX_WORDS: i32 = 200_000;

impl From<LintError> for Error {
    fn from(error: LintError) -> Self {
        match error {
            LintError::Compile(error) => error.into(),
            LintError::Open(error) => error.into(),
            LintError::Match(error) => error.into(),
        }
    }
}

/// `lint_items(package, release, frequency_source, errors_only)` → severity, item, rule, message, fix, other item.
fn lint_items(call: &Call) -> Result<Option<Datum>> {
    let rows = call.rows();
    let Some(package) = call.text(0)? else {
        return Err(Error::UnknownPackage("NULL".into()));
    };
    let map = in_force::current()?;
    let release = in_force::release(&map, package, call.int4(1))?;
    if !map.may_read(release.package_id)? {
        return Err(Error::Restricted(package.to_owned()));
    }
    let mut items = Vec::new();
    // Images and videos have their own rules, in SQL.
    compiled::load(map.installed, 0, &release, &mut items, &mut MediaItems::default())?;
    let words = match call.datum(2) {
        Some(table) => words(&map, pg_sys::Oid::from(table.value() as u32))?,
        None => Vec::new(),
    };
    let options = LintOptions {
        words: &words,
        sums_up: release.threshold > 0.0,
        blocks: release.action == "block" && release.threshold == 0.0,
        errors_only: call.boolean(3).unwrap_or(false),
    };
    for finding in lint(&items, &options, &mut interrupted)? {
        rows.put(&[
            Some(pg::text_datum(finding.severity.name())),
            Some(finding.item.into()),
            Some(pg::text_datum(finding.rule)),
            Some(pg::text_datum(&finding.message)),
            fix(package, &finding, &items).map(|sql| pg::text_datum(&sql)),
            finding.other.map(Into::into),
        ])?;
    }
    Ok(None)
}

/// The remedy as SQL.
fn fix(package: &str, finding: &Finding, items: &[Item]) -> Option<String> {
    let literal = |text: &str| pgrx::spi::quote_literal(text);
    let package = literal(package);
    let item = finding.item;
    let remove = format!("SELECT moderation.remove_items({package}, ARRAY[{item}]);");
    match &finding.remedy {
        Remedy::Think => None,
        Remedy::Remove => Some(remove),
        Remedy::WholeWord => Some(format!(
            "SELECT moderation.update_items({package}, ARRAY[{item}], match => 'word');"
        )),
        Remedy::Raise { other, level } => Some(format!(
            "SELECT moderation.update_items({package}, ARRAY[{other}], level => '{}'); {remove}",
            level.name()
        )),
        Remedy::Replace(text) => {
            let found = items.iter().find(|candidate| candidate.id == item)?;
            let (function, weight) = match found.allow {
                true => ("allow_terms", String::new()),
                false => ("add_terms", format!(", weight => {}", found.weight)),
            };
            let language = found
                .term
                .language
                .map(|l| format!(", language => '{}'", l.code()));
            Some(format!(
                "{remove} SELECT * FROM moderation.{function}({package}, ARRAY[{}], match => '{}', level => '{}'{weight}{});",
                literal(text),
                found.term.mode.name(),
                found.term.level.name(),
                language.unwrap_or_default()
            ))
        }
    }
}

const SOURCE: &std::ffi::CStr = c"
SELECT count(*)::integer
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.oid = $1 AND c.relkind IN ('r', 'p', 'm') AND NOT a.attisdropped
  AND NOT c.relrowsecurity AND a.attgenerated = ''
  AND (a.attname = 'word' AND a.atttypid IN ('text'::regtype, 'varchar'::regtype)
       OR a.attname = 'frequency'
          AND a.atttypid IN ('int4'::regtype, 'int8'::regtype, 'float4'::regtype, 'float8'::regtype, 'numeric'::regtype))";

/// The words of the user's table and their share of all of them. Frequencies may be counts or shares.
fn words(map: &InForce, table: pg_sys::Oid) -> Result<Vec<(String, f64)>> {
    let mut columns = 0;
    {
        let _owner = AsOwner::new(map.installed.owner);
        spi::read(SOURCE, &[Parameter::oid(table)], |row| {
            columns = row.int4(1).unwrap_or_default();
            Ok(())
        })?;
    }
    if columns != 2 {
        return Err(Error::FrequencySource);
    }
    let mut words = Vec::new();
    let name = {
        let _settings = Settings::plain_output();
        pg::output(pg_sys::REGCLASSOID, table.into())?
    };
    let sql = format!(
        "SELECT word::text, frequency::float8 / nullif(sum(frequency::float8) OVER (), 0)
         FROM {name} WHERE word IS NOT NULL AND frequency > 0 ORDER BY frequency DESC, word LIMIT {MAX_WORDS}"
    );
    let _caller = AsOwner::as_caller();
    spi::read_large(&pg::cstring(&sql)?, &[], |row| {
        let share = row.datum(2).map(|datum| f64::from_bits(datum.value() as u64));
        if let (Some(word), Some(share)) = (row.text(1)?, share) {
            words.push((word, share));
        }
        Ok(())
    })?;
    Ok(words)
}
