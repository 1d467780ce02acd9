//! Reads the local database without touching it.
//!
//! A connection to the file itself could leave a `-shm` file behind, or move the WAL's content into the database. So the file and its WAL
//! are copied to a temporary folder, and the copy is opened. Nobody may write meanwhile: a database that another process has open is
//! refused, and so is one whose files have changed by the end of the copy.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, OpenFlags};
use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};
use tempfile::TempDir;

use super::Error;
use crate::serve::marker;
use crate::vfs::inner::{self, Task};

/// A temporary copy of a database, with what its WAL holds.
pub(crate) struct DatabaseCopy {
    pub(crate) connection: Connection,
    _folder: TempDir, // last: removed only after the connection is closed
}

impl DatabaseCopy {
    /// Copies the database at `path`.
    pub(crate) fn open(path: &Path) -> Result<DatabaseCopy, Error> {
        refuse_other_files(path)?;
        refuse_a_journal(path)?;
        refuse_users(path)?;
        let folder =
            tempfile::Builder::new().prefix("liteflare-").tempdir().map_err(Error::file(&std::env::temp_dir()))?;
        let copy = folder.path().join("database");
        let before = stamps(path)?;
        fs::copy(path, &copy).map_err(Error::file(path))?;
        let wal = beside(path, "-wal");
        if before[1].is_some() {
            fs::copy(&wal, beside(&copy, "-wal")).map_err(Error::file(&wal))?;
        }
        // The copy inherited the permissions of the original, which may be read-only.
        let _ = rustix::fs::chmod(&copy, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR);
        refuse_users(path)?;
        if stamps(path)? != before {
            return Err(Error::Changed { path: path.to_path_buf() });
        }
        let connection = inner::file(&copy, OpenFlags::SQLITE_OPEN_READ_WRITE, Task::Import)?; // SQLite reads the WAL so
        Ok(DatabaseCopy { connection, _folder: folder })
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn refuse_other_files(path: &Path) -> Result<(), Error> {
    let mut first = Vec::new();
    match File::open(path).and_then(|file| file.take(100).read_to_end(&mut first)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::NoDatabase { path: path.to_path_buf() }),
        Err(error) => Err(Error::file(path)(error)),
        Ok(_) if marker::is_marker(&first) => Err(Error::OnD1 { path: path.to_path_buf() }),
        Ok(_) if first.starts_with(b"SQLite format 3\0") => Ok(()),
        Ok(_) => Err(Error::NotADatabase { path: path.to_path_buf() }),
    }
}

/// A journal with a header means an unfinished transaction. (`journal_mode=PERSIST` leaves a journal whose header is all zeros.)
fn refuse_a_journal(path: &Path) -> Result<(), Error> {
    let mut first = [0_u8; 1];
    match File::open(beside(path, "-journal")).and_then(|mut file| file.read(&mut first)) {
        Ok(1) if first != [0] => Err(Error::HotJournal { path: path.to_path_buf() }),
        _ => Ok(()),
    }
}

/// SQLite's locks (`os_unix.c`) cover 512 bytes from 1 GiB on. In WAL mode an open connection holds one of them all the time, otherwise
/// only during a transaction. Asking for the holder takes no lock.
fn refuse_users(path: &Path) -> Result<(), Error> {
    let file = File::open(path).map_err(Error::file(path))?;
    let wanted = Flock {
        start: 0x4000_0000,
        length: 512,
        pid: None,
        typ: FlockType::WriteLock,
        offset_type: FlockOffsetType::Set,
    };
    match fcntl_getlk(&file, &wanted) {
        Ok(Some(held)) => {
            let pid = held.pid.map_or(0, |pid| pid.as_raw_nonzero().get());
            Err(Error::InUse { path: path.to_path_buf(), pid })
        }
        _ => Ok(()), // not every file system has locks
    }
}

/// Size and modification time, which change when somebody writes.
type Stamp = Option<(u64, SystemTime)>;

fn stamps(path: &Path) -> Result<[Stamp; 2], Error> {
    let stamp = |path: PathBuf| match fs::metadata(&path) {
        Ok(found) => Ok(Some((found.len(), found.modified().map_err(Error::file(&path))?))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file(&path)(error)),
    };
    Ok([stamp(path.to_path_buf())?, stamp(beside(path, "-wal"))?])
}
