//! Whose file is it? The default VFS of the host: paths that the settings name are replicas, all others go to the VFS below.

use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ffi;

use super::file::ReplicaFile;
use super::preloaded;
use super::replicas;
use crate::config::{self, Settings};
use crate::error::Error;
use crate::lock::Mutex;
use crate::replica::{Access, Replica};
use crate::runtime::as_our_work;
use crate::sqlite::Sqlite;
use crate::vfs::{Code, File, Vfs, raw};

/// The name under which the router is registered.
pub const NAME: &CStr = c"liteflare";

/// Registers the router as the default VFS of `sqlite`.
pub fn install(sqlite: Sqlite) -> Result<(), Code> {
    raw::register(sqlite, NAME, &Router, true)
}

/// Paths that this process serves whatever the environment says. Rank 7: held to look one up.
static ATTACHED: Mutex<BTreeMap<PathBuf, Settings>, 7> = Mutex::new(BTreeMap::new());

/// Serves `path` (absolute, without symbolic links) from the database that `settings` name.
pub fn attach(path: &Path, settings: Settings) {
    ATTACHED.lock().insert(path.to_path_buf(), settings);
}

fn settings_for(path: &Path) -> Option<Result<Settings, Error>> {
    let attached = ATTACHED.lock().get(path).cloned();
    match attached {
        Some(settings) => Some(Ok(settings)),
        // An error: it may be a database of D1's, and then no silent local one serves instead.
        None => {
            let settings = config::database_settings(path).transpose()?;
            Some(settings.and_then(|settings| preloaded::check().map(|()| settings)).map_err(Error::from))
        }
    }
}

struct Router;

impl Vfs for Router {
    fn open(&self, path: &CStr, flags: c_int) -> Option<Result<Box<dyn File>, Code>> {
        let path = Path::new(OsStr::from_bytes(path.to_bytes()));
        let access = match flags {
            flags if flags & ffi::SQLITE_OPEN_READONLY != 0 => Access::Read,
            flags if flags & ffi::SQLITE_OPEN_CREATE == 0 => Access::Write,
            _ => Access::Create,
        };
        // The marker that is looked at on the way must be what lies on the disk.
        let replica = as_our_work(|| {
            let settings = settings_for(path)?.map_err(Arc::new);
            Some(settings.and_then(|settings| replicas::connect(path, settings, access)))
        })?;
        Some(match replica {
            Ok(replica) => Ok(Box::new(ReplicaFile::new(replica, access == Access::Read))),
            Err(error) => Err(error.report()),
        })
    }

    /// A replica has neither a rollback journal nor a WAL on disk. SQLite asks before every read transaction, and would play back a
    /// journal that was left there when the database was still a local file.
    fn exists(&self, path: &CStr) -> Option<bool> {
        let bytes = path.to_bytes();
        let main = bytes.strip_suffix(b"-journal").or_else(|| bytes.strip_suffix(b"-wal"))?;
        replicas::has(Path::new(OsStr::from_bytes(main))).then_some(false)
    }

    fn has_others(&self) -> bool {
        true
    }

    fn is_full_path(&self, _name: &CStr) -> bool {
        false
    }
}

/// The replica of a path (without symbolic links) that is read as a file. `None`: the path is no database of D1's.
pub fn replica_to_read(path: &Path) -> Option<Result<Arc<Replica>, Arc<Error>>> {
    // Whatever the environment says by now: this process has it open.
    if let Some(replica) = replicas::of(path) {
        return Some(Ok(replica));
    }
    let settings = settings_for(path)?.map_err(Arc::new);
    Some(settings.and_then(|settings| replicas::read_as_file(path, settings)))
}
