//! Results as libc has them.

use std::ffi::c_int;

/// An error number of libc's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub c_int);

/// A result as libc has it.
pub(crate) type Result<T> = std::result::Result<T, Errno>;

impl Errno {
    /// What the last call of libc left.
    pub(crate) fn last() -> Errno {
        Errno(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
    }
}

impl From<std::io::Error> for Errno {
    fn from(error: std::io::Error) -> Errno {
        Errno(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

impl From<rustix::io::Errno> for Errno {
    fn from(errno: rustix::io::Errno) -> Errno {
        Errno(errno.raw_os_error())
    }
}

impl From<crate::r2::FileError> for Errno {
    fn from(error: crate::r2::FileError) -> Errno {
        match error {
            crate::r2::FileError::R2(error) => error.into(),
            crate::r2::FileError::File(error) => error.into(),
        }
    }
}

impl From<crate::r2::Error> for Errno {
    /// Logs the error, since only a number of it remains.
    fn from(error: crate::r2::Error) -> Errno {
        Errno(error.report())
    }
}
