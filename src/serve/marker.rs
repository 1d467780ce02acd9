//! The small text file at the database path. It says where the database lives, so that `stat` works and a start without liteflare
//! fails with "file is not a database" instead of silently beginning an empty one. Nobody obeys it: which database is opened, the
//! settings say.

use std::io::ErrorKind;
use std::path::Path;

use crate::config::{self, Settings};
use crate::error::Error;
use crate::local_file;

/// No SQLite database begins like this, and none is shorter than its 100-byte header.
const FIRST_LINE: &str = "liteflare: this database lives in Cloudflare D1, not in this file.";

/// What a SQLite database begins with.
const DATABASE: &[u8] = b"SQLite format 3\0";

/// More than a marker has.
pub const MOST_BYTES: u64 = 4096;

/// As for any file that a program makes, less what the umask takes.
const MODE: u32 = 0o666;

/// Whether a file that begins like this is a marker.
pub fn is_marker(bytes: &[u8]) -> bool {
    bytes.starts_with(FIRST_LINE.as_bytes())
}

/// What a file at a database's path is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing is in it.
    Empty,
    /// A marker.
    Marker,
    /// A SQLite database.
    Database,
    /// Anything else.
    Other,
}

impl Kind {
    /// The kind of a file that begins like this; 100 bytes are enough to tell.
    pub fn of(bytes: &[u8]) -> Kind {
        match bytes {
            [] => Kind::Empty,
            _ if is_marker(bytes) => Kind::Marker,
            _ if bytes.starts_with(DATABASE) => Kind::Database,
            _ => Kind::Other,
        }
    }

    /// Reads what it takes to tell, and no more: there may be gigabytes, or a pipe that never ends.
    pub fn at(path: &Path) -> std::io::Result<Kind> {
        Ok(Kind::of(&local_file::first_bytes(path, FIRST_LINE.len() as u64)?))
    }
}

/// Refuses a path that holds anything but nothing, an empty file or our marker.
pub fn check(path: &Path) -> Result<(), Error> {
    let occupied = |what| Err(Error::Occupied { path: path.to_path_buf(), what });
    let kind = match Kind::at(path) {
        // Before anything is made on D1: the marker could not be left there.
        Err(error) if error.kind() == ErrorKind::NotFound => match path.parent() {
            Some(folder) if !folder.is_dir() => return Err(Error::NoFolder { path: path.to_path_buf() }),
            _ => Kind::Empty,
        },
        Err(source) => return Err(Error::Marker { path: path.to_path_buf(), source }),
        Ok(kind) => kind,
    };
    match kind {
        Kind::Marker => Ok(()),
        Kind::Empty => refuse_a_link(path),
        Kind::Database => occupied("a local SQLite database"),
        Kind::Other => occupied("a file of something else"),
    }
}

/// A marker is not made where a link leads: whoever has put the link there may have meant a file that nobody else should write.
fn refuse_a_link(path: &Path) -> Result<(), Error> {
    match config::link_to_database(path)? {
        Some(link) => Err(Error::Link { link, path: path.to_path_buf() }),
        None => Ok(()),
    }
}

/// A name as a marker tells it: on one line, and not so long that the file is more than a marker has.
fn told(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

/// Writes the marker where it is missing or says something else.
pub fn leave(path: &Path, settings: &Settings) -> Result<(), Error> {
    let text = format!(
        "{FIRST_LINE}\nAccount: {}\nDatabase: {}\nStart the application with `liteflare run`, or with LITEFLARE=1 in its environment.\n",
        told(&settings.account),
        told(&settings.database)
    );
    if local_file::first_bytes(path, MOST_BYTES).is_ok_and(|bytes| bytes == text.as_bytes()) {
        return Ok(());
    }
    local_file::replace(path, text.as_bytes(), MODE)
        .map_err(|source| Error::Marker { path: path.to_path_buf(), source })
}
