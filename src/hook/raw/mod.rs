//! The libc functions that this library stands in front of, one file per group.
//!
//! Each has a name of our own (`lf_open`), hidden in every program that links this crate. `build.rs` gives it libc's name in the
//! shared library only, from the list in `exports.txt`: a `#[no_mangle]` `open` would also take over the command and every test.
//!
//! Each makes the same moves: is the path (or descriptor) ours? If not, libc's function gets the arguments as they came. If so, one
//! safe method is called, and its error goes into `errno`. Nothing unwinds into libc's callers (`guard`).
#![allow(unsafe_code)]
#![allow(clippy::missing_safety_doc, reason = "each is libc's function of that name, with libc's own conditions")]

use std::ffi::{CStr, c_char, c_int};

use super::errno::{Errno, Result};
use super::paths::Place;
use super::{Hook, hook};
use crate::ffi::guard;

/// Defines functions under hidden names of our own.
macro_rules! interpose {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) -> $result:ty $body:block)*) => {$(
        core::arch::global_asm!(
            concat!(".hidden ", stringify!($name)),
            // The reference makes the assembler keep the line above; the section is not loaded.
            ".pushsection .note.liteflare,\"\",@progbits",
            concat!(".quad ", stringify!($name)),
            ".popsection",
        );
        $(#[$doc])*
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $type),*) -> $result $body
    )*};
}
mod attributes;
pub(super) mod children;
mod database;
mod descriptors;
mod directories;
mod links;
mod open;
pub(super) mod process;
mod runtime;
mod temporary;
mod walks;

pub(super) use descriptors::close_descriptor;

/// The hook and the place a path leads to, when that is in a mapped folder.
///
/// SAFETY (of the callers): `path` is null or a C string for the time of the call, as libc demands.
unsafe fn route(directory: c_int, path: *const c_char) -> Option<(&'static Hook, Place)> {
    let hook = hook()?;
    if path.is_null() {
        return None;
    }
    // SAFETY: as above.
    let path = unsafe { CStr::from_ptr(path) };
    let place = hook.place(directory, path)?;
    Some((hook, place))
}

fn set_errno(errno: Errno) {
    // SAFETY: the thread's errno is always there.
    unsafe { *libc::__errno_location() = errno.0 };
}

/// Runs an operation; its error becomes `errno` and -1, and `errno` stays as it was when there is none.
fn returning(body: impl FnOnce() -> Result<c_int>) -> c_int {
    // SAFETY: the thread's errno is always there.
    let before = unsafe { *libc::__errno_location() };
    match guard(Err(Errno(libc::EIO)), body) {
        Ok(value) => {
            set_errno(Errno(before));
            value
        }
        Err(errno) => {
            set_errno(errno);
            -1
        }
    }
}

/// `returning` for functions that have nothing to say but "done".
fn done(body: impl FnOnce() -> Result<()>) -> c_int {
    returning(|| body().map(|()| 0))
}

/// `returning` for functions whose answer is a pointer.
fn pointing<T>(body: impl FnOnce() -> Result<*mut T>) -> *mut T {
    match guard(Err(Errno(libc::EIO)), body) {
        Ok(pointer) => pointer,
        Err(errno) => {
            set_errno(errno);
            std::ptr::null_mut()
        }
    }
}
