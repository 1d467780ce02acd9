//! Whose file is it? The default VFS of the host: paths that the settings name are replicas, all others go to the VFS below.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, OsStr, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use rusqlite::ffi;

use super::file::ReplicaFile;
use super::marker;
use crate::config::{self, Settings};
use crate::error::Error;
use crate::lock::Mutex;
use crate::replica::Replica;
use crate::runtime::as_our_work;
use crate::sqlite::Sqlite;
use crate::vfs::{Code, File, Vfs, raw};

/// The name under which the router is registered.
pub const NAME: &CStr = c"liteflare";

/// Registers the router as the default VFS of `sqlite`.
pub fn install(sqlite: Sqlite) -> Result<(), Code> {
    raw::register(sqlite, NAME, &Router, true)
}

/// The replicas of a process.
#[derive(Default)]
struct Replicas {
    /// Rank 0. Held while a replica is hydrated, so that two connections do not hydrate it twice.
    hydrating: Mutex<(), 0>,
    /// Those in use, by path. Rank 6: held to look or to add one, never while calling anything.
    open: Mutex<HashMap<PathBuf, Open>, 6>,
}

/// This process's replicas. A child made by `fork` begins with none: its parent's may be locked by a thread that does not exist
/// there, and their images stop at the moment of the fork. (The child's copy of them is leaked, with what it locks.)
fn replicas() -> &'static Replicas {
    /// With the process's id. Rank 10: held to look, never while calling anything.
    static CURRENT: Mutex<Option<(u32, &'static Replicas)>, 10> = Mutex::new(None);
    let mut current = CURRENT.lock();
    match *current {
        Some((pid, replicas)) if pid == std::process::id() => replicas,
        _ => {
            let replicas: &'static Replicas = Box::leak(Box::default());
            *current = Some((std::process::id(), replicas));
            replicas
        }
    }
}

struct Open {
    settings: Settings,
    replica: Weak<Replica>,
    /// For those who read the path as a file, and may do so again: it stays until the process ends.
    kept: Option<Arc<Replica>>,
}

/// How many replicas this process has opened: a path may be new since somebody last looked.
static OPENED: AtomicUsize = AtomicUsize::new(0);

/// How many replicas this process has opened.
pub fn opened_count() -> usize {
    OPENED.load(Ordering::Acquire)
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
        None => config::database_settings(path).map_err(Error::from).transpose(),
    }
}

struct Router;

impl Vfs for Router {
    fn open(&self, path: &CStr, flags: c_int) -> Option<Result<Box<dyn File>, Code>> {
        let path = Path::new(OsStr::from_bytes(path.to_bytes()));
        let read_only = flags & ffi::SQLITE_OPEN_READONLY != 0;
        // The marker that is looked at on the way must be what lies on the disk.
        let replica = as_our_work(|| {
            Some(settings_for(path)?.and_then(|settings| open_replica(path, settings, User::Connection)))
        })?;
        Some(match replica {
            Ok(replica) => Ok(Box::new(ReplicaFile::new(replica, read_only))),
            Err(error) => Err(error.report()),
        })
    }

    /// A replica has neither a rollback journal nor a WAL on disk. SQLite asks before every read transaction, and would play back a
    /// journal that was left there when the database was still a local file.
    fn exists(&self, path: &CStr) -> Option<bool> {
        let bytes = path.to_bytes();
        let main = bytes.strip_suffix(b"-journal").or_else(|| bytes.strip_suffix(b"-wal"))?;
        let open = replicas().open.lock();
        let is_ours = open.get(Path::new(OsStr::from_bytes(main))).is_some_and(|open| open.replica.strong_count() > 0);
        is_ours.then_some(false)
    }

    fn has_others(&self) -> bool {
        true
    }

    fn is_full_path(&self, _name: &CStr) -> bool {
        false
    }
}

/// Who wants a replica.
#[derive(Clone, Copy, PartialEq, Eq)]
enum User {
    Connection,
    /// Somebody who reads the path as a file, and may do so again.
    Reader,
}

/// The replica of a path, hydrated when nobody in this process uses it yet.
fn open_replica(path: &Path, settings: Settings, user: User) -> Result<Arc<Replica>, Error> {
    let replicas = replicas();
    let _hydrating = replicas.hydrating.lock();
    let same = |open: &&Open| open.settings == settings;
    let present = |open: &Open| Some((open.replica.upgrade()?, open.kept.is_some()));
    let present = replicas.open.lock().get(path).filter(same).and_then(present);
    if let Some((replica, is_kept)) = present {
        // Kept for readers, and used by nobody since: a connection begins with what D1 holds now, as if it were the first.
        if user == User::Connection && is_kept && Arc::strong_count(&replica) == 2 && !replica.is_recent() {
            replica.sync()?;
        }
        return Ok(replica);
    }
    marker::check(path)?;
    let replica = Arc::new(Replica::open(&settings)?);
    marker::leave(path, &settings)?;
    let mut open = replicas.open.lock();
    open.retain(|_, open| open.replica.strong_count() > 0);
    let kept = (user == User::Reader).then(|| replica.clone());
    open.insert(path.to_path_buf(), Open { settings, replica: Arc::downgrade(&replica), kept });
    OPENED.fetch_add(1, Ordering::AcqRel);
    Ok(replica)
}

/// The replica of a path (without symbolic links) that is read as a file: the one that connections of this process use, else one
/// that is hydrated now and kept until the process ends. `None`: the path is no database of D1's.
pub fn replica_to_read(path: &Path) -> Option<Result<Arc<Replica>, Error>> {
    let present = || replicas().open.lock().get(path).and_then(|open| open.replica.upgrade());
    if let Some(replica) = present() {
        return Some(Ok(replica));
    }
    let settings = match settings_for(path)? {
        Ok(settings) => settings,
        Err(error) => return Some(Err(error)),
    };
    Some(open_replica(path, settings, User::Reader))
}

/// The replicas that connections of this process use now, with their paths.
pub fn open_replicas() -> Vec<(PathBuf, Arc<Replica>)> {
    let open = replicas().open.lock();
    open.iter().filter_map(|(path, open)| Some((path.clone(), open.replica.upgrade()?))).collect()
}

/// The replica that connections of this process to `path` use, if there is one.
pub fn replica_of(path: &Path) -> Option<Arc<Replica>> {
    replicas().open.lock().get(path)?.replica.upgrade()
}
