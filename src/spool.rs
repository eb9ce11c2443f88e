//! The spool: how the hits of rejected rows survive the transaction that rejects them.
//!
//! Before the error is raised, the rejecting backend writes its hits to a file of its own (temporary name, fsync, rename,
//! fsync of the folder) under `pg_moderation/spool/<database OID>` in the data directory. It takes no lock and waits for
//! nobody. Later somebody *collects*: inserts the rows, idempotently by their ids, and removes the files once that has
//! committed. Collectors are a dynamic background worker (at most one a database, started by the reject if a slot is
//! free) and every writing call. Whatever is killed in between, the files are either still there or already in `hits`.

use crate::collector;
use crate::error::{Error, Result};
use crate::in_force::InForce;
use crate::record;
use pgrx::pg_sys;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::cell::{Cell, RefCell};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// First line of a file: this, the installation it belongs to, and the SHA-256 of the rest.
const MAGIC: &str = "pg_moderation rejected hits 1";
const EXTENSION: &str = "hits";
/// Files that one collection takes; the worker goes on until none is left. Each costs a subtransaction, of which
/// PostgreSQL keeps 64 where other sessions see them cheaply.
pub const PORTION: usize = 60;
/// Files that a call which writes for another reason takes: it must not keep its user waiting.
const SMALL_PORTION: usize = 20;
/// The largest file that a collection reads: a row's hits are bounded by the compiled set, not by this.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;
/// Writing calls look for work at most this often.
const COLLECT_EVERY: Duration = Duration::from_secs(1);

thread_local! {
    /// Files whose rows this transaction inserts, with the subtransaction that did.
    static COLLECTED: RefCell<Vec<(PathBuf, u32)>> = const { RefCell::new(Vec::new()) };
    static LAST_LOOK: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The spool of this database.
pub fn folder() -> PathBuf {
    // SAFETY: set before any backend runs.
    let (data, database) = unsafe { (std::ffi::CStr::from_ptr(pg_sys::DataDir), pg_sys::MyDatabaseId) };
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(data.to_bytes()))
        .join("pg_moderation")
        .join("spool")
        .join(database.to_u32().to_string())
}

fn failed(what: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |error| Error::Spool { what, error }
}

fn sync(file: &File) -> std::io::Result<()> {
    // SAFETY: plain read of a setting. Who runs with fsync = off has chosen so for the whole cluster.
    if unsafe { pg_sys::enableFsync } {
        file.sync_all()
    } else {
        Ok(())
    }
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    sync(&File::open(folder)?)
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // The new entries themselves must survive a crash, up to the data directory.
    folder.ancestors().skip(1).take(3).try_for_each(sync_folder)
}

/// Keeps the hits of a rejected row, and its exposure if it has one, safe before the transaction is aborted, and asks for
/// their collection.
pub fn append(map: &InForce, hits: &Value, exposure: Option<Value>) -> Result<()> {
    let installation = map
        .installation()?
        .map(|installation| &installation.id)
        .ok_or(Error::Internal("attached without an installation row"))?;
    let folder = folder();
    make_folder(&folder).map_err(failed("create"))?;
    let body = json!({ "hits": hits, "exposure": exposure }).to_string();
    let name = record::random_uuid()?;
    let temporary = folder.join(format!("{name}.tmp"));
    let header = format!(
        "{MAGIC}\n{installation}\n{}\n",
        record::hex(&Sha256::digest(&body))
    );
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(header.as_bytes())?;
        file.write_all(body.as_bytes())?;
        sync(&file)?;
        fs::rename(&temporary, folder.join(format!("{name}.{EXTENSION}")))?;
        sync_folder(&folder)
    };
    if let Err(error) = write() {
        // Best effort: what is left of it is never taken for a spool file.
        let _ = fs::remove_file(&temporary);
        return Err(failed("write")(error));
    }
    collector::ask(&folder);
    Ok(())
}

/// Is there anything to collect?
pub fn is_empty(folder: &Path) -> bool {
    files(folder, 1).is_empty()
}

fn files(folder: &Path, limit: usize) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION))
        .take(limit)
        .collect()
}

/// [`collect`], at most once in a while: for calls that write anyway.
pub fn collect_if_due(map: &InForce) -> Result<()> {
    let is_due = LAST_LOOK.get().is_none_or(|last| last.elapsed() >= COLLECT_EVERY);
    if is_due {
        LAST_LOOK.set(Some(Instant::now()));
        collect(map, SMALL_PORTION)?;
    }
    Ok(())
}

