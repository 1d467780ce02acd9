//! Extended attributes: files in a bucket have none, and take none.

use std::ffi::{c_char, c_int, c_void};

use libc::{AT_FDCWD, size_t, ssize_t};

use super::arguments::Text;
use super::attributes::attributes;
use super::frame::hooked;
use super::whose::at;
use crate::hook::errno::{Errno, Result};

hooked! {
    fn lf_listxattr(path: Text, list: *mut c_char, size: size_t) -> ssize_t, or listxattr {
        at(AT_FDCWD, path, |hook, place| attributes(hook, place).map(|_| 0))
    }
    fn lf_llistxattr(path: Text, list: *mut c_char, size: size_t) -> ssize_t, or llistxattr {
        at(AT_FDCWD, path, |hook, place| attributes(hook, place).map(|_| 0))
    }
    fn lf_getxattr(path: Text, name: Text, value: *mut c_void, size: size_t) -> ssize_t, or getxattr {
        refused(path, libc::ENODATA)
    }
    fn lf_lgetxattr(path: Text, name: Text, value: *mut c_void, size: size_t) -> ssize_t, or lgetxattr {
        refused(path, libc::ENODATA)
    }
    fn lf_setxattr(path: Text, name: Text, value: *const c_void, size: size_t, flags: c_int) -> c_int, or setxattr {
        refused(path, libc::ENOTSUP)
    }
    fn lf_lsetxattr(path: Text, name: Text, value: *const c_void, size: size_t, flags: c_int) -> c_int, or lsetxattr {
        refused(path, libc::ENOTSUP)
    }
    fn lf_removexattr(path: Text, name: Text) -> c_int, or removexattr {
        refused(path, libc::ENODATA)
    }
    fn lf_lremovexattr(path: Text, name: Text) -> c_int, or lremovexattr {
        refused(path, libc::ENODATA)
    }
}

/// The error of whatever is there; of what is not there, its own.
fn refused<R>(path: Text, errno: c_int) -> Option<Result<R>> {
    at(AT_FDCWD, path, |hook, place| attributes(hook, place).and(Err(Errno(errno))))
}
