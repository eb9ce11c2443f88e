//! Compiled sets as files: compiled once on this machine, mapped by every backend and parallel worker.
//!
//! Files lie under `pg_stat_tmp/pg_moderation/<database OID>` in the data directory: PostgreSQL leaves the contents of
//! `pg_stat_tmp` out of base backups and pg_rewind, and everything here can be compiled again at any time. A file is named
//! by its set, the hash of everything that went into it, so it is right or damaged, never stale. Its layout, numbers
//! little-endian:
//!
//! | bytes | |
//! |---|---|
//! | 0–7 | `PGMODFIL` |
//! | 8, 12 | version of this layout; number of sections; 4 bytes each |
//! | 16 | length of the file, 8 bytes |
//! | 24 | BLAKE3 of bytes 0–23 and of bytes 56 to the end of the table |
//! | 56 | name of the set, 32 bytes |
//! | 88 | table: name of the section (16 bytes, zero-padded), offset, length (8 bytes each), BLAKE3 of the section |
//!
//! Sections begin at multiples of 64. `about` says what the set is made of (JSON, [`About`]); `terms` is a compiled set of
//! the engine, `media` its images and videos, if it has any. A set that is a small change of another has the name of that one in `about`: its `terms` are the items
//! that came, and `removed` the items that went (slot, 2 bytes, and item, 8 bytes, each). There may be further sections.
//!
//! The header is checked whenever a file is mapped; all of it when it was written, and when it is first seen after a
//! start of the server: the file `<set>.seen` holds the start time of the server that last did. What is damaged is
//! removed and compiled again. Whoever compiles holds `<database OID>/lock`; it goes with its holder.

use crate::error::Error;
use crate::mapped_file::{self, FileLock, Mapping};
use crate::record::hex;
use pg_moderation_engine::checksum;
use pgrx::pg_sys;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

const MAGIC: &[u8; 8] = b"PGMODFIL";
const VERSION: u32 = 1;
const FIXED: usize = 88;
const ROW: usize = 64;
const ALIGN: usize = 64;
const MAX_SECTIONS: usize = 64;

const SET: &str = "set";
const SEEN: &str = "seen";

/// How long a set that nobody maps is kept once it is out of force.
const KEEP: Duration = Duration::from_secs(600);
/// How long somebody else's compiling is waited for, before a backend does it for itself.
const WAIT: Duration = Duration::from_secs(60);

pub type Name = [u8; 32];

/// What a set is made of.
#[derive(Clone, Serialize, Deserialize)]
pub struct About {
    pub releases: Vec<ReleaseOf>,
    /// The set that this one is a small change of.
    pub base: Option<String>,
    /// Milliseconds it took to read and compile.
    pub build_ms: u64,
}

/// One slot of a set.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseOf {
    pub package_id: i32,
    pub release: i32,
    pub live: bool,
    /// Names its content in this database.
    pub key: String,
    pub items: i32,
    /// Of these, images and videos.
    pub media: i32,
}

/// A section of a mapped file.
#[derive(Clone)]
pub struct Section {
    file: Arc<Mapping>,
    range: Range<usize>,
}

impl AsRef<[u8]> for Section {
    fn as_ref(&self) -> &[u8] {
        (*self.file).as_ref().get(self.range.clone()).unwrap_or_default()
    }
}

/// A file that is mapped.
pub struct SetFile {
    file: Arc<Mapping>,
    pub about: About,
}

fn data_folder() -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    // SAFETY: set before any backend runs.
    let data = unsafe { std::ffi::CStr::from_ptr(pg_sys::DataDir) };
    Path::new(std::ffi::OsStr::from_bytes(data.to_bytes()))
        .join("pg_stat_tmp")
        .join("pg_moderation")
}

fn folder() -> PathBuf {
    // SAFETY: constant once a backend is connected.
    data_folder().join(unsafe { pg_sys::MyDatabaseId }.to_u32().to_string())
}

fn path(name: &str, extension: &str) -> PathBuf {
    folder().join(name).with_extension(extension)
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let eight: [u8; 8] = *bytes.get(at..)?.first_chunk()?;
    usize::try_from(u64::from_le_bytes(eight)).ok()
}

/// A row of the table: name of the section, where it is, its checksum.
type Row<'b> = (&'b [u8], Range<usize>, [u8; 32]);

