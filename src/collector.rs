//! The background worker that moves the spool's rows into `hits`, and `collect_rejected()` that does it by hand.
//!
//! Nothing depends on it: without a free worker slot the next writing call collects. A claim file keeps a burst of
//! rejects from starting a burst of workers.

use crate::error::Result;
use crate::in_force;
use crate::pg::Call;
use crate::spool;
use pgrx::bgworkers::{BackgroundWorker, BackgroundWorkerBuilder, SignalWakeFlags};
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

/// Entry point of the worker.
#[pgrx::pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn moderation_collector_main(argument: Datum) {
    BackgroundWorker::attach_signal_handlers(SignalWakeFlags::SIGTERM | SignalWakeFlags::SIGHUP);
    // SAFETY: the argument is the OID that ask() passed.
    let database = unsafe { pg_sys::Oid::from_datum(argument, false) };
    BackgroundWorker::connect_worker_to_spi_by_oid(database, None);
    let folder = spool::folder();
    loop {
        while !BackgroundWorker::sigterm_received() && BackgroundWorker::transaction(collect_portion) > 0 {}
        give_up_claim(&folder);
        // A reject that saw our claim just before it went relies on this second look.
        if BackgroundWorker::sigterm_received() || spool::is_empty(&folder) || !claim(&folder) {
            return;
        }
        if !BackgroundWorker::wait_latch(Some(Duration::from_millis(100))) {
            return;
        }
    }
}

fn collect_portion() -> usize {
    match in_force::current().and_then(|map| spool::collect(&map, spool::PORTION)) {
        Ok(files) => files,
        // An extension that was just dropped, say. The files stay.
        Err(error) => {
            error.warn();
            0
        }
    }
}

fn collect_rejected(_call: &Call) -> Result<Option<Datum>> {
    let map = in_force::current()?;
    let files = spool::collect(&map, spool::PORTION)?;
    Ok(Some(i64::try_from(files).unwrap_or(i64::MAX).into()))
}
