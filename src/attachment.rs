//! How a table is attached: which columns are watched and what a block does.
//!
//! The settings are the argument and the column list of the table's statement trigger `moderation_columns`, which does
//! nothing else: PostgreSQL keeps column lists right through renames, dumps and partition copies. They are read under
//! the latest snapshot, as the triggers themselves were, and kept until the relation is invalidated.

use crate::error::{Error, Result};
use crate::identity::{AsOwner, Installed};
use crate::pg;
use crate::spi::{self, Parameter};
use pgrx::pg_sys;
use serde::Deserialize;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBlock {
    Flag,
    Quarantine,
    Reject,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    Id,
    Text,
    Image,
    Video,
    Owner,
    CreatedAt,
    Verdict,
    Set,
}

/// The argument of the trigger `moderation_columns`.
#[derive(Deserialize)]
struct Settings {
    on_block: OnBlock,
    roles: Vec<Vec<Role>>,
}

/// A watched column as the relation at hand numbers it.
#[derive(Clone)]
pub struct Column {
    pub name: String,
    pub number: i16,
    pub type_oid: pg_sys::Oid,
}

pub struct Attachment {
    pub source_id: i32,
    pub on_block: OnBlock,
    pub id: Column,
    pub texts: Vec<Column>,
    pub images: Vec<Column>,
    pub videos: Vec<Column>,
    pub owner: Option<Column>,
    pub created_at: Option<Column>,
    pub verdict: Option<Column>,
    /// Where the name of the compiled set that judged the row goes.
    pub set: Option<Column>,
}

thread_local! {
    /// By the number of the relation; asked for every row.
    static KNOWN: RefCell<BTreeMap<u32, Rc<Attachment>>> = const { RefCell::new(BTreeMap::new()) };
    static STALE: Cell<bool> = const { Cell::new(false) };
}

/// Called for every relcache invalidation. Only a flag, and only for relations we know: a session next to a busy user
/// of temporary tables must not read again and again.
pub fn relation_invalidated(relation: pg_sys::Oid) {
    let concerns_us = relation == pg_sys::InvalidOid
        || KNOWN.with(|known| {
            known
                .try_borrow()
                .map_or(true, |known| known.contains_key(&relation.to_u32()))
        });
    if concerns_us {
        STALE.set(true);
    }
}

/// The attachment of `relation`, which may be a partition of an attached table.
pub fn of(relation: pg_sys::Relation) -> Result<Rc<Attachment>> {
    // SAFETY: the trigger's relation is open.
    let relation_oid = unsafe { (*relation).rd_id };
    let number = relation_oid.to_u32();
    if STALE.replace(false) {
        KNOWN.with_borrow_mut(BTreeMap::clear);
    }
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&number).cloned()) {
        return Ok(known);
    }
    let attachment = Rc::new(read(relation_oid)?);
    KNOWN.with_borrow_mut(|known| known.insert(number, attachment.clone()));
    Ok(attachment)
}

// The nearest attached ancestor, the relation itself first; its columns by the names they have in the relation.
const ATTACHMENT: &std::ffi::CStr = c"
SELECT s.source_id, convert_from(substr(t.tgargs, 1, length(t.tgargs) - 1), 'UTF8'),
       (SELECT jsonb_agg(jsonb_build_array(here.attname, here.attnum, here.atttypid::bigint,
                                   CASE WHEN kind.typcategory = 'S' AND kind.typlen = -1 THEN 'text'
                                        WHEN kind.oid = 'moderation.pdqhash'::regtype THEN 'image'
                                        WHEN kind.oid = 'moderation.video_frame[]'::regtype THEN 'video'
                                        WHEN kind.oid = 'jsonb'::regtype THEN 'jsonb' ELSE '' END) ORDER BY u.n)
        FROM unnest(t.tgattr::smallint[]) WITH ORDINALITY u(attnum, n)
        JOIN pg_attribute there ON there.attrelid = t.tgrelid AND there.attnum = u.attnum
        JOIN pg_attribute here ON here.attrelid = $1 AND here.attname = there.attname AND NOT here.attisdropped
        JOIN pg_type kind ON kind.oid = here.atttypid)::text
FROM (SELECT $1 AS relid, 0 AS distance
      UNION ALL
      SELECT a.relid, a.n FROM pg_partition_ancestors($1) WITH ORDINALITY a(relid, n)) r
JOIN pg_trigger t ON t.tgrelid = r.relid AND t.tgfoid = 'moderation.watched_columns()'::regprocedure
JOIN moderation.sources s ON s.relation = r.relid
ORDER BY r.distance LIMIT 1";

fn read(relation: pg_sys::Oid) -> Result<Attachment> {
    let installed = Installed::look_up()?;
    let mut found = None;
    spi::under_latest_snapshot(|| {
        let _owner = AsOwner::new(installed.owner);
        spi::read(ATTACHMENT, &[Parameter::oid(relation)], |row| {
            found = row.int4(1).zip(row.text(2)?).zip(row.text(3)?);
            Ok(())
        })
    })?;
    let not_attached = || {
        pg::output(pg_sys::REGCLASSOID, relation.into())
            .map_or_else(|error| error, |relation| Error::NotAttached { relation })
    };
    let ((source_id, settings), columns) = found.ok_or_else(not_attached)?;
    let settings: Settings = serde_json::from_str(&settings).map_err(|_| not_attached())?;
    let columns: Vec<(String, i16, u32, String)> =
        serde_json::from_str(&columns).map_err(|_| not_attached())?;
    if columns.len() != settings.roles.len() {
        return Err(not_attached());
    }
    // attach() checked this, but the owner of a table can make the trigger again with other columns, and the values
    // are read as the types that their roles promise.
    let fits = |((_, _, _, kind), roles): (&(String, i16, u32, String), &Vec<Role>)| {
        roles.iter().all(|role| match role {
            Role::Text | Role::Set => kind == "text",
            Role::Image => kind == "image",
            Role::Video => kind == "video",
            Role::Verdict => kind == "jsonb",
            Role::Id | Role::Owner | Role::CreatedAt => true,
        })
    };
    if !columns.iter().zip(&settings.roles).all(fits) {
        return Err(not_attached());
    }
    let with_role = |role: Role| {
        columns
            .iter()
            .zip(&settings.roles)
            .filter(move |(_, roles)| roles.contains(&role))
            .map(|((name, number, type_oid, _), _)| Column {
                name: name.clone(),
                number: *number,
                type_oid: pg_sys::Oid::from(*type_oid),
            })
            .collect::<Vec<_>>()
    };
    Ok(Attachment {
        source_id,
        on_block: settings.on_block,
        id: with_role(Role::Id).pop().ok_or_else(not_attached)?,
        texts: with_role(Role::Text),
        images: with_role(Role::Image),
        videos: with_role(Role::Video),
        owner: with_role(Role::Owner).pop(),
        created_at: with_role(Role::CreatedAt).pop(),
        verdict: with_role(Role::Verdict).pop(),
        set: with_role(Role::Set).pop(),
    })
}