/// The table of a file. `None`: not one of our files, or damaged.
fn table<'b>(bytes: &'b [u8], name: &Name) -> Option<Vec<Row<'b>>> {
    let head = bytes.get(..FIXED)?;
    let counts: [u8; 8] = *head.get(8..)?.first_chunk()?;
    let count = (u64::from_le_bytes(counts) >> 32) as usize;
    if head.get(..8)? != MAGIC
        || u64::from_le_bytes(counts) as u32 != VERSION
        || count > MAX_SECTIONS
        || number(bytes, 16)? != bytes.len()
        || bytes.get(56..FIXED)? != name
    {
        return None;
    }
    let end = FIXED + count * ROW;
    let checked = [bytes.get(..24)?, bytes.get(56..end)?].concat();
    if bytes.get(24..56)? != checksum(&checked) {
        return None;
    }
    let rows = bytes.get(FIXED..end)?.chunks_exact(ROW);
    rows.map(|row| {
        let (offset, length) = (number(row, 16)?, number(row, 24)?);
        let range = offset..offset.checked_add(length)?;
        bytes.get(range.clone())?;
        let title = row.get(..16)?;
        let length = title.iter().position(|&b| b == 0).unwrap_or(title.len());
        Some((title.get(..length)?, range, *row.get(32..)?.first_chunk()?))
    })
    .collect()
}

/// The start of this server, to the microsecond.
fn server_start() -> [u8; 8] {
    // SAFETY: set before any backend runs.
    unsafe { pg_sys::PgStartTime }.to_le_bytes()
}

impl SetFile {
    /// Maps the file of a set; `None` when there is none. A damaged one is removed.
    pub fn open(name: &Name) -> Option<Self> {
        let own = hex(name);
        let file = Arc::new(Mapping::open(&path(&own, SET)).ok()?);
        let opened = Self::check(&file, name, &own);
        if opened.is_none() {
            pgrx::warning!("pg_moderation: a damaged compiled set was found and is compiled again");
            let _ = fs::remove_file(path(&own, SET));
        }
        opened
    }

    fn check(file: &Arc<Mapping>, name: &Name, own: &str) -> Option<Self> {
        let bytes = (**file).as_ref();
        let table = table(bytes, name)?;
        let seen = path(own, SEEN);
        let known = fs::read(&seen).is_ok_and(|start| start == server_start());
        if !known {
            for (_, range, expected) in &table {
                if checksum(bytes.get(range.clone())?) != *expected {
                    return None;
                }
                pgrx::check_for_interrupts!();
            }
            mark_seen(own);
        } else if fs::metadata(&seen)
            .and_then(|m| m.modified())
            .is_ok_and(is_older_than(KEEP / 4))
        {
            // In use: not to be collected.
            mark_seen(own);
        }
        let (_, about, _) = table.iter().find(|row| row.0 == b"about")?;
        let about = serde_json::from_slice(bytes.get(about.clone())?).ok()?;
        Some(Self {
            file: file.clone(),
            about,
        })
    }

    pub fn section(&self, title: &str) -> Option<Section> {
        let bytes = (*self.file).as_ref();
        let name: Name = *bytes.get(56..)?.first_chunk()?;
        let row = table(bytes, &name)?
            .into_iter()
            .find(|row| row.0 == title.as_bytes())?;
        Some(Section {
            file: self.file.clone(),
            range: row.1,
        })
    }
}

fn is_older_than(age: Duration) -> impl Fn(SystemTime) -> bool {
    move |time| time.elapsed().is_ok_and(|elapsed| elapsed > age)
}

/// What was written so far of this process: makes temporary names of its own.
fn temporary() -> PathBuf {
    thread_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
    COUNT.set(COUNT.get().wrapping_add(1));
    folder().join(format!("{}-{}.tmp", std::process::id(), COUNT.get()))
}

fn mark_seen(own: &str) {
    // Best effort: without it everybody checks for himself.
    let _ = mapped_file::write(&path(own, SEEN), &temporary(), &[&server_start()], false);
}

/// Writes the file of a set.
pub fn write(name: &Name, about: &About, sections: &[(&str, &[u8])]) -> std::io::Result<()> {
    let about = serde_json::to_vec(about)?;
    let all: Vec<(&str, &[u8])> = std::iter::once(("about", &*about))
        .chain(sections.iter().copied())
        .collect();
    let aligned = |n: usize| n.div_ceil(ALIGN) * ALIGN;
    let mut header = Vec::new();
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&(all.len() as u32).to_le_bytes());
    header.extend_from_slice(&[0; 8 + 32]);
    header.extend_from_slice(name);
    let begin = aligned(FIXED + all.len() * ROW);
    let mut offset = begin;
    for (title, bytes) in &all {
        let mut row = [0; 16];
        for (to, from) in row.iter_mut().zip(title.bytes()) {
            *to = from;
        }
        header.extend_from_slice(&row);
        header.extend_from_slice(&(offset as u64).to_le_bytes());
        header.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        header.extend_from_slice(&checksum(bytes));
        offset = aligned(offset + bytes.len());
    }
    if let Some(place) = header.get_mut(16..24) {
        place.copy_from_slice(&(offset as u64).to_le_bytes());
    }
    let checked = [header.get(..24), header.get(56..)]
        .map(Option::unwrap_or_default)
        .concat();
    if let Some(place) = header.get_mut(24..56) {
        place.copy_from_slice(&checksum(&checked));
    }
    header.resize(begin, 0);
    let padding = [0; ALIGN];
    let mut parts: Vec<&[u8]> = vec![&header];
    for (_, bytes) in &all {
        parts.push(bytes);
        parts.push(
            padding
                .get(..aligned(bytes.len()) - bytes.len())
                .unwrap_or_default(),
        );
    }
    // SAFETY: plain read of a setting. Who runs with fsync = off has chosen so for the whole cluster.
    let synced = unsafe { pg_sys::enableFsync };
    let own = hex(name);
    mapped_file::write(&path(&own, SET), &temporary(), &parts, synced)?;
    mark_seen(&own);
    Ok(())
}

