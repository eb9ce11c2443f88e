//! Rescans: stored rows are judged again by what is in force now.
//!
//! `moderation.rescan()` updates the rows that the difference between releases can change, without changing them, after
//! telling here which source it is at: the triggers then judge although the watched columns stay as they are, and neither
//! keep out nor refuse what is stored already. Updates that do change a watched column are judged as ever.

use crate::attachment::Attachment;
use crate::error::Result;
use crate::pg::{self, Call};
use crate::trigger::Firing;
use crate::{in_force, record};
use pgrx::pg_sys::{self, Datum};
use std::cell::Cell;

crate::pg_function!(moderation_rescanning, pg_finfo_moderation_rescanning, rescanning);
crate::pg_function!(
    moderation_set_in_force,
    pg_finfo_moderation_set_in_force,
    set_in_force
);

thread_local! {
    /// The source that is rescanned at this moment, and the subtransaction that does it.
    static RESCANNING: Cell<Option<(i32, u32)>> = const { Cell::new(None) };
}

/// Is this the update of a rescan, which leaves the watched columns as they are?
pub fn is_at(firing: &Firing, attachment: &Attachment) -> bool {
    RESCANNING
        .get()
        .is_some_and(|(source, _)| source == attachment.source_id)
        && firing.leaves_watched(attachment)
}

pub fn transaction_ended() {
    RESCANNING.set(None);
}

pub fn subtransaction_aborted(subtransaction: u32) {
    if RESCANNING.get().is_some_and(|(_, by)| by >= subtransaction) {
        RESCANNING.set(None);
    }
}

/// `rescanning(source_id)`: from now on until NULL, or the end of the (sub)transaction.
fn rescanning(call: &Call) -> Result<Option<Datum>> {
    // SAFETY: plain read of transaction state.
    let subtransaction = unsafe { pg_sys::GetCurrentSubTransactionId() };
    RESCANNING.set(call.int4(0).map(|source| (source, subtransaction)));
    Ok(None)
}

/// `set_in_force()`: the name of the compiled set that judges now, as verdicts and hits record it.
fn set_in_force(_call: &Call) -> Result<Option<Datum>> {
    Ok(Some(pg::text_datum(&record::hex(&in_force::current()?.set_hash))))
}
