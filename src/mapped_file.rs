//! Files that are written once and mapped into memory: the one place where the extension holds memory that the kernel
//! fills. Not for files that change.
//!
//! A mapping is sound as long as nobody changes or shortens the file under it. So a file is written under another name,
//! with all its space allocated, synced, and renamed; after that nobody ever opens it for writing. Removing it only takes
//! its name: mappings live on. A reader of a file that somebody else damaged gets other bytes, which the engine's reader
//! survives; only one that was shortened by hand while mapped ends the process (SIGBUS), as it does with PostgreSQL's
//! own files.

use std::fs::{self, File, OpenOptions};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A whole file, mapped read-only until it is dropped.
pub struct Mapping {
    address: *const u8,
    length: usize,
}

// SAFETY: nothing but reading happens through the address, and what it points to does not change.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let length = usize::try_from(file.metadata()?.len()).map_err(|_| ErrorKind::FileTooLarge)?;
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: a new mapping of a file that is open; it stays when the file is closed.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(Error::last_os_error());
        }
        Ok(Self {
            address: address.cast(),
            length,
        })
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: mapped in open() and until drop; see the head of the module for why it does not change.
        unsafe { std::slice::from_raw_parts(self.address, self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping of open(), which nobody borrows any more.
        unsafe { libc::munmap(self.address.cast_mut().cast(), self.length) };
    }
}

/// Writes a file so that it is there whole or not at all: `temporary` is renamed to `path` at the end. Space is allocated
/// first, so that a full disk is an error here and not a signal in whoever maps the file.
pub fn write(path: &Path, temporary: &Path, parts: &[&[u8]], synced: bool) -> Result<()> {
    let written = write_temporary(temporary, parts, synced).and_then(|()| fs::rename(temporary, path));
    if written.is_err() {
        // Best effort: what is left of it is never taken for a file of ours.
        let _ = fs::remove_file(temporary);
        return written;
    }
    match path.parent() {
        Some(folder) if synced => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn write_temporary(temporary: &Path, parts: &[&[u8]], synced: bool) -> Result<()> {
    // A dead process with our number may have left one.
    let _ = fs::remove_file(temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(temporary)?;
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length = libc::off_t::try_from(length).map_err(|_| ErrorKind::FileTooLarge)?;
    // SAFETY: an open file of ours.
    match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length) } {
        // Some file systems cannot; writing then allocates.
        0 | libc::EOPNOTSUPP | libc::EINVAL => (),
        code => return Err(Error::from_raw_os_error(code)),
    }
    for part in parts {
        file.write_all(part)?;
    }
    if synced { file.sync_all() } else { Ok(()) }
}

/// A lock between the processes of a machine, held until it is dropped or its holder dies.
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// `None`: somebody else has it.
    pub fn try_take(path: &Path) -> Result<Option<Self>> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        // SAFETY: an open file of ours.
        if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
            return Ok(Some(Self { _file: file }));
        }
        match Error::last_os_error() {
            error if error.kind() == ErrorKind::WouldBlock => Ok(None),
            error => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_mapped_and_outlives_its_name() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("pg_moderation-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let (path, temporary) = (folder.join("a.set"), folder.join("a.tmp"));
        write(&path, &temporary, &[b"one ", b"two"], true)?;
        let mapping = Mapping::open(&path)?;
        fs::remove_file(&path)?;
        assert_eq!(mapping.as_ref(), b"one two");
        assert!(Mapping::open(&path).is_err() && !temporary.exists());
        let lock = folder.join("lock");
        let held = FileLock::try_take(&lock)?;
        assert!(held.is_some() && FileLock::try_take(&lock)?.is_none());
        drop(held);
        assert!(FileLock::try_take(&lock)?.is_some());
        fs::remove_dir_all(&folder)
    }
}
