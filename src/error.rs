//! What can go wrong between SQLite and D1, and between files and R2, and what the application sees of it.
//!
//! Each error is a sentence for the person who must act. It is logged once, by [`Error::report`], where it becomes a result code.

use std::path::PathBuf;

use parking_lot::Mutex;
use rusqlite::ffi;

use crate::config::{SettingError, masked};
use crate::d1::{Refusal, SendError};
use crate::decode::Corrupt;
use crate::plan::PlanError;
use crate::r2;

/// Why an operation on a replica failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The path holds something that is not ours.
    #[error("{path} is {what}: liteflare never touches it. Move it away, or bring it to D1 with `liteflare import`", path = .path.display())]
    Occupied {
        /// The database path.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// There is no place for the marker file.
    #[error("{path}: its folder does not exist; make it first", path = .path.display())]
    NoFolder {
        /// The database path.
        path: PathBuf,
    },
    /// The marker file cannot be written or read.
    #[error("{path}: {source}", path = .path.display())]
    Marker {
        /// The database path.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another writer was first.
    #[error("another writer committed first; the transaction was rolled back and may be tried again")]
    Conflict,
    /// D1 said no.
    #[error("{0}")]
    Refused(Refusal),
    /// D1 gave no answer until the deadline.
    #[error("{0}")]
    Unreachable(String),
    /// The transaction cannot be expressed on D1.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The database's pages do not follow the file format.
    #[error("the database's pages are damaged: {0}; the transaction was rolled back")]
    Corrupt(#[from] Corrupt),
    /// The SQLite inside this library failed on an image.
    #[error("reading the replica failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// D1 holds a part of a database.
    #[error("an import into this database was begun and not finished: run `liteflare import` again")]
    Importing,
    /// What D1 holds cannot become a replica.
    #[error("D1's table {table:?} cannot be read: {reason}")]
    Hydrate {
        /// The table.
        table: String,
        /// Why not.
        reason: String,
    },
}

impl Error {
    /// The result code that the application gets. The only place that picks one.
    pub fn sqlite_code(&self) -> i32 {
        match self {
            Error::Conflict => ffi::SQLITE_BUSY,
            Error::Plan(PlanError::ValueTooBig { .. }) => ffi::SQLITE_TOOBIG,
            Error::Setting(_)
            | Error::Occupied { .. }
            | Error::NoFolder { .. }
            | Error::Marker { .. }
            | Error::Importing
            | Error::Hydrate { .. } => ffi::SQLITE_CANTOPEN,
            Error::Refused(_) | Error::Unreachable(_) | Error::Plan(_) | Error::Corrupt(_) | Error::Sqlite(_) => {
                ffi::SQLITE_IOERR
            }
        }
    }

    /// Logs the error and gives its result code.
    pub fn report(&self) -> i32 {
        warn(self);
        self.sqlite_code()
    }
}

/// The last error that was logged. Rank 10: held to copy a text.
static LAST: Mutex<Option<String>> = Mutex::new(None);

fn warn(error: &dyn std::fmt::Display) {
    let text = masked(error.to_string());
    tracing::warn!("{text}");
    *LAST.lock() = Some(text);
}

/// The last error of this process that was reported to the application, for `liteflare_status`.
pub fn last() -> Option<String> {
    LAST.lock().clone()
}

impl r2::Error {
    /// The `errno` that the application gets. The only place that picks one.
    pub fn errno(&self) -> i32 {
        match self {
            r2::Error::NotFound { .. } => libc::ENOENT,
            r2::Error::Exists { .. } => libc::EEXIST,
            r2::Error::BadKey { .. } => libc::EINVAL,
            r2::Error::LongKey { .. } => libc::ENAMETOOLONG,
            r2::Error::TooBig { .. } => libc::EFBIG,
            r2::Error::Setting(_)
            | r2::Error::Refused { .. }
            | r2::Error::Unreachable { .. }
            | r2::Error::Thread { .. } => libc::EIO,
        }
    }

    /// Logs the error, unless it is an ordinary answer to a question about a file, and gives its `errno`.
    pub fn report(&self) -> i32 {
        match self {
            r2::Error::NotFound { .. } | r2::Error::Exists { .. } => tracing::debug!("{self}"),
            _ => warn(self),
        }
        self.errno()
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Error {
        match error {
            SendError::Refused(refusal) => Error::Refused(refusal),
            SendError::NotApplied { reason, .. } | SendError::Unknown(reason) => Error::Unreachable(reason),
        }
    }
}
