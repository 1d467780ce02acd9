//! The small text file at the database path. It says where the database lives, so that `stat` works and a start without liteflare
//! fails with "file is not a database" instead of silently beginning an empty one.

use std::io::ErrorKind;
use std::path::Path;

use crate::config::Settings;
use crate::error::Error;

/// No SQLite database begins like this, and none is shorter than its 100-byte header.
const FIRST_LINE: &str = "liteflare: this database lives in Cloudflare D1, not in this file.";

/// Whether a file that begins like this is a marker.
pub fn is_marker(bytes: &[u8]) -> bool {
    bytes.starts_with(FIRST_LINE.as_bytes())
}

/// Refuses a path that holds anything but nothing, an empty file or our marker.
pub fn check(path: &Path) -> Result<(), Error> {
    let occupied = |what| Err(Error::Occupied { path: path.to_path_buf(), what });
    match std::fs::read(path) {
        // Before anything is made on D1: the marker could not be left there.
        Err(error) if error.kind() == ErrorKind::NotFound => match path.parent() {
            Some(folder) if !folder.is_dir() => Err(Error::NoFolder { path: path.to_path_buf() }),
            _ => Ok(()),
        },
        Err(source) => Err(Error::Marker { path: path.to_path_buf(), source }),
        Ok(bytes) if bytes.is_empty() || is_marker(&bytes) => Ok(()),
        Ok(bytes) if bytes.starts_with(b"SQLite format 3\0") => occupied("a local SQLite database"),
        Ok(_) => occupied("a file of something else"),
    }
}

/// More than a marker has.
pub const MOST_BYTES: u64 = 4096;

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
    if std::fs::read(path).is_ok_and(|bytes| bytes == text.as_bytes()) {
        return Ok(());
    }
    std::fs::write(path, text).map_err(|source| Error::Marker { path: path.to_path_buf(), source })
}
