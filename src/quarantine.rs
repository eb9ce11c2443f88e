//! Quarantine: rows kept out of their table, whole, and how they come back.
//!
//! Every stored column is kept as the text its type prints under fixed settings, by name, so that every type
//! round-trips and columns may be added meanwhile. Printing and reading are the user's functions and run as the caller;
//! only the quarantine table is written as the extension's owner.

use crate::attachment::{self, Attachment, Column};
use crate::error::{Error, Result};
use crate::identity::{AsOwner, Settings, caller_name};
use crate::in_force;
use crate::pg::{self, Call};
use crate::record::{self, Content};
use crate::spi::{self, Parameter};
use crate::trigger::{self, Firing, Judged};
use crate::verdict::Reader;
use pgrx::pg_sys::{self, Datum};
use serde_json::{Map, Value};
use std::cell::Cell;

crate::pg_function!(
    moderation_release_quarantined,
    pg_finfo_moderation_release_quarantined,
    release
);

thread_local! {
    /// The content that `release_quarantined` is storing at this moment (source, digest), not to be quarantined again,
    /// and the subtransaction that does it.
    static RELEASING: Cell<Option<(i32, [u8; 32], u32)>> = const { Cell::new(None) };
}

pub fn is_being_released(source_id: i32, digest: &[u8; 32]) -> bool {
    RELEASING
        .get()
        .is_some_and(|(source, released, _)| source == source_id && released == *digest)
}

/// Forgets a release that an error ended.
pub fn transaction_ended() {
    RELEASING.set(None);
}

/// The same within a transaction. An error that a trigger of the user's caught on the way does not end the release.
pub fn subtransaction_aborted(subtransaction: u32) {
    if RELEASING.get().is_some_and(|(_, _, by)| by >= subtransaction) {
        RELEASING.set(None);
    }
}

const KEEP: &std::ffi::CStr = c"
INSERT INTO moderation.quarantine
    (source_id, operation, content_key, owner_key, digest, set_hash, verdict, content, changed, quarantined_by,
     stored_key)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, (SELECT array_agg(c) FROM jsonb_array_elements_text($9) c), $10, $11";

/// Stores the new row in quarantine, and its hits.
pub fn keep_out(firing: &Firing, attachment: &Attachment, judged: &Judged<'_>) -> Result<()> {
    let content = trigger::content_of(firing, attachment, judged.digest())?;
    let (row, changed) = print_row(firing)?;
    let stored_key = trigger::stored_key(firing, attachment)?;
    let verdict = trigger::verdict_json(judged, judged.judgement.live_hits(&judged.map, Reader::Anybody)?);
    let caller = caller_name()?;
    {
        let _owner = AsOwner::new(judged.map.installed.owner);
        spi::write(
            KEEP,
            &[
                Parameter::int4(content.source_id),
                Parameter::text(Some(if firing.is_update() { "update" } else { "insert" })),
                Parameter::text(content.content_key.as_deref()),
                Parameter::text(content.owner_key.as_deref()),
                Parameter::bytea(&content.digest),
                Parameter::bytea(&judged.map.set_hash),
                Parameter::jsonb(&verdict)?,
                Parameter::jsonb(&Value::Object(row))?,
                Parameter::jsonb(&Value::Array(changed))?,
                Parameter::text(Some(&caller)),
                Parameter::text(stored_key.as_deref()),
            ],
            |_| Ok(()),
        )?;
    }
    write_records(judged, &content)
}

/// Its hits, and the exposure if the content is in the sample: no later trigger sees a row that is kept out.
fn write_records(judged: &Judged<'_>, content: &Content) -> Result<()> {
    let _settings = Settings::plain_output();
    let rows = record::hit_rows(&judged.map, &judged.judgement, content, "quarantined")?;
    record::write_hits(judged.map.installed.owner, &rows)?;
    let key = content.content_key.as_deref();
    if record::is_exposed(&judged.map, content.source_id, key, &|| content.digest)? {
        record::write_exposure(&judged.map, &judged.judgement, content)?;
    }
    Ok(())
}

/// Every stored column by name, and for an update the names of those that changed.
fn print_row(firing: &Firing) -> Result<(Map<String, Value>, Vec<Value>)> {
    let _settings = Settings::plain_output();
    let mut row = Map::new();
    let mut changed = Vec::new();
    for column in columns(firing.relation())? {
        let print = |datum: Option<Datum>| datum.map(|datum| pg::output(column.type_oid, datum)).transpose();
        let new = print(firing.value(column.number))?;
        if firing.is_update() && print(firing.old_value(column.number))? != new {
            changed.push(Value::from(column.name.as_str()));
        }
        row.insert(column.name, new.into());
    }
    Ok((row, changed))
}

