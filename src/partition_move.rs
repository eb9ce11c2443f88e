//! Rows that move between partitions without a change of their texts.
//!
//! PostgreSQL carries out an UPDATE that moves a row as BEFORE UPDATE on the old partition, DELETE, and INSERT into the
//! new one. Nothing new is said, so nothing is judged: if a release that came after the row would block it, keeping the
//! INSERT out would lose a row that was stored already, and rejecting it would forbid an unrelated UPDATE.
//!
//! The BEFORE UPDATE trigger remembers the content it let pass; the BEFORE INSERT trigger that follows in the same
//! statement knows it again, and tells the AFTER INSERT trigger, which runs when the statement ends. Not for updates
//! that change a text: those are judged, and kept out, by the BEFORE UPDATE trigger.

use crate::attachment::{Attachment, OnBlock};
use crate::error::{Error, Result};
use crate::trigger::{self, Firing};
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;

type Identity = [u8; 32];

thread_local! {
    /// What the last BEFORE UPDATE trigger of a partition let pass, and in which statement.
    static UPDATED: Cell<Option<(i64, Identity)>> = const { Cell::new(None) };
    /// What arrived in another partition in this transaction.
    static MOVED: RefCell<HashSet<Identity>> = RefCell::default();
}

fn statement() -> i64 {
    // SAFETY: plain read of transaction state.
    unsafe { pg_sys::GetCurrentStatementStartTimestamp() }
}

fn concerns(firing: &Firing, attachment: &Attachment) -> bool {
    attachment.on_block != OnBlock::Flag && firing.is_in_partition()
}

/// BEFORE UPDATE, texts unchanged: the row may be about to move.
pub fn updating(firing: &Firing, attachment: &Attachment) -> Result<()> {
    if concerns(firing, attachment) {
        UPDATED.set(Some((statement(), trigger::identity_of(firing, attachment)?)));
    }
    Ok(())
}

/// BEFORE INSERT: is this the row of the UPDATE just seen?
pub fn arrives(firing: &Firing, attachment: &Attachment) -> Result<bool> {
    let Some((when, identity)) = UPDATED.get() else {
        return Ok(false);
    };
    let arrives = !firing.is_update()
        && concerns(firing, attachment)
        && when == statement()
        && identity == trigger::identity_of(firing, attachment)?;
    if arrives {
        MOVED.with_borrow_mut(|moved| {
            moved
                .try_reserve(1)
                .map_err(|_| Error::Match(pg_moderation_engine::MatchError::OutOfMemory))?;
            moved.insert(identity);
            Ok::<_, Error>(())
        })?;
    }
    Ok(arrives)
}

/// AFTER INSERT: did this row come from another partition?
pub fn arrived(firing: &Firing, attachment: &Attachment) -> Result<bool> {
    if firing.is_update() || MOVED.with_borrow(HashSet::is_empty) {
        return Ok(false);
    }
    let identity = trigger::identity_of(firing, attachment)?;
    Ok(MOVED.with_borrow(|moved| moved.contains(&identity)))
}

pub fn transaction_ended() {
    UPDATED.set(None);
    MOVED.with_borrow_mut(|moved| *moved = HashSet::new());
}
