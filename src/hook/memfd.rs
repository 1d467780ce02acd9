//! Anonymous files in memory: real descriptors, so that reading, writing, seeking, mapping and locking are the kernel's work.
//! rustix's system calls go past the hook.

use std::ffi::c_int;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::time::SystemTime;

use rustix::fs::{MemfdFlags, Mode, OFlags};

use super::errno::{Errno, Result};

/// Our own descriptors have numbers from here on, where the process allows it: `open` is to give the lowest free number, as some
/// programs expect who close descriptor 1 and open another.
pub const HIGH: c_int = 512;

/// What the kernel takes for a name.
const NAME_BYTES: usize = 200;

/// A file in memory.
#[derive(Debug)]
pub struct Memfd {
    /// There until the end.
    file: Option<File>,
    identity: Identity,
}

/// Device and inode number: how to recognize a file of ours by any of its descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    /// Unlike other files', a memfd's number is of its own for as long as the machine runs.
    pub inode: u64,
}

impl Identity {
    /// Of an open file.
    pub fn of(file: impl AsFd) -> Result<Identity> {
        let stat = rustix::fs::fstat(file)?;
        Ok(Identity { device: stat.st_dev, inode: stat.st_ino })
    }
}

impl Memfd {
    /// A file with these bytes. `name` is for people who look at `/proc/PID/fd`.
    pub fn new(name: &str, bytes: &[u8]) -> Result<Memfd> {
        let name: Vec<u8> = name.bytes().filter(|byte| *byte != 0).take(NAME_BYTES).collect();
        let mut file = File::from(out_of_the_way(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?));
        file.write_all(bytes)?;
        Memfd::from_file(file)
    }

    /// A file in memory that this process has inherited. Opened anew, since the descriptor itself may be for writing only.
    pub fn inherited(fd: RawFd) -> Result<Memfd> {
        let again = open(&descriptor_path(fd), libc::O_RDWR | libc::O_CLOEXEC)?;
        Memfd::from_file(File::from(out_of_the_way(again)))
    }

    fn from_file(file: File) -> Result<Memfd> {
        let identity = Identity::of(&file)?;
        Ok(Memfd { file: Some(file), identity })
    }

    /// How to recognize it.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Adds bytes at the end.
    pub fn append(&self, bytes: &[u8]) -> Result<()> {
        let file = self.file()?;
        Ok(file.write_all_at(bytes, file.metadata()?.len())?)
    }

    /// Another open file on the same bytes, with its own position and with the access that `flags` ask for.
    pub fn open(&self, flags: c_int) -> Result<OwnedFd> {
        let flags = flags & !(libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_DIRECTORY | libc::O_NOCTTY);
        open(&descriptor_path(self.file()?.as_raw_fd()), flags)
    }

    /// The file, unless somebody has closed its descriptor: a program that closes every number may do so, and another file may have
    /// it now.
    fn file(&self) -> Result<&File> {
        let closed = Errno(libc::EBADF);
        let file = self.file.as_ref().ok_or(closed)?;
        if Identity::of(file)? == self.identity { Ok(file) } else { Err(closed) }
    }

    /// All bytes.
    pub fn read(&self) -> Result<Vec<u8>> {
        let file = self.file()?;
        let size = file.metadata()?.len();
        let mut bytes = vec![0; usize::try_from(size).map_err(|_| Errno(libc::EFBIG))?];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Whether the file holds exactly these bytes, without reading it all into memory.
    pub fn holds(&self, bytes: &[u8]) -> Result<bool> {
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
    pub fn len(&self) -> Result<u64> {
        Ok(self.file()?.metadata()?.len())
    }

    /// Cuts or extends the file.
    pub fn set_len(&self, len: u64) -> Result<()> {
        Ok(self.file()?.set_len(len)?)
    }

    /// Gives the file the time its object was written.
    pub fn set_modified(&self, at: SystemTime) -> Result<()> {
        Ok(self.file()?.set_modified(at)?)
    }

    /// When it was last written.
    pub fn modified(&self) -> Result<SystemTime> {
        Ok(self.file()?.metadata()?.modified()?)
    }
}

impl Drop for Memfd {
    fn drop(&mut self) {
        let is_ours = self.file().is_ok();
        if !is_ours && let Some(file) = self.file.take() {
            let _ = file.into_raw_fd(); // another file's by now, and not ours to close
        }
    }
}

/// Another name of an open file.
fn descriptor_path(fd: RawFd) -> String {
    format!("/proc/self/fd/{fd}")
}

/// Opens a path with the flags of libc's `open`.
fn open(path: &str, flags: c_int) -> Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::from_bits_retain(flags.cast_unsigned()), Mode::empty())?)
}

/// The descriptor under a high number, closed on `exec`; as it is when that is not possible.
pub fn out_of_the_way(fd: OwnedFd) -> OwnedFd {
    rustix::io::fcntl_dupfd_cloexec(&fd, HIGH).unwrap_or(fd)
}

/// A descriptor of a directory that is nobody's: what it stands for is in the table. It is a real directory's, so that reading from
/// it is refused as it should be.
pub fn directory(flags: c_int) -> Result<OwnedFd> {
    open("/proc/self/fdinfo", (flags & libc::O_CLOEXEC) | libc::O_RDONLY | libc::O_DIRECTORY)
}
