//! What the hook of a process knows: the mapped folders, the databases, the open descriptors, and the store once it is connected.
//! In: the settings, at the first call of any hooked function. Out: whose file a path names.

use std::ffi::{CStr, c_int};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use super::children::{self, ChildEvent};
use super::database::{Databases, View};
use super::errno::{Errno, Result};
use super::inherit;
use super::paths::{Paths, Place, as_path};
use super::store::Store;
use super::table::{DescriptorTable, Handle};
use crate::lock::{Mutex, RwLock};
use crate::metrics::R2Metrics;
use crate::{config, r2};

/// What the hook of a process knows.
pub(super) struct Hook {
    pub(super) paths: Paths,
    pub(super) databases: Databases,
    pub(super) table: DescriptorTable,
    /// Connected when a mapped folder is first touched. A failure is kept: it was logged, and every further call fails like the first.
    store: OnceLock<Option<Store>>,
    /// Held while the store is connected. Rank 1.
    connecting: Mutex<(), 1>,
    /// The working directory, when it is known. Rank 7.
    directory: RwLock<Option<PathBuf>, 7>,
    /// The process that all this belongs to. A child made by `vfork` runs in its parent's memory and must leave it as it is.
    pub(super) pid: AtomicU32,
}

const UNKNOWN: u8 = 0;
const STARTING: u8 = 1;
const ON: u8 = 2;
const OFF: u8 = 3;
/// The start has panicked: nobody knows what is mapped.
const BROKEN: u8 = 4;

static PHASE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Whether the program may be served: libc and the allocator are through with their own beginnings.
static IS_LOADED: AtomicBool = AtomicBool::new(false);

/// This library has been loaded, and so has libc. An allocator that stands in for libc's begins at the first allocation, which comes
/// here at the latest, and asks libc for files while it holds its locks: before that, and during it, nothing of ours may allocate.
pub(super) fn loaded() {
    drop(std::hint::black_box(Box::new(0_u8)));
    IS_LOADED.store(true, Ordering::Release);
}
/// The hook, once it is switched on.
pub(super) static HOOK: OnceLock<Hook> = OnceLock::new();

/// The hook, when it is switched on. That happens at the first call, which calls `watch`: it is to look out for the end of the process
/// and for `fork`.
#[inline]
pub(super) fn hook(watch: fn()) -> Option<&'static Hook> {
    match PHASE.load(Ordering::Acquire) {
        ON => HOOK.get(),
        UNKNOWN if IS_LOADED.load(Ordering::Acquire) => start(watch),
        _ => None,
    }
}

/// Reads the settings, once. What that needs of libc comes through our functions again and falls straight through, as does whatever
/// other threads do meanwhile; there are hardly any so early.
#[cold]
fn start(watch: fn()) -> Option<&'static Hook> {
    if PHASE.compare_exchange(UNKNOWN, STARTING, Ordering::AcqRel, Ordering::Acquire).is_err() {
        return None;
    }
    let phase = crate::ffi::guard(BROKEN, || begin(watch));
    PHASE.store(phase, Ordering::Release);
    HOOK.get().filter(|_| phase == ON)
}

/// What the hook is after its start.
fn begin(watch: fn()) -> u8 {
    match config::is_on() {
        Ok(true) => {}
        Ok(false) => return OFF,
        Err(error) => {
            crate::log::start();
            tracing::error!("not starting: {error}");
            std::process::exit(1);
        }
    }
    let settings = config::Source::read_all();
    let paths = Paths::new(settings.mapped_folders().into_iter().map(|folder| (folder.dir, folder.prefix)));
    let hook = HOOK.get_or_init(|| Hook {
        paths,
        databases: Databases::new(settings.database_prefilters()),
        table: DescriptorTable::default(),
        store: OnceLock::new(),
        connecting: Mutex::new(()),
        directory: RwLock::new(None),
        pid: AtomicU32::new(std::process::id()),
    });
    watch();
    inherit::take(&hook.table);
    ON
}

/// Whether the start has panicked.
pub(super) fn is_broken() -> bool {
    PHASE.load(Ordering::Acquire) == BROKEN
}

/// The store, if some operation has connected it.
pub(super) fn connected() -> Option<&'static Store> {
    HOOK.get()?.store.get()?.as_ref()
}

