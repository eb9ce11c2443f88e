//! The triggers of attached tables: one judges before the row is stored, one records after.
//!
//! `judge_row` (BEFORE, only with a verdict column, quarantine, or reject on a partitioned table) writes the verdict into
//! the row, keeps the row out, or recognises one that only moves between partitions.
//! `record_row` (AFTER) sees the row as it was really stored: hits of rows that ON CONFLICT DO NOTHING dropped are never
//! recorded, and what later BEFORE triggers did to the text counts. It judges again rather than trust what came between.

use crate::attachment::{self, Attachment, Column, OnBlock};
use crate::error::{Error, Result};
use crate::identity::Settings;
use crate::in_force::{self, InForce};
use crate::pg::{self, Call};
use crate::record::{self, Content};
use crate::rollout::Lot;
use crate::rules::Owner;
use crate::verdict::{self, Judgement};
use crate::watched::Watched;
use crate::{partition_move, quarantine, reject, rescan, spool};
use pgrx::pg_sys::{self, Datum};
use serde_json::json;
use std::cell::OnceCell;
use std::rc::Rc;

crate::pg_function!(moderation_judge_row, pg_finfo_moderation_judge_row, judge_row);
crate::pg_function!(
    moderation_watched_columns,
    pg_finfo_moderation_watched_columns,
    watched_columns
);
crate::pg_function!(
    moderation_signal_in_force,
    pg_finfo_moderation_signal_in_force,
    signal_in_force
);

/// One firing of a row trigger for INSERT or UPDATE.
pub struct Firing {
    data: *mut pg_sys::TriggerData,
}

impl Firing {
    pub fn of(call: &Call, before: bool) -> Result<Self> {
        // SAFETY: the context is checked to be a TriggerData before it is read.
        unsafe {
            if !pgrx::trigger_support::called_as_trigger(call.fcinfo()) {
                return Err(Error::NotATrigger);
            }
            let data = (*call.fcinfo()).context.cast::<pg_sys::TriggerData>();
            let event = (*data).tg_event;
            let operation = event & pg_sys::TRIGGER_EVENT_OPMASK;
            let row = event & pg_sys::TRIGGER_EVENT_ROW != 0;
            let is_before = event & pg_sys::TRIGGER_EVENT_TIMINGMASK == pg_sys::TRIGGER_EVENT_BEFORE;
            let stores =
                operation == pg_sys::TRIGGER_EVENT_INSERT || operation == pg_sys::TRIGGER_EVENT_UPDATE;
            if !row || !stores || is_before != before {
                return Err(Error::NotATrigger);
            }
            Ok(Self { data })
        }
    }

    pub fn relation(&self) -> pg_sys::Relation {
        // SAFETY: checked in of().
        unsafe { (*self.data).tg_relation }
    }

    pub fn is_in_partition(&self) -> bool {
        // SAFETY: the trigger's relation is open.
        unsafe { (*(*self.relation()).rd_rel).relispartition }
    }

    pub fn is_update(&self) -> bool {
        // SAFETY: checked in of().
        unsafe { (*self.data).tg_event & pg_sys::TRIGGER_EVENT_OPMASK == pg_sys::TRIGGER_EVENT_UPDATE }
    }

    /// The row that is to be, or was, stored.
    pub fn new_tuple(&self) -> pg_sys::HeapTuple {
        // SAFETY: checked in of().
        unsafe {
            if self.is_update() {
                (*self.data).tg_newtuple
            } else {
                (*self.data).tg_trigtuple
            }
        }
    }

    fn new_slot(&self) -> *mut pg_sys::TupleTableSlot {
        // SAFETY: row triggers carry slots.
        unsafe {
            if self.is_update() {
                (*self.data).tg_newslot
            } else {
                (*self.data).tg_trigslot
            }
        }
    }

    /// The value of a column in the new row.
    pub fn value(&self, number: i16) -> Option<Datum> {
        // SAFETY: the slot holds a row of the relation, whose columns the attachment names.
        unsafe { slot_value(self.new_slot(), number) }
    }

    /// The value of a column in the row before an update.
    pub fn old_value(&self, number: i16) -> Option<Datum> {
        // SAFETY: as above.
        unsafe { slot_value((*self.data).tg_trigslot, number) }
    }

    pub fn text(&self, column: &Column) -> Result<Option<&str>> {
        // SAFETY: attach() accepts text columns only.
        self.value(column.number)
            .map(|datum| unsafe { pg::text(datum) })
            .transpose()
    }
}

unsafe fn slot_value(slot: *mut pg_sys::TupleTableSlot, number: i16) -> Option<Datum> {
    // SAFETY: by contract the slot is valid and has this column.
    unsafe {
        if (*slot).tts_nvalid < number {
            pg_sys::slot_getsomeattrs_int(slot, i32::from(number));
        }
        let index = number as usize - 1;
        (!*(*slot).tts_isnull.add(index)).then(|| *(*slot).tts_values.add(index))
    }
}

