//! Anonymous files in memory: real descriptors, so that reading, writing, seeking, mapping and locking are the kernel's work.
//! rustix's system calls go past the hook.

use std::ffi::c_int;
use std::fs::File;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::time::SystemTime;

use rustix::fs::{MemfdFlags, Mode, OFlags};
use rustix::process::{Resource, getrlimit};

use super::descriptor::{Descriptor, Identity};
use super::errno::{Errno, Result};
use crate::memory;
use crate::r2::{self, Meta, Sink};

/// The longest name that the kernel accepts, with some room to spare.
const NAME_BYTES: usize = 200;

/// A file in memory.
#[derive(Debug)]
pub(crate) struct Memfd(Descriptor);

impl Memfd {
    /// A file with these bytes. `name` is for people who look at `/proc/PID/fd`.
    pub(crate) fn new(name: &str, bytes: &[u8]) -> Result<Memfd> {
        let name: Vec<u8> = name.bytes().filter(|byte| *byte != 0).take(NAME_BYTES).collect();
        let memfd = Memfd(Descriptor::new(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?)?);
        memfd.file()?.write_all_at(bytes, 0)?;
        Ok(memfd)
    }

    /// A file with an object's bytes, which are here already.
    pub(crate) fn of_object(name: &str, meta: &Meta, bytes: &[u8]) -> std::result::Result<Memfd, r2::Error> {
        check_limit(meta)?;
        Memfd::new(name, bytes).map_err(|errno| no_room(meta, errno))
    }

    /// An empty file for an object, if there is room for it.
    pub(crate) fn for_object(name: &str, meta: &Meta) -> std::result::Result<Memfd, r2::Error> {
        check_limit(meta)?;
        if let Err(left) = memory::check(meta.size) {
            let reason = format!("do not fit into the {left} bytes of memory that are left");
            return Err(r2::Error::does_not_fit(meta, &reason, libc::ENOMEM));
        }
        Memfd::new(name, &[]).map_err(|errno| no_room(meta, errno))
    }

    /// A file in memory that this process has inherited. It is opened again, since the descriptor itself may be write-only.
    pub(crate) fn inherited(fd: RawFd) -> Result<Memfd> {
        let again = open(&descriptor_path(fd), libc::O_RDWR | libc::O_CLOEXEC)?;
        Descriptor::new(again).map(Memfd)
    }

    /// The same file once more.
    pub(crate) fn again(&self) -> Result<Memfd> {
        self.0.again().map(Memfd)
    }

    /// How to recognize it.
    pub(crate) fn identity(&self) -> Identity {
        self.0.identity()
    }

    /// Adds bytes at the end.
    pub(crate) fn append(&self, bytes: &[u8]) -> Result<()> {
        let file = self.file()?;
        Ok(file.write_all_at(bytes, file.metadata()?.len())?)
    }

    /// Puts other bytes in place of all.
    pub(crate) fn replace(&self, bytes: &[u8]) -> Result<()> {
        let file = self.file()?;
        file.write_all_at(bytes, 0)?;
        Ok(file.set_len(bytes.len() as u64)?)
    }

    /// Puts other bytes in place of the first `first`. What follows moves, up to `end` and beyond, where somebody may have added more.
    pub(crate) fn put_under(&self, bytes: &[u8], first: usize, end: usize) -> Result<()> {
        let (first, end) = (first as u64, end as u64);
        let (file, rest) = (self.file()?, self.read_range(first..self.len()?.max(end))?);
        file.write_all_at(&rest, bytes.len() as u64)?;
        Ok(file.write_all_at(bytes, 0)?)
    }

    /// Another open file with the same bytes, its own position, and the access that `flags` ask for.
    pub(crate) fn open(&self, flags: c_int) -> Result<OwnedFd> {
        let flags = flags & !(libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_DIRECTORY | libc::O_NOCTTY);
        open(&descriptor_path(self.file()?.as_raw_fd()), flags)
    }

    fn file(&self) -> Result<&File> {
        self.0.file()
    }

    /// All bytes.
    pub(crate) fn read(&self) -> Result<Vec<u8>> {
        self.read_range(0..self.len()?)
    }

    /// The bytes in this range.
    pub(crate) fn read_range(&self, range: Range<u64>) -> Result<Vec<u8>> {
        let size = range.end.saturating_sub(range.start);
        let mut bytes = Vec::new();
        // A program's file may be larger than what is left of memory.
        let full = Errno(libc::ENOMEM);
        bytes.try_reserve_exact(usize::try_from(size).map_err(|_| full)?).map_err(|_| full)?;
        bytes.resize(size as usize, 0);
        self.file()?.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes)
    }

    /// Whether the file holds exactly these bytes, without reading it all into memory.
    pub(crate) fn holds(&self, bytes: &[u8]) -> Result<bool> {
        let file = self.file()?;
        if file.metadata()?.len() != bytes.len() as u64 {
            return Ok(false);
        }
        let mut buffer = vec![0; bytes.len().min(1 << 16)];
        for (index, expected) in bytes.chunks(1 << 16).enumerate() {
            let part = &mut buffer[..expected.len()];
            file.read_exact_at(part, (index as u64) << 16)?;
            if part != expected {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Bytes it has now.
    pub(crate) fn len(&self) -> Result<u64> {
        Ok(self.file()?.metadata()?.len())
    }

    /// Cuts or extends the file.
    pub(crate) fn set_len(&self, len: u64) -> Result<()> {
        Ok(self.file()?.set_len(len)?)
    }

    /// Gives the file the time its object was written.
    pub(crate) fn set_modified(&self, at: SystemTime) -> Result<()> {
        Ok(self.file()?.set_modified(at)?)
    }

    /// When it was last written.
    pub(crate) fn modified(&self) -> Result<SystemTime> {
        Ok(self.file()?.metadata()?.modified()?)
    }
}

impl Sink for Memfd {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        // Others take memory meanwhile, and the kernel would end a process of this group sooner than say no.
        memory::check(bytes.len() as u64).map_err(|_| std::io::Error::from_raw_os_error(libc::ENOMEM))?;
        Memfd::append(self, bytes).map_err(|Errno(errno)| std::io::Error::from_raw_os_error(errno))
    }
}

/// Refuses an object larger than the files that this process may write: at one byte more, the kernel sends SIGXFSZ.
fn check_limit(meta: &Meta) -> std::result::Result<(), r2::Error> {
    if meta.size <= getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX) {
        return Ok(());
    }
    let reason = "are more than this process may write into a file (RLIMIT_FSIZE)";
    Err(r2::Error::does_not_fit(meta, reason, libc::EFBIG))
}

fn no_room(meta: &Meta, Errno(errno): Errno) -> r2::Error {
    let reason = format!("cannot be kept: {}", std::io::Error::from_raw_os_error(errno));
    r2::Error::does_not_fit(meta, &reason, errno)
}

/// Another name of an open file.
fn descriptor_path(fd: RawFd) -> String {
    format!("/proc/self/fd/{fd}")
}

/// Opens a path with the flags of libc's `open`.
fn open(path: &str, flags: c_int) -> Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::from_bits_retain(flags.cast_unsigned()), Mode::empty())?)
}

/// A descriptor for a directory in the bucket; the table knows which. The kernel takes it for some real directory, and so refuses to
/// read from it, as it should.
pub(crate) fn directory(flags: c_int) -> Result<OwnedFd> {
    open("/proc/self/fdinfo", (flags & libc::O_CLOEXEC) | libc::O_RDONLY | libc::O_DIRECTORY)
}
