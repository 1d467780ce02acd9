//! Descriptors of our own in a process that is not: where their numbers are, and whether they still are ours. rustix's system calls go
//! past the hook.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};

use rustix::io::FdFlags;
use rustix::process::{Resource, getrlimit};

use super::errno::{Errno, Result};

/// Our own descriptors have numbers from here on, if the process may have that many: `open` must return the lowest free number, since
/// some programs close descriptor 1 and expect the next file they open to take its place.
const HIGH: c_int = 512;

/// Where the numbers of our own descriptors begin: in the upper half of those that the process may have.
pub(crate) fn high() -> c_int {
    let half =
        getrlimit(Resource::Nofile).current.map_or(c_int::MAX, |most| c_int::try_from(most / 2).unwrap_or(c_int::MAX));
    half.min(HIGH)
}

/// Moves a descriptor to a high number, to be closed on `exec`. Where that is not possible it stays as it is.
pub(crate) fn out_of_the_way(fd: OwnedFd) -> OwnedFd {
    rustix::io::fcntl_dupfd_cloexec(&fd, high()).unwrap_or(fd)
}

/// Device and inode number: how to recognize an open file by any of its descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    /// Unlike those of other files, a memfd's number is never used again while the machine runs.
    pub(crate) inode: u64,
}

impl Identity {
    /// Of an open file.
    pub(crate) fn of(file: impl AsFd) -> Result<Identity> {
        let stat = rustix::fs::fstat(file)?;
        Ok(Identity { device: stat.st_dev, inode: stat.st_ino })
    }

    /// Of the file that has this number now, if any has.
    pub(crate) fn of_number(fd: RawFd) -> Option<Identity> {
        // SAFETY: the number is only asked about. Should it be nobody's, or somebody else's, the answer says so.
        Identity::of(unsafe { BorrowedFd::borrow_raw(fd) }).ok()
    }
}

/// What is to become of a number when another program is started. `None`: it is not open.
pub(crate) fn flags(fd: RawFd) -> Option<FdFlags> {
    // SAFETY: as in `Identity::of_number`.
    rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(fd) }).ok()
}

/// A descriptor of our own. A program that closes every number may have closed it too, and another file may have its number now: that
/// one is neither used nor closed.
#[derive(Debug)]
pub(crate) struct Descriptor {
    /// `None` only while it is dropped.
    file: Option<File>,
    identity: Identity,
}

impl Descriptor {
    /// Takes a descriptor out of the way.
    pub(crate) fn new(fd: OwnedFd) -> Result<Descriptor> {
        let file = File::from(out_of_the_way(fd));
        let identity = Identity::of(&file)?;
        Ok(Descriptor { file: Some(file), identity })
    }

    /// The same file once more.
    pub(crate) fn again(&self) -> Result<Descriptor> {
        let file = self.file()?;
        Descriptor::new(rustix::io::fcntl_dupfd_cloexec(file, 0)?)
    }

    /// How to recognize the file.
    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// The file, if the descriptor is still there.
    pub(crate) fn file(&self) -> Result<&File> {
        let closed = Errno(libc::EBADF);
        let file = self.file.as_ref().ok_or(closed)?;
        if Identity::of(file)? == self.identity { Ok(file) } else { Err(closed) }
    }

    /// Its number, if it is still there.
    pub(crate) fn number(&self) -> Result<RawFd> {
        Ok(self.file()?.as_raw_fd())
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        let is_ours = self.file().is_ok();
        if !is_ours && let Some(file) = self.file.take() {
            let _ = file.into_raw_fd(); // another file's by now, and not ours to close
        }
    }
}