/// Inserts the rows of up to `limit` files in the current transaction; the files go when it commits. Returns how many
/// files were taken: 0 when there are none, or somebody else is at it. Under REPEATABLE READ and above nothing is taken:
/// an old snapshot hides what others have collected, and the same content would count twice.
pub fn collect(map: &InForce, limit: usize) -> Result<usize> {
    let folder = folder();
    let found = files(&folder, limit);
    // SAFETY: plain read of transaction state.
    let writes = unsafe {
        !pg_sys::RecoveryInProgress()
            && !pg_sys::XactReadOnly
            && pg_sys::XactIsoLevel < pg_sys::XACT_REPEATABLE_READ as i32
    };
    if found.is_empty() || !writes || !lock(map) {
        return Ok(0);
    }
    // The files must not go before the commit record is on disk, whatever synchronous_commit says.
    // SAFETY: sets a flag of the current transaction.
    unsafe { pg_sys::ForceSyncCommit() };
    let mut taken = 0;
    for path in found {
        pgrx::check_for_interrupts!();
        let refused = match read_file(&path, map) {
            Ok(rows) => record::collect_spooled(map.installed.owner, &rows)?,
            Err(Error::Spool { what, error }) if error.kind() != std::io::ErrorKind::InvalidData => {
                // Gone already, or not to be opened at this moment: nothing is wrong with the file itself.
                if error.kind() != std::io::ErrorKind::NotFound {
                    Error::Spool { what, error }.warn();
                }
                continue;
            }
            Err(error) => Some(error.message()),
        };
        match refused {
            Some(reason) => set_aside(&path, reason)?,
            None => {
                // SAFETY: plain read of transaction state.
                let subtransaction = unsafe { pg_sys::GetCurrentSubTransactionId() };
                COLLECTED.with_borrow_mut(|collected| collected.push((path, subtransaction)));
                taken += 1;
            }
        }
    }
    Ok(taken)
}

/// One collector a database. A prepared transaction that collected keeps the others away until it is decided. The lock is
/// that of a relation, which only those can take who have rights on it; anybody may take any advisory lock.
fn lock(map: &InForce) -> bool {
    // SAFETY: inside a transaction, which releases the lock at its end; conflicts with itself, not with readers.
    unsafe {
        pg_sys::ConditionalLockRelationOid(
            map.installed.signal,
            pg_sys::ShareUpdateExclusiveLock as pg_sys::LOCKMODE,
        )
    }
}

fn read_file(path: &Path, map: &InForce) -> Result<Value> {
    let damaged = || {
        failed("read")(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            "a damaged file, or one of another installation",
        ))
    };
    let mut file = File::open(path).map_err(failed("read"))?;
    if file.metadata().map_err(failed("read"))?.len() > MAX_FILE_BYTES {
        return Err(damaged());
    }
    let mut content = String::new();
    file.read_to_string(&mut content).map_err(failed("read"))?;
    let mut parts = content.splitn(4, '\n');
    let (Some(magic), Some(installation), Some(checksum), Some(body)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(damaged());
    };
    let is_ours = map.installation()?.is_some_and(|ours| ours.id == installation);
    if magic != MAGIC || !is_ours || checksum != record::hex(&Sha256::digest(body)) {
        return Err(damaged());
    }
    serde_json::from_str(body).map_err(|_| damaged())
}

/// A file that is damaged, or whose rows the database refuses, is kept for a human under a name that nobody collects: it
/// must not keep the others from being collected.
fn set_aside(path: &Path, reason: String) -> Result<()> {
    fs::rename(path, path.with_extension("damaged")).map_err(failed("set aside a file of"))?;
    let file = path.file_stem().map(|name| name.to_string_lossy().into_owned());
    Error::SpoolFile {
        file: file.unwrap_or_default(),
        reason,
    }
    .warn();
    Ok(())
}

/// The rows are in: the files may go.
pub fn transaction_committed() {
    COLLECTED.with_borrow_mut(|collected| {
        for (path, _) in collected.drain(..) {
            // If it stays, the next collection finds its rows already in.
            let _ = fs::remove_file(path);
        }
    });
}

pub fn transaction_aborted() {
    COLLECTED.with_borrow_mut(Vec::clear);
}

/// Forgets what the aborted subtransaction and its children collected: their numbers are not below its own.
pub fn subtransaction_aborted(subtransaction: u32) {
    COLLECTED.with_borrow_mut(|collected| collected.retain(|(_, by)| *by < subtransaction));
}