struct StoredColumn {
    name: String,
    number: i16,
    type_oid: pg_sys::Oid,
    typmod: i32,
}

/// The columns of a relation that hold a value of their own.
fn columns(relation: pg_sys::Relation) -> Result<Vec<StoredColumn>> {
    let mut columns = Vec::new();
    // SAFETY: the relation is open for as long as its descriptor is read here.
    let descriptor = unsafe { pgrx::PgTupleDesc::from_pg_unchecked((*relation).rd_att) };
    for attribute in descriptor
        .iter()
        .filter(|a| !a.attisdropped && a.attgenerated == 0)
    {
        columns.push(StoredColumn {
            name: pgrx::name_data_to_str(&attribute.attname).to_owned(),
            number: attribute.attnum,
            type_oid: attribute.atttypid,
            typmod: attribute.atttypmod,
        });
    }
    Ok(columns)
}

/// A row of `moderation.quarantine` on its way back.
struct Kept {
    relation: pg_sys::Oid,
    source_id: i32,
    is_update: bool,
    content_key: String,
    /// The key that the row of an update has in its table.
    stored_key: Option<String>,
    digest: [u8; 32],
    content: Map<String, Value>,
    changed: Vec<String>,
}

// Locks the row first: a row is released once.
const CLAIM: &std::ffi::CStr = c"
SELECT s.relation, q.source_id, q.operation = 'update', coalesce(q.content_key, ''), q.digest, q.content::text,
       coalesce(to_jsonb(q.changed), '[]')::text, q.stored_key
FROM moderation.claim_quarantined($1) q JOIN moderation.sources s ON s.source_id = q.source_id";

fn claim(owner: pg_sys::Oid, id: Parameter) -> Result<Kept> {
    let _owner = AsOwner::new(owner);
    let mut kept = None;
    spi::write(CLAIM, &[id], |row| {
        let json = |column| {
            let text = row.text(column)?.unwrap_or_default();
            serde_json::from_str::<Value>(&text).map_err(|_| Error::Internal("quarantine holds no JSON"))
        };
        let (content, changed) = (json(6)?, json(7)?);
        let digest = row.bytes(5).and_then(|bytes| bytes.try_into().ok());
        kept = Some(Kept {
            relation: row.oid(1).unwrap_or(pg_sys::InvalidOid),
            source_id: row.int4(2).unwrap_or_default(),
            is_update: row.boolean(3).unwrap_or_default(),
            content_key: row.text(4)?.unwrap_or_default(),
            stored_key: row.text(8)?,
            digest: digest.ok_or(Error::Internal("quarantine holds no digest"))?,
            content: content.as_object().cloned().unwrap_or_default(),
            changed: changed
                .as_array()
                .map(|names| {
                    names
                        .iter()
                        .filter_map(|name| name.as_str().map(str::to_owned))
                        .collect()
                })
                .unwrap_or_default(),
        });
        Ok(())
    })?;
    kept.ok_or(Error::Internal("the source of a quarantined row is gone"))
}

/// `release_quarantined(id, note)`: stores the row with the caller's own rights.
fn release(call: &Call) -> Result<Option<Datum>> {
    let map = in_force::current()?;
    let owner = map.installed.owner;
    let id = || Parameter {
        type_oid: pg_sys::INT8OID,
        value: call.datum(0),
    };
    let kept = claim(owner, id())?;
    // SAFETY: plain read of transaction state.
    let subtransaction = unsafe { pg_sys::GetCurrentSubTransactionId() };
    let previous = RELEASING.replace(Some((kept.source_id, kept.digest, subtransaction)));
    let stored = store(&kept)?;
    RELEASING.set(previous);
    if stored > 1 {
        return Err(Error::SeveralRows {
            content_key: kept.content_key,
        });
    }
    if stored == 0 {
        return Err(if kept.is_update {
            Error::NoRowToUpdate {
                content_key: kept.content_key,
            }
        } else {
            Error::SetAside {
                content_key: kept.content_key,
            }
        });
    }
    let note = call.text(1)?;
    let _owner = AsOwner::new(owner);
    spi::write(
        c"SELECT moderation.resolve_quarantined($1, 'released', $2)",
        &[id(), Parameter::text(note)],
        |_| Ok(()),
    )?;
    Ok(Some(pg::text_datum(&kept.content_key)))
}

