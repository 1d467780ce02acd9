//! Anonymous files in memory: real descriptors, so that reading, writing, seeking, mapping and locking are the kernel's work.
#![allow(unsafe_code)]

use std::ffi::{CString, c_int};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::SystemTime;

use super::errno::{Errno, Result};
use super::real;

/// A file in memory.
#[derive(Debug)]
pub struct Memfd(File);

impl Memfd {
    /// A file with these bytes. `name` is for people who look at `/proc/PID/fd`.
    pub fn new(name: &str, bytes: &[u8]) -> Result<Memfd> {
        let name = CString::new(name.replace('\0', "")).unwrap_or_default();
        // SAFETY: the name is a C string for the time of the call; a descriptor that comes back is ours alone.
        let mut file = unsafe {
            match libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) {
                -1 => return Err(Errno::last()),
                fd => File::from_raw_fd(fd),
            }
        };
        file.write_all(bytes)?;
        Ok(Memfd(file))
    }

    /// Another open file on the same bytes, with its own position and with the access that `flags` ask for.
    pub fn open(&self, flags: c_int) -> Result<OwnedFd> {
        let flags = flags & !(libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_DIRECTORY | libc::O_NOCTTY);
        let path = format!("/proc/self/fd/{}\0", self.0.as_raw_fd());
        // SAFETY: the path is a C string; a descriptor that comes back is ours alone.
        unsafe {
            match (real::open64())(path.as_ptr().cast(), flags, 0) {
                -1 => Err(Errno::last()),
                fd => Ok(OwnedFd::from_raw_fd(fd)),
            }
        }
    }

    /// All bytes.
    pub fn read(&self) -> Result<Vec<u8>> {
        let size = self.0.metadata()?.len();
        let mut bytes = vec![0; usize::try_from(size).map_err(|_| Errno(libc::EFBIG))?];
        self.0.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Whether the file holds exactly these bytes, without reading it all into memory.
    pub fn holds(&self, bytes: &[u8]) -> Result<bool> {
        if self.0.metadata()?.len() != bytes.len() as u64 {
            return Ok(false);
        }
        let mut buffer = vec![0; 1 << 16];
        for (index, expected) in bytes.chunks(buffer.len()).enumerate() {
            let part = &mut buffer[..expected.len()];
            self.0.read_exact_at(part, (index as u64) << 16)?;
            if part != expected {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Bytes it has now.
    pub fn len(&self) -> Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    /// Cuts or extends the file.
    pub fn set_len(&self, len: u64) -> Result<()> {
        Ok(self.0.set_len(len)?)
    }

    /// Gives the file the time its object was written.
    pub fn set_modified(&self, at: SystemTime) -> Result<()> {
        Ok(self.0.set_modified(at)?)
    }

    /// When it was last written.
    pub fn modified(&self) -> Result<SystemTime> {
        Ok(self.0.metadata()?.modified()?)
    }

    /// Gives the descriptor away.
    pub fn into_fd(self) -> OwnedFd {
        self.0.into()
    }
}