/// A row, its texts judged.
pub struct Judged<'r> {
    pub map: Rc<InForce>,
    pub judgement: Judgement,
    watched: Watched<'r>,
    digest: OnceCell<[u8; 32]>,
}

impl Judged<'_> {
    /// Of what was judged. Computed when something asks for it: most rows have no hit and leave no record.
    pub fn digest(&self) -> [u8; 32] {
        *self.digest.get_or_init(|| self.watched.digest(&[]))
    }
}

/// Source, key and watched values of the new row: which content it is.
pub fn identity_of(firing: &Firing, attachment: &Attachment) -> Result<[u8; 32]> {
    let (source, key) = (attachment.source_id.to_string(), print(firing, &attachment.id)?);
    Ok(Watched::of(firing, attachment)?.digest(&[Some(&source), key.as_deref()]))
}

fn judge<'r>(firing: &'r Firing, attachment: &'r Attachment) -> Result<Judged<'r>> {
    let watched = Watched::of(firing, attachment)?;
    let map = in_force::current()?;
    let digest = OnceCell::new();
    let key = match map.is_split() {
        true => print(firing, &attachment.id)?,
        false => None,
    };
    let lot_digest = || *digest.get_or_init(|| watched.digest(&[]));
    let selection = map.selection(None, &Lot::new(key.as_deref(), &lot_digest))?;
    let owner_key = || {
        let column = attachment.owner.as_ref();
        column.map_or(Ok(None), |column| print(firing, column))
    };
    let owner = Owner::new(map.installed, &owner_key);
    let judgement = verdict::judge(&map, &watched.fields(), &watched.media(), &selection, &owner)?;
    Ok(Judged {
        map,
        judgement,
        watched,
        digest,
    })
}

/// Prints a column of the new row in the same way in every session. The printing function may be the user's own and
/// runs as the caller.
fn print(firing: &Firing, column: &Column) -> Result<Option<String>> {
    print_value(firing.value(column.number), column)
}

/// The key that the row has in its table when an update is judged; `None` for an insert.
pub fn stored_key(firing: &Firing, attachment: &Attachment) -> Result<Option<String>> {
    if !firing.is_update() {
        return Ok(None);
    }
    print_value(firing.old_value(attachment.id.number), &attachment.id)
}

fn print_value(value: Option<Datum>, column: &Column) -> Result<Option<String>> {
    let Some(datum) = value else {
        return Ok(None);
    };
    // The usual keys print the same under all settings, so most rows are spared the change of ten of them.
    let is_plain = matches!(
        column.type_oid,
        pg_sys::INT2OID
            | pg_sys::INT4OID
            | pg_sys::INT8OID
            | pg_sys::TEXTOID
            | pg_sys::VARCHAROID
            | pg_sys::UUIDOID
    );
    let _settings = (!is_plain).then(Settings::plain_output);
    pg::output(column.type_oid, datum).map(Some)
}

/// Which content the row is.
pub fn content_of(firing: &Firing, attachment: &Attachment, digest: [u8; 32]) -> Result<Content> {
    let print_optional =
        |column: &Option<Column>| column.as_ref().map(|column| print(firing, column)).transpose();
    Ok(Content {
        source_id: attachment.source_id,
        content_key: print(firing, &attachment.id)?,
        owner_key: print_optional(&attachment.owner)?.flatten(),
        created_at: print_optional(&attachment.created_at)?.flatten(),
        digest,
    })
}

fn judge_row(call: &Call) -> Result<Option<Datum>> {
    let firing = Firing::of(call, true)?;
    let row = Some(Datum::from(firing.new_tuple()));
    let attachment = attachment::of(firing.relation())?;
    let is_rescan = rescan::is_at(&firing, &attachment);
    if firing.leaves_watched(&attachment) && !is_rescan {
        partition_move::updating(&firing, &attachment)?;
        return Ok(row);
    }
    if !is_rescan && partition_move::arrives(&firing, &attachment)? {
        return Ok(row);
    }
    if attachment.on_block == OnBlock::Reject && attachment.verdict.is_none() && attachment.set.is_none() {
        return Ok(row);
    }
    let judged = judge(&firing, &attachment)?;
    let is_kept_out = attachment.on_block == OnBlock::Quarantine
        && !is_rescan
        && judged.judgement.blocks()
        && !quarantine::is_being_released(attachment.source_id, &judged.digest());
    if is_kept_out {
        quarantine::keep_out(&firing, &attachment, &judged)?;
        // A null pointer, not an SQL NULL: the row is skipped.
        return Ok(Some(Datum::null()));
    }
    with_verdict(&firing, &attachment, &judged).map(Some)
}

