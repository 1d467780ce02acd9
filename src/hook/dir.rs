//! Directory streams: `DIR*` of directories in the bucket.
#![allow(unsafe_code)]

use std::collections::HashSet;
use std::ffi::c_int;
use std::sync::atomic::{AtomicUsize, Ordering};

use libc::{DIR, dirent64};

use super::directories::Entry;
use super::paths::Prefix;
use super::stat::inode;
use crate::lock::Mutex;

/// An open directory.
pub(crate) struct Stream {
    /// The directory.
    pub(crate) prefix: Prefix,
    /// Its descriptor: the one it was made from, or the one it got when `dirfd` asked for it.
    pub(crate) fd: Option<c_int>,
    entries: Vec<Entry>,
    /// The next entry; 0 and 1 are `.` and `..`.
    position: usize,
    /// What `readdir` returned last.
    current: Box<dirent64>,
}

impl Stream {
    /// A stream of these entries.
    pub(crate) fn new(prefix: Prefix, entries: Vec<Entry>, fd: Option<c_int>) -> Stream {
        // SAFETY: a struct of integers, for which all zeros is a value.
        let current = unsafe { Box::new(std::mem::zeroed()) };
        Stream { prefix, fd, entries, position: 0, current }
    }

    /// Reads the directory again, from the start.
    pub(crate) fn rewind(&mut self, entries: Vec<Entry>) {
        self.entries = entries;
        self.position = 0;
    }

    /// Where the next entry is.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Goes to where `position` once was.
    pub(crate) fn seek(&mut self, position: usize) {
        self.position = position;
    }

    /// The next entry; null at the end. It stays as it is until the next call.
    pub(crate) fn read(&mut self) -> *mut dirent64 {
        let directory = |name: &str| Entry { name: name.to_string(), is_directory: true };
        let entry = match self.position {
            0 => Some(directory(".")),
            1 => Some(directory("..")),
            at => self.entries.get(at - 2).cloned(),
        };
        let Some(entry) = entry else { return std::ptr::null_mut() };
        self.position += 1;
        fill(&mut self.current, &self.prefix, &entry, self.position);
        &mut *self.current
    }
}

/// Makes a `dirent` of an entry.
pub(crate) fn fill(out: &mut dirent64, prefix: &Prefix, entry: &Entry, position: usize) {
    let key = match entry.name.as_str() {
        "." => prefix.as_str().trim_end_matches('/').to_string(),
        ".." => {
            prefix.parent().map_or_else(|| "..".to_string(), |above| above.as_str().trim_end_matches('/').to_string())
        }
        name => prefix.join(name).as_str().to_string(),
    };
    out.d_ino = inode(&key);
    out.d_off = position as i64;
    out.d_type = if entry.is_directory { libc::DT_DIR } else { libc::DT_REG };
    // A name is at most 255 bytes on every file system; longer ones of the bucket are cut, since there is no room for them.
    let room = out.d_name.len() - 1;
    let bytes = &entry.name.as_bytes()[..entry.name.len().min(room)];
    for (to, byte) in out.d_name.iter_mut().zip(bytes.iter().chain([&0])) {
        *to = *byte as libc::c_char;
    }
    out.d_reclen = (std::mem::offset_of!(dirent64, d_name) + bytes.len() + 1).next_multiple_of(8) as u16;
}

/// The streams that are ours, by address. Rank 5.
static STREAMS: Mutex<Option<HashSet<usize>>, 5> = Mutex::new(None);
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Hands a stream out as a `DIR*`.
pub(crate) fn hand_out(stream: Stream) -> *mut DIR {
    let pointer = Box::into_raw(Box::new(stream));
    STREAMS.lock().get_or_insert_default().insert(pointer as usize);
    COUNT.fetch_add(1, Ordering::AcqRel);
    pointer.cast()
}

/// The stream behind a `DIR*`, if it is one of ours.
///
/// # Safety
/// As libc has it, nobody uses a `DIR*` in two threads at once, nor after `closedir`.
pub(crate) unsafe fn borrow<'a>(dir: *mut DIR) -> Option<&'a mut Stream> {
    // SAFETY: only pointers that `hand_out` made and `take_back` has not seen are in the set.
    is_ours(dir).then(|| unsafe { &mut *dir.cast::<Stream>() })
}

fn is_ours(dir: *mut DIR) -> bool {
    COUNT.load(Ordering::Acquire) > 0
        && STREAMS.lock().as_ref().is_some_and(|streams| streams.contains(&(dir as usize)))
}

/// Takes a stream back, for `closedir`.
pub(crate) fn take_back(dir: *mut DIR) -> Option<Stream> {
    if !is_ours(dir) || !STREAMS.lock().as_mut()?.remove(&(dir as usize)) {
        return None;
    }
    COUNT.fetch_sub(1, Ordering::AcqRel);
    // SAFETY: the pointer was in the set, so `hand_out` made it of a box, and nobody else takes it out.
    Some(*unsafe { Box::from_raw(dir.cast::<Stream>()) })
}
