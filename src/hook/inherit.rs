//! Open files across `exec`: a shell opens a file, and the program it starts writes into it. That program finds nothing but descriptors
//! of files in memory; an environment variable tells it their keys, so that it can upload what it has written.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::fs::OFlags;

use super::descriptor::Identity;
use super::errno::Result;
use super::file::{Access, Begun, Inode, OpenFile, Stored};
use super::memfd::Memfd;
use super::paths::ObjectKey;
use super::table::{DescriptorTable, Handle};
use crate::config;

/// An environment with one more variable.
pub(crate) struct Environment {
    pointers: Vec<*const c_char>,
    _ours: CString,
}

impl Environment {
    /// As `exec` wants it.
    pub(crate) fn as_ptr(&self) -> *const *const c_char {
        self.pointers.as_ptr()
    }
}

/// The environment for a program that may inherit files open for writing. `None`: there are no such files, the given one will do.
///
/// SAFETY (of the callers): `environment` is null or a list of C strings that ends with null.
pub(super) unsafe fn offer(table: &DescriptorTable, environment: *const *const c_char) -> Option<Environment> {
    table.inheritable().iter().for_each(|file| file.inode.share());
    let lines: Vec<String> = table.files().iter().filter_map(|file| describe(file)).collect();
    if lines.is_empty() || environment.is_null() {
        return None;
    }
    let ours = CString::new(format!("{}={}", config::INHERITED, lines.join("\n"))).ok()?;
    let mut pointers = vec![ours.as_ptr()];
    // SAFETY: as above.
    unsafe {
        let mut entry = environment;
        while !(*entry).is_null() {
            if !CStr::from_ptr(*entry).to_bytes().starts_with(config::INHERITED.as_bytes()) {
                pointers.push(*entry);
            }
            entry = entry.add(1);
        }
    }
    pointers.push(std::ptr::null());
    Some(Environment { pointers, _ours: ours })
}

/// Inode number, time up to which changes need no upload by the process that inherits the file (0: all do), key.
fn describe(file: &OpenFile) -> Option<String> {
    if !file.writes {
        return None;
    }
    let key = file.inode.state.lock().key.clone()?;
    let needs_upload = file.is_ours_to_put() && file.inode.is_changed().unwrap_or(true);
    let modified = file.inode.memfd.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let time = if needs_upload { 0 } else { modified.as_nanos() };
    Some(format!("{} {time} {}", file.inode.memfd.identity().inode, key.as_str()))
}

/// What one line says.
struct Offer {
    inode: u64,
    stored: Stored,
    key: ObjectKey,
}

fn parse(line: &str) -> Option<Offer> {
    let mut parts = line.splitn(3, ' ');
    let (inode, time, key) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
    let stored =
        if time == 0 { Stored::Nothing } else { Stored::Before(SystemTime::UNIX_EPOCH + Duration::from_nanos(time)) };
    Some(Offer { inode, stored, key: ObjectKey::listed(key.to_owned()) })
}

/// Takes over the files that this process has inherited. Called at its start.
pub(super) fn take(table: &DescriptorTable) {
    let Some(text) = config::inherited_files() else { return };
    let offers: HashMap<u64, Offer> = text.lines().filter_map(parse).map(|offer| (offer.inode, offer)).collect();
    let mut files: HashMap<u64, Arc<OpenFile>> = HashMap::new();
    for fd in descriptors() {
        let Some(offer) = inode_of(fd).and_then(|inode| offers.get(&inode)) else { continue };
        let file = match files.get(&offer.inode) {
            Some(file) => Arc::clone(file),
            None => match open(fd, offer) {
                Ok(file) => Arc::clone(files.entry(offer.inode).or_insert(file)),
                Err(_) => continue, // closed meanwhile by another thread
            },
        };
        table.insert(fd, Handle::File(file));
    }
}

fn open(fd: RawFd, offer: &Offer) -> Result<Arc<OpenFile>> {
    let inode = Inode::new(Memfd::inherited(fd)?, offer.key.clone(), offer.stored.clone(), Begun::Replacing);
    inode.share();
    Ok(Arc::new(OpenFile::new(Arc::new(inode), Access::Writes)))
}

/// The descriptors that are open now.
fn descriptors() -> Vec<RawFd> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The inode number of a file in memory that a descriptor may write.
fn inode_of(fd: RawFd) -> Option<u64> {
    // SAFETY: it was open a moment ago. Should another thread have closed it, the questions fail, or are about another file, which is
    // told apart by its number.
    let file = unsafe { BorrowedFd::borrow_raw(fd) };
    let flags = rustix::fs::fcntl_getfl(file).ok()?;
    let is_memory =
        || std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?.to_str()?.strip_prefix("/memfd:").map(drop);
    if !flags.intersects(OFlags::WRONLY | OFlags::RDWR) || is_memory().is_none() {
        return None;
    }
    Some(Identity::of(file).ok()?.inode)
}
