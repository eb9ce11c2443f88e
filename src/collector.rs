//! The background worker that moves the spool's rows into `hits`, and `collect_rejected()` that does it by hand.
//!
//! Nothing depends on it: without a free worker slot the next writing call collects. A claim file keeps a burst of
//! rejects from starting a burst of workers.

use crate::error::Result;
use crate::in_force;
use crate::pg::Call;
use crate::spool;
use pgrx::bgworkers::{BackgroundWorker, BackgroundWorkerBuilder};
use pgrx::pg_sys::{self, Datum};
use pgrx::{FromDatum, IntoDatum};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

crate::pg_function!(
    moderation_collect_rejected,
    pg_finfo_moderation_collect_rejected,
    collect_rejected
);

/// A claim this old belongs to a worker that never came or died.
const CLAIM_EXPIRES: Duration = Duration::from_secs(10);

fn claim_path(folder: &Path) -> PathBuf {
    folder.join("worker.claim")
}

/// Only one at a time may start or be a worker.
fn claim(folder: &Path) -> bool {
    let path = claim_path(folder);
    let expired = fs::metadata(&path)
        .and_then(|metadata| metadata.modified())
        .is_ok_and(|since| since.elapsed().is_ok_and(|age| age > CLAIM_EXPIRES));
    if expired {
        let _ = fs::remove_file(&path);
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .is_ok()
}

fn give_up_claim(folder: &Path) {
    let _ = fs::remove_file(claim_path(folder));
}

/// Starts a worker for this database unless there is one; no slot, no worker, no error.
pub fn ask(folder: &Path) {
    if !claim(folder) {
        return;
    }
    // SAFETY: plain read.
    let database = unsafe { pg_sys::MyDatabaseId };
    let started = BackgroundWorkerBuilder::new("pg_moderation collector")
        .set_type("pg_moderation collector")
        .set_library("pg_moderation")
        .set_function("moderation_collector_main")
        .set_argument(database.into_datum())
        .enable_spi_access()
        .set_restart_time(None)
        .load_dynamic();
    if started.is_err() {
        give_up_claim(folder);
    }
}

/// How a worker waits while somebody else holds the collector's lock: this long, then twice as long, up to a second.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// And how often: whoever holds it for minutes (a prepared transaction, say) collects, or the next writing call does.
/// A worker that stays would keep its slot, and its database from being dropped.
const MAX_WAITS: u32 = 60;

/// What one transaction of the worker found.
enum Portion {
    Collected,
    /// Nothing there, or somebody else is at it.
    Nothing,
    /// An extension that was just dropped, say. The files stay.
    Failed,
}

/// Entry point of the worker.
#[pgrx::pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn moderation_collector_main(argument: Datum) {
    obey_termination();
    // SAFETY: the argument is the OID that ask() passed.
    let database = unsafe { pg_sys::Oid::from_datum(argument, false) };
    BackgroundWorker::connect_worker_to_spi_by_oid(database, None);
    own_defaults();
    let folder = spool::folder();
    let mut wait = FIRST_WAIT;
    for _ in 0..MAX_WAITS {
        let failed = loop {
            match BackgroundWorker::transaction(collect_portion) {
                Portion::Collected => wait = FIRST_WAIT,
                Portion::Nothing => break false,
                Portion::Failed => break true,
            }
        };
        give_up_claim(&folder);
        // A reject that saw our claim just before it went relies on this second look.
        if failed || spool::is_empty(&folder) || !claim(&folder) {
            return;
        }
        if !BackgroundWorker::wait_latch(Some(wait)) {
            return;
        }
        wait = LONGEST_WAIT.min(wait * 2);
    }
    give_up_claim(&folder);
}

/// Ends at SIGTERM as an ordinary backend does, also while it waits for a lock: pgrx's own handler only sets a flag.
fn obey_termination() {
    unsafe extern "C-unwind" {
        fn die(signal: std::ffi::c_int);
    }
    // SAFETY: signals are blocked until the last line; die() is a signal handler of the server.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        pg_sys::pqsignal(pg_sys::SIGTERM as i32, Some(die));
        #[cfg(feature = "pg18")]
        pg_sys::pqsignal_be(pg_sys::SIGTERM as i32, Some(die));
        pg_sys::BackgroundWorkerUnblockSignals();
    }
}

/// Collecting needs transactions that write and see what others have committed, whatever the database's defaults.
fn own_defaults() {
    for (name, value) in [
        (c"default_transaction_read_only", c"off"),
        (c"default_transaction_isolation", c"read committed"),
    ] {
        // SAFETY: two C strings; outside a transaction.
        unsafe {
            pg_sys::SetConfigOption(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                pg_sys::GucSource::PGC_S_OVERRIDE,
            );
        }
    }
}

fn collect_portion() -> Portion {
    match in_force::current().and_then(|map| spool::collect(&map, spool::PORTION)) {
        Ok(0) => Portion::Nothing,
        Ok(_) => Portion::Collected,
        Err(error) => {
            error.warn();
            Portion::Failed
        }
    }
}

fn collect_rejected(_call: &Call) -> Result<Option<Datum>> {
    let map = in_force::current()?;
    let files = spool::collect(&map, spool::PORTION)?;
    Ok(Some(i64::try_from(files).unwrap_or(i64::MAX).into()))
}
