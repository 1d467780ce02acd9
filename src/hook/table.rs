//! Which descriptors of the process are ours.
//!
//! Every `close`, `fstat` and `dup` of the process asks, so the answer "not ours" is one look at a byte. What is ours is looked at more
//! closely: raw system calls (libuv, Go) close numbers that nobody sees closed, and the next file of the disk may have them.

use std::collections::HashMap;
use std::ffi::c_int;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::io::FdFlags;

use super::database::View;
use super::descriptor::{self, Identity};
use super::file::OpenFile;
use super::paths::Prefix;
use crate::lock::{Mutex, MutexGuard};

/// What a descriptor of ours stands for.
#[derive(Clone)]
pub(crate) enum Handle {
    /// A file; descriptors made by `dup` share it.
    File(Arc<OpenFile>),
    /// A directory.
    Directory(Prefix),
    /// A database, opened for reading: a file in memory that has the attributes of the database's path.
    Database(Arc<View>),
}

/// A number, as long as the same file is behind it.
pub(crate) struct Entry {
    handle: Handle,
    identity: Option<Identity>,
}

/// Descriptors below this are looked up in an array of bytes; few processes have others.
const FAST: usize = 4096;

/// The descriptors of this process that are ours.
pub(crate) struct DescriptorTable {
    fast: [AtomicBool; FAST],
    /// How many of ours are not below `FAST`.
    beyond: AtomicUsize,
    /// Rank 5. Held to look at or change one entry, never while calling anything.
    handles: Mutex<HashMap<RawFd, Entry>, 5>,
    /// Files whose numbers are another file's now: a system call that nobody sees has closed them. Rank 6. Held to add or take some.
    lost: Mutex<Vec<Arc<OpenFile>>, 6>,
}

impl Default for DescriptorTable {
    /// An empty table.
    fn default() -> DescriptorTable {
        DescriptorTable {
            fast: [const { AtomicBool::new(false) }; FAST],
            beyond: AtomicUsize::new(0),
            handles: Mutex::default(),
            lost: Mutex::default(),
        }
    }
}

impl DescriptorTable {
    /// Whether a descriptor may be ours; `false` is certain.
    #[inline]
    pub(crate) fn may_have(&self, fd: RawFd) -> bool {
        match usize::try_from(fd) {
            Ok(index) if index < FAST => self.fast[index].load(Ordering::Acquire),
            _ => fd >= 0 && self.beyond.load(Ordering::Acquire) > 0,
        }
    }

    /// What a descriptor stands for, if it is ours.
    pub(crate) fn get(&self, fd: RawFd) -> Option<Handle> {
        if !self.may_have(fd) {
            return None;
        }
        let (handle, identity) = {
            let handles = self.handles.lock();
            let entry = handles.get(&fd)?;
            (entry.handle.clone(), entry.identity)
        };
        if Identity::of_number(fd) == identity {
            return Some(handle);
        }
        drop(handle);
        if let Some(Handle::File(file)) = self.remove(fd) {
            self.lost.lock().push(file);
        }
        None
    }

    /// Takes the files of which the last descriptor was closed without anybody's seeing it.
    pub(crate) fn take_lost(&self) -> Vec<Arc<OpenFile>> {
        std::mem::take(&mut *self.lost.lock()).into_iter().filter(|file| Arc::strong_count(file) == 1).collect()
    }

    /// A descriptor is ours from now on.
    pub(crate) fn insert(&self, fd: RawFd, handle: Handle) {
        let entry = Entry { handle, identity: Identity::of_number(fd) };
        let mut handles = self.handles.lock();
        let is_new = handles.insert(fd, entry).is_none();
        match usize::try_from(fd) {
            Ok(index) if index < FAST => self.fast[index].store(true, Ordering::Release),
            _ if is_new => {
                self.beyond.fetch_add(1, Ordering::AcqRel);
            }
            _ => {}
        }
    }

    /// A descriptor is no longer ours.
    pub(crate) fn remove(&self, fd: RawFd) -> Option<Handle> {
        if !self.may_have(fd) {
            return None;
        }
        let mut handles = self.handles.lock();
        let handle = handles.remove(&fd)?;
        match usize::try_from(fd) {
            Ok(index) if index < FAST => self.fast[index].store(false, Ordering::Release),
            _ => {
                self.beyond.fetch_sub(1, Ordering::AcqRel);
            }
        }
        Some(handle.handle)
    }

    /// Those of our descriptors that lie in a range, in ascending order.
    pub(crate) fn within(&self, first: u32, last: u32) -> Vec<RawFd> {
        let in_range = |fd: &&RawFd| u32::try_from(**fd).is_ok_and(|fd| (first..=last).contains(&fd));
        let mut found: Vec<RawFd> = self.handles.lock().keys().filter(in_range).copied().collect();
        found.sort_unstable();
        found
    }

    /// Every open file.
    pub(crate) fn files(&self) -> Vec<Arc<OpenFile>> {
        let handles = self.handles.lock();
        handles
            .values()
            .filter_map(|entry| match &entry.handle {
                Handle::File(file) => Some(file.clone()),
                Handle::Directory(_) | Handle::Database(_) => None,
            })
            .collect()
    }

    /// The open files that a program gets which is started now.
    pub(crate) fn inheritable(&self) -> Vec<Arc<OpenFile>> {
        let handles = self.handles.lock();
        let stays = |fd: RawFd| descriptor::flags(fd).is_some_and(|flags| !flags.contains(FdFlags::CLOEXEC));
        handles
            .iter()
            .filter_map(|(fd, entry)| match &entry.handle {
                Handle::File(file) if stays(*fd) => Some(file.clone()),
                _ => None,
            })
            .collect()
    }

    /// Keeps the table still, for `fork`.
    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<RawFd, Entry>, 5> {
        self.handles.lock()
    }

    /// A copy of a descriptor is ours as well.
    pub(crate) fn copied(&self, from: RawFd, to: c_int) {
        if to >= 0
            && let Some(handle) = self.get(from)
        {
            self.insert(to, handle);
        }
    }
}
