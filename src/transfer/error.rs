//! Why a transfer stopped. Each message names the file, the table or the object, and says what to do about it.

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
    /// D1 refused, or holds something unexpected.
    #[error(transparent)]
    D1(#[from] crate::error::Error),
    /// R2 refused.
    #[error(transparent)]
    R2(#[from] r2::Error),
    /// The database has something that D1 cannot hold.
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
    /// The file is not a database.
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
    /// A transaction in the database was neither committed nor rolled back.
    #[error("{path} was left in the middle of a write: stop the application first; if it has crashed, start it once more without liteflare and stop it", path = .path.display())]
    HotJournal {
        /// The database.
        path: PathBuf,
    },
    /// A file changed while it was read.
    #[error("{path} changed while it was read: stop the application first", path = .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// SQLite's checks found damage.
    #[error("{path} is damaged: {problem}; restore a backup, or save what there is with `sqlite3 FILE .recover`", path = .path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// The first problem SQLite reports.
        problem: String,
    },
    /// An expression of the schema keeps SQLite's checks from being made.
    #[error(
        "SQLite cannot check {what}: look at the CHECKs, generated columns and indexes there, and drop or change what computes that"
    )]
    Unexaminable {
        /// The table, and what its expression does.
        what: String,
    },
    /// Rows violate a foreign key.
    #[error(
        "table {table}: {count} rows refer to rows of {parent} that are not there (the first has rowid {rowid}); delete them \
         (`PRAGMA foreign_key_check` in sqlite3 lists them) and try again"
    )]
    Dangling {
        /// The child table.
        table: String,
        /// The parent table.
        parent: String,
        /// How many rows.
        count: u64,
        /// The first of them; `-` in a table without rowids.
        rowid: String,
    },

    /// D1 holds something other than the first part of our rows.
    #[error("the D1 database is not empty: {what}; use another database, or --replace to delete what it holds")]
    NotEmpty {
        /// What it holds.
        what: String,
    },
    /// Somebody else writes to D1.
    #[error("another program writes to the D1 database: stop it and try again")]
    Moved,
    /// D1's answer does not have the form that was asked for.
    #[error("D1's answer about table {table} cannot be understood")]
    Answer {
        /// The table.
        table: String,
    },
    /// After the transfer, the two sides differ.
    #[error(
        "{count} things on Cloudflare's side are not what was sent, the first: {first}; somebody else writes there: stop that, and import with --replace"
    )]
    NotEqual {
        /// How many differences.
        count: u64,
        /// One of them.
        first: String,
    },

    /// A file's name cannot be part of a key.
    #[error("{path:?} cannot be the name of an object: {reason}; rename it or move it away")]
    Name {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A mapped folder contains something other than files and folders.
    #[error("{path} is neither a file nor a folder: move it away", path = .path.display())]
    Special {
        /// Its path.
        path: PathBuf,
    },
    /// The bucket has objects that differ from the local files.
    #[error(
        "the bucket {bucket} is not empty: {count} objects {how}, the first is {key:?}; use another bucket or prefix, or --replace to {cure} them"
    )]
    Objects {
        /// The bucket.
        bucket: String,
        /// How many.
        count: usize,
        /// How they differ.
        how: &'static str,
        /// The first.
        key: String,
        /// What `--replace` does to them.
        cure: &'static str,
    },
    /// R2's ETag is not the checksum of what was sent.
    #[error("R2 has other bytes of {key:?} than were sent: its ETag is {etag}; try again")]
    Arrived {
        /// The object.
        key: String,
        /// The ETag that R2 computed.
        etag: String,
    },

    /// There is nothing to export.
    #[error("the D1 database {database} is empty: there is nothing to export; check LITEFLARE_D1_DATABASE")]
    NothingThere {
        /// The database.
        database: String,
    },
    /// The folder has files that do not belong to an export.
    #[error("{path} is not empty: export into a new folder", path = .path.display())]
    FolderNotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// Somebody else has prepared what an export would go on with.
    #[error("{path} belongs to another user: export into a new folder", path = .path.display())]
    OfAnother {
        /// The folder in question.
        path: PathBuf,
    },
    /// The folder has an unfinished export of something else.
    #[error("{path} holds an unfinished export of {other}, not of {this}: export into a new folder", path = .path.display())]
    OtherExport {
        /// The folder.
        path: PathBuf,
        /// What the folder has an export of.
        other: String,
        /// What is exported now.
        this: String,
    },
    /// A file exists that is not the object's.
    #[error("{path} is in the way: it is not what the bucket holds under {key:?}; move it away", path = .path.display())]
    InTheWay {
        /// The file.
        path: PathBuf,
        /// The object.
        key: String,
    },
    /// A file exists in the place of the exported database.
    #[error("{path} is in the way: this export has not written it; move it away", path = .path.display())]
    DatabaseInTheWay {
        /// The file.
        path: PathBuf,
    },
    /// A mapped folder is outside of the root.
    #[error("LITEFLARE_R2_PATHS maps {path}, which is not below the root {root}: an export has no place for it", path = .path.display(), root = .root.display())]
    Outside {
        /// The folder.
        path: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// A root's own settings file that names a database outside of the root.
    #[error(
        "{path} is outside of {root}, and only the root's own settings file says that this is its database; if you want it to be sent, \
         name it in LITEFLARE_DB, or import with --follow-links",
        path = .path.display(),
        root = .root.display()
    )]
    DatabaseOutside {
        /// The database.
        path: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// The bytes that arrived do not match the object's checksum.
    #[error("what came for {key:?} is not what R2 says it is (MD5): try again")]
    Garbled {
        /// The object.
        key: String,
    },
    /// A thread panicked.
    #[error("a thread of this program failed; please report this")]
    Thread,
}

impl Error {
    /// For `map_err` on file operations.
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
