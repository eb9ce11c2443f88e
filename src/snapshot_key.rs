//! Which snapshot a statement runs under, as a key: equal keys see the same rows.
//!
//! Not for deciding what a snapshot sees: PostgreSQL does that.

use crate::error::{Error, Result};
use crate::pg::plain;
use std::cell::Cell;

thread_local! {
    /// Counts this backend's transactions.
    static TRANSACTION: Cell<u64> = const { Cell::new(0) };
}

pub fn transaction_ended() {
    TRANSACTION.set(TRANSACTION.get().wrapping_add(1));
}

/// What decides which rows a snapshot sees, and which statement it belongs to.
#[derive(Clone, Copy, PartialEq)]
pub struct SnapshotKey {
    xmin: u32,
    xmax: u32,
    in_progress: u32,
    command: u32,
    recovery: bool,
    statement_start: i64,
    transaction: u64,
}

impl SnapshotKey {
    pub fn of_active() -> Result<Self> {
        // SAFETY: SQL functions run under an active snapshot, which stays while they run.
        unsafe {
            if !plain::ActiveSnapshotSet() {
                return Err(Error::Internal("called without a snapshot"));
            }
            let snapshot = &*plain::GetActiveSnapshot();
            // During recovery running transactions are listed as subtransactions.
            let in_progress = if snapshot.takenDuringRecovery {
                snapshot.subxcnt as u32
            } else {
                snapshot.xcnt
            };
            Ok(Self {
                xmin: snapshot.xmin.into_inner(),
                xmax: snapshot.xmax.into_inner(),
                in_progress,
                command: snapshot.curcid,
                recovery: snapshot.takenDuringRecovery,
                statement_start: plain::GetCurrentStatementStartTimestamp(),
                transaction: TRANSACTION.get(),
            })
        }
    }

    /// Do both snapshots see the same rows of other transactions? By the same reasons as below: nothing has ended between
    /// them.
    pub fn sees_what(&self, other: &Self) -> bool {
        let of = |key: &Self| (key.xmin, key.xmax, key.in_progress, key.recovery);
        of(self) == of(other)
    }

    /// Was this snapshot taken when `other` was, or later? xmax (the highest finished XID) only grows, and while it
    /// stands still transactions can only leave the list of running ones.
    pub fn is_as_new_as(&self, other: &Self) -> bool {
        if self.recovery != other.recovery {
            return false;
        }
        let ahead = self.xmax.wrapping_sub(other.xmax) as i32;
        ahead > 0 || (ahead == 0 && self.in_progress <= other.in_progress)
    }
}
