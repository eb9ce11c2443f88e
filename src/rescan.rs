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
use std::cell::RefCell;

crate::pg_function!(moderation_rescanning, pg_finfo_moderation_rescanning, rescanning);
crate::pg_function!(
    moderation_set_in_force,
    pg_finfo_moderation_set_in_force,
    set_in_force
);

thread_local! {
    static RESCANNING: RefCell<Option<Rescan>> = const { RefCell::new(None) };
}

struct Rescan {
    /// The source that is rescanned at this moment.
    source: i32,
    /// The subtransaction that does it.
    by: u32,
    /// Why hits that are not found again are withdrawn.
    reason: String,
}

/// Is this the update of a rescan, which leaves the watched columns as they are?
pub fn is_at(firing: &Firing, attachment: &Attachment) -> bool {
    RESCANNING.with_borrow(|rescan| {
        rescan
            .as_ref()
            .is_some_and(|rescan| rescan.source == attachment.source_id)
    }) && firing.leaves_watched(attachment)
}

/// Why the hits are withdrawn that the rescan at work does not find again.
pub fn reason() -> String {
    RESCANNING.with_borrow(|rescan| {
        rescan
            .as_ref()
            .map_or_else(String::new, |rescan| rescan.reason.clone())
    })
}

pub fn transaction_ended() {
    RESCANNING.set(None);
}

pub fn subtransaction_aborted(subtransaction: u32) {
    RESCANNING.with_borrow_mut(|rescan| {
        if rescan.as_ref().is_some_and(|rescan| rescan.by >= subtransaction) {
            *rescan = None;
        }
    });
}

/// `rescanning(source_id, reason)`: from now on until NULL, or the end of the (sub)transaction.
fn rescanning(call: &Call) -> Result<Option<Datum>> {
    // SAFETY: plain read of transaction state.
    let by = unsafe { pg_sys::GetCurrentSubTransactionId() };
    let reason = call.text(1)?.unwrap_or_default().to_owned();
    RESCANNING.set(call.int4(0).map(|source| Rescan { source, by, reason }));
    Ok(None)
}

/// `set_in_force()`: the name of the compiled set that judges now, as verdicts and hits record it.
fn set_in_force(_call: &Call) -> Result<Option<Datum>> {
    Ok(Some(pg::text_datum(&record::hex(&in_force::current()?.set_hash))))
}