/// The right to compile on this machine.
pub enum Turn {
    Ours(Option<FileLock>),
    /// Somebody else has compiled the set meanwhile.
    Done(SetFile),
}

/// Waits for the right to compile a set, or for somebody else to have done it. Advisory locks would not do: a leader and
/// its workers share those. `Ours(None)`: nothing can be written here, or the wait took too long.
pub fn wait_for_turn(name: &Name) -> Turn {
    let folder = folder();
    if !folder.is_dir()
        && let Err(error) = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)
    {
        warn_once(&error);
        return Turn::Ours(None);
    }
    let lock = folder.join("lock");
    let began = Instant::now();
    loop {
        match FileLock::try_take(&lock) {
            Ok(Some(lock)) => {
                return match SetFile::open(name) {
                    Some(file) => Turn::Done(file),
                    None => Turn::Ours(Some(lock)),
                };
            }
            Ok(None) if began.elapsed() < WAIT => (),
            // Whoever compiles may wait for a lock that we hold.
            Ok(None) => return Turn::Ours(None),
            Err(error) => {
                warn_once(&error);
                return Turn::Ours(None);
            }
        }
        std::thread::sleep(Duration::from_millis(2));
        pgrx::check_for_interrupts!();
        if path(&hex(name), SET).exists()
            && let Some(file) = SetFile::open(name)
        {
            return Turn::Done(file);
        }
    }
}

/// Says once in a process that sets stay in its own memory.
pub fn warn_once(error: &std::io::Error) {
    thread_local!(static WARNED: Cell<bool> = const { Cell::new(false) });
    if WARNED.replace(true) {
        return;
    }
    let full = error.kind() == ErrorKind::StorageFull;
    Error::SetFile {
        reason: error.to_string(),
        full,
    }
    .warn();
}

/// A file of this database, whether in force or not.
pub struct Listed {
    pub name: String,
    pub bytes: u64,
    pub built: SystemTime,
    pub used: SystemTime,
    pub about: Option<About>,
}

/// The set files of this database, the latest first; with `about` only when asked for.
pub fn list(with_about: bool) -> Vec<Listed> {
    let Ok(entries) = fs::read_dir(folder()) else {
        return Vec::new();
    };
    let mut out: Vec<Listed> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            if path.extension()? != SET {
                return None;
            }
            let own = path.file_stem()?.to_str()?.to_owned();
            let metadata = fs::metadata(&path).ok()?;
            let built = metadata.modified().ok()?;
            let used = fs::metadata(path.with_extension(SEEN)).and_then(|m| m.modified());
            let about = || {
                let name: Name = unhex(&own)?;
                let file = Mapping::open(&path).ok()?;
                let bytes = file.as_ref();
                let row = table(bytes, &name)?.into_iter().find(|row| row.0 == b"about")?;
                serde_json::from_slice(bytes.get(row.1)?).ok()
            };
            Some(Listed {
                bytes: metadata.len(),
                built,
                used: used.unwrap_or(built).max(built),
                about: with_about.then(about).flatten(),
                name: own,
            })
        })
        .collect();
    out.sort_by_key(|listed| std::cmp::Reverse(listed.built));
    out
}

/// A name from its hexadecimal digits.
pub fn unhex(digits: &str) -> Option<Name> {
    let mut out = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (n, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(n * 2..n * 2 + 2)?, 16).ok()?;
    }
    Some(out)
}

/// Removes what nobody has used for a while and `keep` does not name, leftovers of killed processes, and the folders of
/// databases that are gone. Mappings live on, and whoever needs a set again compiles it.
pub fn collect(keep: &[String]) {
    let old = is_older_than(KEEP);
    let is_old = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).is_ok_and(&old);
    for listed in list(false) {
        if old(listed.used) && !keep.contains(&listed.name) {
            let _ = fs::remove_file(path(&listed.name, SET));
            let _ = fs::remove_file(path(&listed.name, SEEN));
        }
    }
    for entry in fs::read_dir(folder()).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "tmp") && is_old(&path) {
            let _ = fs::remove_file(path);
        }
    }
    for entry in fs::read_dir(data_folder()).into_iter().flatten().flatten() {
        let database = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok());
        // SAFETY: a catalog look-up inside a transaction.
        let is_gone = |oid: u32| unsafe { pg_sys::get_database_name(pg_sys::Oid::from(oid)) }.is_null();
        if database.is_some_and(is_gone) && is_old(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
