//! What can go wrong between SQLite and D1, and what the application sees of it.
//!
//! Each error is a sentence for the person who must act. It is logged once, by [`Error::report`], where it becomes a result code.

use std::path::PathBuf;

use rusqlite::ffi;

use crate::config::SettingError;
use crate::d1::{Refusal, SendError};
use crate::decode::Corrupt;
use crate::log;
use crate::plan::PlanError;
use crate::schema::SchemaError;

/// SQLITE_BUSY_SNAPSHOT: the database went on, and this transaction cannot go on from what it has seen. At the commit gate the plain
/// SQLITE_BUSY would leave the transaction open, to fail again for ever; any other code makes SQLite roll back.
pub(crate) const BUSY_SNAPSHOT: i32 = ffi::SQLITE_BUSY | (2 << 8);

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
    /// The database path is a link to a place where the marker would have to be made.
    #[error(
        "{link} is a symbolic link to {path}, and liteflare makes no file where a link leads: name {path} itself in LITEFLARE_DB, \
         or remove the link", link = .link.display(), path = .path.display()
    )]
    Link {
        /// The database path.
        link: PathBuf,
        /// Where it leads.
        path: PathBuf,
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
    #[error("D1 refused: {0}")]
    Refused(Refusal),
    /// D1's rows are others than those here.
    #[error(
        "D1 holds other rows than this copy of them, which somebody has changed in a way that leaves no trace; the transaction was rolled \
         back and may be tried again"
    )]
    OtherRows,
    /// There is no database, and the connection may not make one.
    #[error("D1 holds no database of liteflare's yet, and mode=ro and mode=rw make none: open it once without them")]
    NotThere,
    /// A newer liteflare has been at the database.
    #[error(
        "this database is in the care of a newer liteflare, whose tables on D1 this one does not know: update this one"
    )]
    NewerFormat,
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
    /// An object's text on D1 is not run here.
    #[error("D1's schema cannot be taken over: {reason}")]
    Schema {
        /// The object, what is wrong with it, and what to do.
        reason: String,
    },
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
            Error::Conflict | Error::OtherRows => BUSY_SNAPSHOT,
            Error::Plan(PlanError::ValueTooBig { .. }) => ffi::SQLITE_TOOBIG,
            Error::Setting(_)
            | Error::Occupied { .. }
            | Error::Link { .. }
            | Error::NoFolder { .. }
            | Error::Marker { .. }
            | Error::Importing
            | Error::NewerFormat
            | Error::NotThere
            | Error::Schema { .. }
            | Error::Hydrate { .. } => ffi::SQLITE_CANTOPEN,
            Error::Refused(_) | Error::Unreachable(_) | Error::Plan(_) | Error::Corrupt(_) | Error::Sqlite(_) => {
                ffi::SQLITE_IOERR
            }
        }
    }

    /// Logs the error and gives its result code.
    pub fn report(&self) -> i32 {
        log::warn(self);
        self.sqlite_code()
    }
}

impl From<SchemaError> for Error {
    fn from(error: SchemaError) -> Error {
        Error::Plan(error.into())
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Error {
        match error {
            SendError::Refused(refusal) => Error::Refused(refusal),
            SendError::NotApplied { reason, .. } | SendError::Unknown(reason) => Error::Unreachable(reason),
            SendError::Oversized(oversized) => Error::Unreachable(oversized.to_string()),
        }
    }
}
