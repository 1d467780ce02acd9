//! Images as database files for the SQLite inside this library: to read rows typed, and to build new images.
//!
//! A [`Scratch`] is one file in memory. Shown an image, it is read by a connection that stays open from commit to commit;
//! written to, its pages become a new image.

use std::collections::HashMap;
use std::ffi::{CStr, c_int};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Once};

use parking_lot::Mutex;
use rusqlite::{Connection, ffi};

use super::inner::{self, Task};
use super::{Code, File, LockLevel, Pragma, Vfs, raw};
use crate::image::{Image, Overlay, PageNo};
use crate::lock;
use crate::sqlite::Sqlite;

/// The VFS.
pub(super) const NAME: &CStr = c"liteflare-scratch";
const PREFIX: &str = "liteflare-scratch:";

/// The files there are, by number. Rank 8: held to look one up, never while calling anything.
static FILES: lock::Mutex<Option<HashMap<u64, Arc<Mutex<State>>>>, 8> = lock::Mutex::new(None);

struct State {
    image: Image,
    overlay: Overlay,
    /// What readers see as the change counter: a new number for each image shown, so that they drop the pages they cached.
    /// (Two images may carry the same counter: a refused commit gives its number back; `docs/DECODING.md`, R17.)
    shown: Option<u32>,
}

/// A database file in memory, served to the SQLite inside this library.
pub struct Scratch {
    id: u64,
    state: Arc<Mutex<State>>,
}

impl Scratch {
    /// A file that holds `image`.
    pub fn new(image: Image) -> Scratch {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let overlay = Overlay::on(&image);
        let state = Arc::new(Mutex::new(State { image, overlay, shown: None }));
        FILES.lock().get_or_insert_default().insert(id, state.clone());
        Scratch { id, state }
    }

    /// A connection that only reads; [`Scratch::show`] changes what it sees.
    pub fn reader(&self) -> rusqlite::Result<Connection> {
        self.connection(Task::Read)
    }

    /// A connection that writes; [`Scratch::image`] gives the result. There is no journal: a failed write ends the file's use.
    pub fn writer(&self) -> rusqlite::Result<Connection> {
        self.connection(Task::Build)
    }

    /// A connection for `task`.
    pub(crate) fn connection(&self, task: Task) -> rusqlite::Result<Connection> {
        register();
        let state = self.state.clone();
        let size = move || state.lock().overlay.size();
        inner::scratch(&format!("{PREFIX}{}", self.id), NAME, task, size)
    }

    /// Lets readers see `image` from their next statement on.
    pub fn show(&self, image: &Image) {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let mut state = self.state.lock();
        state.overlay = Overlay::on(image);
        state.image = image.clone();
        state.shown = Some(NEXT.fetch_add(1, Ordering::Relaxed));
    }

    /// What the file holds now, and the pages in which it differs from the image it began with.
    pub fn image(&self) -> (Image, Vec<PageNo>) {
        let state = self.state.lock();
        state.image.with(&state.overlay)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(files) = FILES.lock().as_mut() {
            files.remove(&self.id);
        }
    }
}

/// Registers the VFS, once.
pub(super) fn register() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        if let Err(code) = raw::register(Sqlite::bundled(), NAME, &ScratchVfs, false) {
            tracing::error!("the SQLite inside liteflare takes no VFS (code {code})");
        }
    });
}

struct ScratchVfs;

impl ScratchVfs {
    fn id(path: &CStr) -> Option<u64> {
        path.to_str().ok()?.strip_prefix(PREFIX)?.parse().ok()
    }
}

impl Vfs for ScratchVfs {
    fn open(&self, path: &CStr, _flags: c_int) -> Option<Result<Box<dyn File>, Code>> {
        let state = FILES.lock().as_ref()?.get(&Self::id(path)?)?.clone();
        Some(Ok(Box::new(ScratchFile(state))))
    }

    fn exists(&self, path: &CStr) -> Option<bool> {
        // Neither a journal nor a WAL stands beside these files.
        path.to_bytes().starts_with(PREFIX.as_bytes()).then_some(false)
    }

    /// No path that stands in D1's texts may lead to the disk.
    fn has_others(&self) -> bool {
        false
    }

    fn is_full_path(&self, name: &CStr) -> bool {
        name.to_bytes().starts_with(PREFIX.as_bytes())
    }
}

struct ScratchFile(Arc<Mutex<State>>);

/// The change counter in the database header, and its second copy ("version-valid-for").
const COUNTERS: [u64; 2] = [24, 92];

impl File for ScratchFile {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<bool, Code> {
        let state = self.0.lock();
        let complete = state.overlay.read(&state.image, offset, buffer);
        if let Some(shown) = state.shown {
            for at in COUNTERS {
                let start = at.checked_sub(offset).and_then(|start| usize::try_from(start).ok());
                if let Some(field) = start.and_then(|start| buffer.get_mut(start..start + 4)) {
                    field.copy_from_slice(&shown.to_be_bytes());
                }
            }
        }
        Ok(complete)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Code> {
        let state = &mut *self.0.lock();
        state.overlay.write(&state.image, offset, bytes).map_err(|_| ffi::SQLITE_IOERR_WRITE)
    }

    fn truncate(&mut self, size: u64) -> Result<(), Code> {
        self.0.lock().overlay.truncate(size);
        Ok(())
    }

    fn size(&mut self) -> Result<u64, Code> {
        Ok(self.0.lock().overlay.size())
    }

    fn end_of_transaction(&mut self) -> Result<(), Code> {
        Ok(())
    }

    /// One connection at a time uses a scratch file, so there is nobody to lock out.
    fn lock(&mut self, _level: LockLevel) -> Result<(), Code> {
        Ok(())
    }

    fn unlock(&mut self, _level: LockLevel) {}

    fn is_reserved(&self) -> bool {
        false
    }

    fn pragma(&mut self, _name: &str, _value: Option<&str>) -> Pragma {
        Pragma::PassOn
    }
}