/// What this process has asked of the bucket with the mapped folders, if any operation has.
pub(crate) fn metrics() -> Option<&'static R2Metrics> {
    Some(connected()?.objects.bucket().metrics())
}

impl Hook {
    pub(super) fn store(&self) -> Result<&Store> {
        if let Some(store) = self.store.get() {
            let store = store.as_ref().ok_or(Errno(libc::EIO))?;
            match children::take_event() {
                ChildEvent::None => {}
                ChildEvent::Began => store.directories.lock().share(),
                ChildEvent::Ended => store.others_write(),
            }
            for file in self.table.take_lost() {
                let _ = store.closed(&file); // it was logged; nobody is there to be told
            }
            return Ok(store);
        }
        let _turn = self.connecting.lock();
        let store = self.store.get_or_init(|| {
            crate::log::start();
            match connect(&self.paths) {
                Ok(store) => {
                    self.table.files().iter().for_each(|file| store.inherited(&file.inode));
                    Some(store)
                }
                Err(error) => {
                    error.report();
                    None
                }
            }
        });
        store.as_ref().ok_or(Errno(libc::EIO))
    }

    /// The place that a path leads to; `None` for everything outside of the mapped folders. `Paths::is_elsewhere` is cheaper, and is to
    /// be asked first.
    pub(super) fn place(&self, directory: c_int, path: &CStr) -> Option<Place> {
        let bytes = path.to_bytes();
        if bytes.first() == Some(&b'/') {
            return self.paths.find(as_path(path));
        }
        if bytes.is_empty() {
            return None; // ENOENT, or the descriptor itself (AT_EMPTY_PATH)
        }
        if directory == libc::AT_FDCWD {
            return self.relative_place(as_path(path));
        }
        match self.table.get(directory) {
            Some(Handle::Directory(prefix)) => self.paths.find(&self.paths.host_folder(&prefix)?.join(as_path(path))),
            Some(Handle::File(_) | Handle::Database(_)) => None, // the kernel says ENOTDIR
            None => self.paths.find(&local_path(directory, as_path(path))?),
        }
    }

    /// What a path that may be a database's looks like; `None` for every other path.
    pub(super) fn view(&self, directory: c_int, path: &CStr, follow: bool) -> Option<Result<View>> {
        self.databases.view(&local_path(directory, as_path(path))?, follow)
    }

    fn relative_place(&self, path: &Path) -> Option<Place> {
        let known = self.directory.read().clone();
        let directory = match known {
            Some(directory) => directory,
            None => {
                let directory = std::env::current_dir().ok()?;
                *self.directory.write() = Some(directory.clone());
                directory
            }
        };
        self.paths.find(&directory.join(path))
    }

    /// Whether this is the process whose files these are, and not a child of it that `vfork` made.
    pub(super) fn is_this_process(&self) -> bool {
        self.pid.load(Ordering::Relaxed) == std::process::id()
    }

    /// The process may be in another directory now.
    pub(super) fn directory_changed(&self) {
        *self.directory.write() = None;
    }
}

/// A path that starts at a directory of the kernel's, as an absolute one.
pub(super) fn local_path(directory: c_int, path: &Path) -> Option<PathBuf> {
    if path.is_absolute() {
        return Some(path.to_path_buf());
    }
    let above = match directory {
        libc::AT_FDCWD => std::env::current_dir(),
        directory => std::fs::read_link(format!("/proc/self/fd/{directory}")),
    };
    Some(above.ok()?.join(path))
}

fn connect(paths: &Paths) -> std::result::Result<Store, r2::Error> {
    // Without a bucket nothing is mapped, so there is one.
    let missing = config::SettingError::Missing { name: "LITEFLARE_R2_BUCKET", key: "r2_bucket", hint: "the bucket" };
    let settings = config::R2Settings::load()?.ok_or(missing)?;
    let bucket = format!("{}/{}", settings.keys.endpoint(), settings.bucket);
    Ok(Store::new(bucket, r2::Objects::open(&settings, Arc::default())?, paths.clone(), settings.refresh))
}

/// Does something while the hook is as after a start that panicked. The tests of this crate have no other use of the hook.
#[cfg(test)]
pub(super) fn as_if_broken(test: impl FnOnce()) {
    PHASE.store(BROKEN, Ordering::Release);
    test();
    PHASE.store(OFF, Ordering::Release);
}