/// The new row with the verdict in its column, NULL without a live hit, and the name of the set in its own.
fn with_verdict(firing: &Firing, attachment: &Attachment, judged: &Judged<'_>) -> Result<Datum> {
    // PostgreSQL 15 takes these as mutable.
    let (mut numbers, mut values, mut nulls) = (Vec::new(), Vec::new(), Vec::new());
    let mut put = |column: &Column, value: Option<Datum>| {
        numbers.push(i32::from(column.number));
        values.push(value.unwrap_or(Datum::null()));
        nulls.push(value.is_none());
    };
    if let Some(column) = &attachment.verdict {
        let hits = judged
            .judgement
            .live_hits(&judged.map, verdict::Reader::Anybody)?;
        let found = hits.as_array().is_some_and(|hits| !hits.is_empty());
        let verdict = found.then(|| pg::jsonb_datum(&verdict_json(judged, hits)));
        put(column, verdict.transpose()?);
    }
    if let Some(column) = &attachment.set {
        put(column, Some(pg::text_datum(&record::hex(&judged.map.set_hash))));
    }
    if numbers.is_empty() {
        return Ok(firing.new_tuple().into());
    }
    // SAFETY: the tuple belongs to the relation; the columns are its jsonb and text columns.
    let tuple = unsafe {
        pg_sys::heap_modify_tuple_by_cols(
            firing.new_tuple(),
            (*firing.relation()).rd_att,
            numbers.len() as i32,
            numbers.as_mut_ptr(),
            values.as_mut_ptr(),
            nulls.as_mut_ptr(),
        )
    };
    Ok(tuple.into())
}

/// The verdict as stored in a user's column and in quarantine.
pub fn verdict_json(judged: &Judged<'_>, hits: serde_json::Value) -> serde_json::Value {
    let mut verdict = json!({
        "action": judged.judgement.action,
        "score": verdict::decimal(judged.judgement.score),
        "set": record::hex(&judged.map.set_hash),
        "hits": hits,
    });
    if !judged.judgement.rules.is_empty() {
        verdict["rules"] = judged.judgement.rules.clone().into();
    }
    verdict
}

/// What follows from the row as stored: `None`, or the error that rejects it (raised by [`reject`], outside Rust's
/// frames, since its SQLSTATE is our own).
pub fn record_row(call: &Call) -> Result<Option<reject::Rejection>> {
    let firing = Firing::of(call, false)?;
    let attachment = attachment::of(firing.relation())?;
    let is_rescan = rescan::is_at(&firing, &attachment);
    if firing.leaves_watched(&attachment) && !is_rescan {
        return Ok(None);
    }
    let judged = judge(&firing, &attachment)?;
    let has_hits = judged.judgement.has_hits();
    let is_exposed = record::samples_exposures(&judged.map)? && {
        let key = print(&firing, &attachment.id)?;
        let digest = || judged.digest();
        record::is_exposed(&judged.map, attachment.source_id, key.as_deref(), &digest)?
    };
    if !has_hits && !is_exposed && !is_rescan {
        return Ok(None);
    }
    let content = content_of(&firing, &attachment, judged.digest())?;
    let is_refused = judged.judgement.blocks()
        && attachment.on_block != OnBlock::Flag
        && !is_rescan
        && !quarantine::is_being_released(attachment.source_id, &judged.digest())
        && !partition_move::arrived(&firing, &attachment)?;
    let _settings = Settings::plain_output();
    if is_refused {
        let rows = record::hit_rows(&judged.map, &judged.judgement, &content, "rejected")?;
        let exposure = is_exposed
            .then(|| record::exposure_row(&judged.map, &judged.judgement, &content))
            .transpose()?;
        spool::append(&judged.map, &rows, exposure)?;
        return reject::Rejection::new(&judged, &content).map(Some);
    }
    if has_hits {
        let rows = record::hit_rows(&judged.map, &judged.judgement, &content, "flagged")?;
        record::write_hits(judged.map.installed.owner, &rows)?;
        spool::collect_if_due(&judged.map)?;
    }
    if is_rescan {
        record::settle_hits(&judged.map, &judged.judgement, &content, &rescan::reason())?;
    }
    if is_exposed {
        record::write_exposure(&judged.map, &judged.judgement, &content)?;
    }
    Ok(None)
}

fn watched_columns(_call: &Call) -> Result<Option<Datum>> {
    Ok(Some(Datum::null()))
}

fn signal_in_force(call: &Call) -> Result<Option<Datum>> {
    // SAFETY: reads the call's context.
    if !unsafe { pgrx::trigger_support::called_as_trigger(call.fcinfo()) } {
        return Err(Error::NotATrigger);
    }
    in_force::signal_change()?;
    Ok(Some(Datum::null()))
}
