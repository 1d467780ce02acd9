//! Why a transfer stopped. Each message names the file, the table or the object, and says what to do.

use std::path::{Path, PathBuf};

use crate::config::SettingError;
use crate::d1::SendError;
use crate::plan::PlanError;
use crate::r2;
use crate::schema::SchemaError;

/// Why a transfer stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// D1, or what is on it, refused.
    #[error(transparent)]
    D1(#[from] crate::error::Error),
    /// R2 refused.
    #[error(transparent)]
    R2(#[from] r2::Error),
    /// Something in the database that D1 cannot hold.
    #[error(transparent)]
    Unfit(#[from] PlanError),
    /// The local database cannot be read.
    #[error("reading the local database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },

    /// There is no database at this path.
    #[error("{path}: there is no such file; give the application's root folder, which holds {database}", path = .path.display(), database = crate::invokeai::DATABASE)]
    NoDatabase {
        /// Where it should be.
        path: PathBuf,
    },
    /// The path holds liteflare's marker.
    #[error("{path}: this database is on D1 already, the file only says so", path = .path.display())]
    OnD1 {
        /// The marker.
        path: PathBuf,
    },
    /// The path holds something else.
    #[error("{path} is not a SQLite database", path = .path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// Another process has the database open.
    #[error("{path} is in use by process {pid}: stop the application first", path = .path.display())]
    InUse {
        /// The file.
        path: PathBuf,
        /// The process.
        pid: i32,
    },
    /// A transaction in the database is neither done nor undone.
    #[error("{path} was left in the middle of a write: stop the application first; if it has crashed, start it once more without liteflare and stop it", path = .path.display())]
    HotJournal {
        /// The database.
        path: PathBuf,
    },
    /// Somebody writes to a file that is being read.
    #[error("{path} changed while it was read: stop the application first", path = .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// SQLite finds damage.
    #[error("{path} is damaged: {problem}; restore a backup, or save what there is with `sqlite3 FILE .recover`", path = .path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// SQLite's first complaint.
        problem: String,
    },
    /// Rows that refer to rows that are not there.
    #[error(
        "table {table}: {count} rows refer to rows of {parent} that are not there (the first has rowid {rowid}); delete them \
         (`PRAGMA foreign_key_check` in sqlite3 lists them) and try again"
    )]
    Dangling {
        /// The child table.
        table: String,
        /// The parent table.
        parent: String,
        /// How many.
        count: u64,
        /// The first of them; `-` in a table without rowids.
        rowid: String,
    },

    /// D1 holds something else than a beginning of what is to be brought there.
    #[error("the D1 database is not empty: {what}; use another database, or --replace to delete what it holds")]
    NotEmpty {
        /// What is there.
        what: String,
    },
    /// D1 is written to by somebody else.
    #[error("another program writes to the D1 database: stop it and try again")]
    Moved,
    /// D1's answer has another form than asked for.
    #[error("D1's answer about table {table} cannot be understood")]
    Answer {
        /// The table.
        table: String,
    },
    /// What was sent is not what is there.
    #[error(
        "{count} things on Cloudflare's side are not what was sent, the first: {first}; somebody else writes there: stop that, and import with --replace"
    )]
    NotEqual {
        /// How many.
        count: u64,
        /// One of them.
        first: String,
    },

    /// A file's name that no object can have.
    #[error("{path:?} cannot be the name of an object: {reason}; rename it or move it away")]
    Name {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Something that is neither a file nor a folder.
    #[error("{path} is neither a file nor a folder: move it away", path = .path.display())]
    Special {
        /// What.
        path: PathBuf,
    },
    /// Objects that are not those of the local files.
    #[error(
        "the bucket {bucket} is not empty: {count} objects {how}, the first is {key:?}; use another bucket or prefix, or --replace to {cure} them"
    )]
    Objects {
        /// The bucket.
        bucket: String,
        /// How many.
        count: usize,
        /// In which way they are not.
        how: &'static str,
        /// The first.
        key: String,
        /// What `--replace` does to them.
        cure: &'static str,
    },
    /// R2 has other bytes than were sent.
    #[error("R2 has other bytes of {key:?} than were sent: its ETag is {etag}; try again")]
    Arrived {
        /// The object.
        key: String,
        /// R2's sum.
        etag: String,
    },

    /// There is nothing to export.
    #[error("the D1 database {database} is empty: there is nothing to export; check LITEFLARE_D1_DATABASE")]
    NothingThere {
        /// The database.
        database: String,
    },
    /// A folder that does not belong to an export.
    #[error("{path} is not empty: export into a new folder", path = .path.display())]
    FolderNotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A folder with an unfinished export of something else.
    #[error("{path} holds an unfinished export of {other}, not of {this}: export into a new folder", path = .path.display())]
    OtherExport {
        /// The folder.
        path: PathBuf,
        /// What it is an export of.
        other: String,
        /// What was to be exported.
        this: String,
    },
    /// A file that is not what an export would have written.
    #[error("{path} is in the way: it is not what the bucket holds under {key:?}; move it away", path = .path.display())]
    InTheWay {
        /// The file.
        path: PathBuf,
        /// The object.
        key: String,
    },
    /// A file at the database's place in an export.
    #[error("{path} is in the way: this export has not written it; move it away", path = .path.display())]
    DatabaseInTheWay {
        /// The file.
        path: PathBuf,
    },
    /// A mapped folder that has no place in an export.
    #[error("LITEFLARE_R2_PATHS maps {path}, which is not below the root {root}: an export has no place for it", path = .path.display(), root = .root.display())]
    Outside {
        /// The folder.
        path: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// Bytes that are not those of the object.
    #[error("what came for {key:?} is not what R2 says it is (MD5): try again")]
    Garbled {
        /// The object.
        key: String,
    },
    /// A part of the work failed in a way nobody foresaw.
    #[error("a thread of this program failed; please report this")]
    Thread,
}

impl Error {
    /// For `map_err` on what is done to a file.
    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
        let path = path.to_path_buf();
        move |source| Error::File { path, source }
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Error {
        Error::D1(error.into())
    }
}

impl From<SchemaError> for Error {
    fn from(error: SchemaError) -> Error {
        Error::Unfit(error.into())
    }
}
