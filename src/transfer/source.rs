//! Reads the local database without touching it.
//!
//! A connection to the file itself could leave a `-shm` file behind, or move the WAL's content into the database. So the file and its WAL
//! are copied to a temporary folder, and the copy is opened. Nobody may write meanwhile: a database that another process has open is
//! refused, and so is one whose files have changed by the end of the copy.

use std::fs::{self, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, OpenFlags};
use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};
use tempfile::TempDir;

use super::Error;
use crate::local_file;
use crate::serve::marker::Kind;
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
        // The whole database will lie there, and others use the folder for temporary files too.
        let private = Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix("liteflare-").permissions(private).tempdir();
        let folder = folder.map_err(Error::file(&std::env::temp_dir()))?;
        let copy = folder.path().join("database");
        let before = stamps(path)?;
        copy_file(path, &copy)?;
        if before[1].is_some() {
            copy_file(&beside(path, "-wal"), &beside(&copy, "-wal"))?;
        }
        refuse_users(path)?;
        if stamps(path)? != before {
            return Err(Error::Changed { path: path.to_path_buf() });
        }
        let connection = inner::file(&copy, OpenFlags::SQLITE_OPEN_READ_WRITE, Task::Import)?; // SQLite reads the WAL so
        Ok(DatabaseCopy { connection, _folder: folder })
    }
}

/// The permissions of the original are not copied: it may be read-only, or for everybody to read.
fn copy_file(from: &Path, to: &Path) -> Result<(), Error> {
    let mut original = local_file::open(from).map_err(Error::file(from))?;
    let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(Error::file(to))?;
    std::io::copy(&mut original, &mut copy).map_err(Error::file(from))?;
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn refuse_other_files(path: &Path) -> Result<(), Error> {
    match Kind::at(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::NoDatabase { path: path.to_path_buf() }),
        Err(error) => Err(Error::file(path)(error)),
        Ok(Kind::Marker) => Err(Error::OnD1 { path: path.to_path_buf() }),
        Ok(Kind::Database) => Ok(()),
        Ok(Kind::Empty | Kind::Other) => Err(Error::NotADatabase { path: path.to_path_buf() }),
    }
}

/// A journal with a header means an unfinished transaction. (`journal_mode=PERSIST` leaves a journal whose header is all zeros.)
fn refuse_a_journal(path: &Path) -> Result<(), Error> {
    let journal = beside(path, "-journal");
    match local_file::first_bytes(&journal, 1) {
        Ok(first) if first.is_empty() || first == [0] => Ok(()),
        Ok(_) => Err(Error::HotJournal { path: path.to_path_buf() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::file(&journal)(error)),
    }
}

/// SQLite's locks (`os_unix.c`) cover 512 bytes from 1 GiB on. In WAL mode an open connection holds one of them all the time, otherwise
/// only during a transaction. Asking for the holder takes no lock.
fn refuse_users(path: &Path) -> Result<(), Error> {
    let file = local_file::open(path).map_err(Error::file(path))?;
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