/// Writes the row into its table: all columns of an insert, the changed ones of an update.
fn store(kept: &Kept) -> Result<u64> {
    // SAFETY: the relation is opened with the lock that INSERT and UPDATE take; closed below, lock kept to the end.
    let relation =
        unsafe { pg_sys::try_relation_open(kept.relation, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE) };
    if relation.is_null() {
        return Err(Error::TableGone);
    }
    let columns = columns(relation)?;
    // Only an update needs to find its row; a quarantined insert can be released after detach().
    let id = kept.is_update.then(|| attachment::of(relation)).transpose();
    // SAFETY: opened above.
    unsafe { pg_sys::relation_close(relation, pg_sys::NoLock as pg_sys::LOCKMODE) };
    let id = match id {
        Ok(attachment) => attachment.map(|attachment| attachment.id.clone()),
        Err(Error::NotAttached { relation }) => return Err(Error::Detached { relation }),
        Err(error) => return Err(error),
    };
    let names: Vec<&String> = if kept.is_update {
        kept.changed.iter().collect()
    } else {
        kept.content.keys().collect()
    };
    let mut parameters = Vec::new();
    for name in &names {
        parameters.push(parameter(kept, &columns, name)?);
    }
    let quoted = |name: &str| pgrx::spi::quote_identifier(name);
    let table = qualified_name(kept.relation)?;
    let sql = if let Some(id) = id {
        let equals = equality(&id)?;
        parameters.push(id_parameter(kept, &id)?);
        let set: Vec<String> = names
            .iter()
            .enumerate()
            .map(|(n, name)| format!("{} = ${}", quoted(name), n + 1))
            .collect();
        format!(
            "UPDATE {table} SET {} WHERE {} {equals} ${}",
            set.join(", "),
            quoted(&id.name),
            parameters.len()
        )
    } else {
        let list: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        let values: Vec<String> = (1..=names.len()).map(|n| format!("${n}")).collect();
        format!(
            "INSERT INTO {table} ({}) OVERRIDING SYSTEM VALUE VALUES ({})",
            list.join(", "),
            values.join(", ")
        )
    };
    spi::write(&pg::cstring(&sql)?, &parameters, |_| Ok(()))
}

/// The key of the row that a quarantined update belongs to.
fn id_parameter(kept: &Kept, id: &Column) -> Result<Parameter> {
    let _settings = Settings::plain_output();
    let key = kept.stored_key.as_deref();
    Ok(Parameter {
        type_oid: id.type_oid,
        value: key.map(|key| pg::input(id.type_oid, -1, key)).transpose()?,
    })
}

/// The equality that indexes on the id column use, whatever operators the caller's search_path holds.
fn equality(id: &Column) -> Result<String> {
    // SAFETY: a look-up by the OID of a column's type; the entry lives as long as the backend.
    let operator =
        unsafe { (*pg_sys::lookup_type_cache(id.type_oid, pg_sys::TYPECACHE_EQ_OPR as i32)).eq_opr };
    let mut name = None;
    let _settings = Settings::plain_output();
    spi::read(
        c"SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)
          FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid = $1",
        &[Parameter::oid(operator)],
        |row| {
            name = row.text(1)?;
            Ok(())
        },
    )?;
    name.ok_or_else(|| Error::NoEquality {
        column: id.name.clone(),
    })
}

fn parameter(kept: &Kept, columns: &[StoredColumn], name: &str) -> Result<Parameter> {
    let column = columns
        .iter()
        .find(|column| column.name == name)
        .ok_or_else(|| Error::ColumnGone {
            column: name.to_owned(),
        })?;
    let _settings = Settings::plain_output();
    let value = match kept.content.get(name) {
        Some(Value::String(text)) => Some(pg::input(column.type_oid, column.typmod, text)?),
        _ => None,
    };
    Ok(Parameter {
        type_oid: column.type_oid,
        value,
    })
}

fn qualified_name(relation: pg_sys::Oid) -> Result<String> {
    // Under this search_path every name outside pg_catalog is printed with its schema.
    let _settings = Settings::plain_output();
    pg::output(pg_sys::REGCLASSOID, relation.into())
}
