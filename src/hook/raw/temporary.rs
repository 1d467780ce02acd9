//! Temporary files and directories. libc makes these with functions of its own inside, so ours make them anew in mapped folders.

use std::ffi::{CStr, c_char, c_int};

use super::{pointing, returning, route};
use crate::hook::errno::{Errno, Result};
use crate::hook::{Hook, hook, real};

/// Names tried before giving up; each has 62^6 possible endings.
const ATTEMPTS: usize = 100;

/// Replaces the `XXXXXX` before a template's suffix until `make` finds a name that is free.
///
/// SAFETY (of the callers): `template` is a writable C string.
unsafe fn with_free_name<T>(template: *mut c_char, suffix: c_int, make: impl Fn() -> Result<T>) -> Result<T> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    // SAFETY: as above.
    let len = unsafe { CStr::from_ptr(template) }.to_bytes().len();
    let suffix = usize::try_from(suffix).map_err(|_| Errno(libc::EINVAL))?;
    let start = len.checked_sub(suffix + 6).ok_or(Errno(libc::EINVAL))?;
    // SAFETY: six bytes from `start` on lie before the string's end.
    let places = unsafe { std::slice::from_raw_parts_mut(template.add(start).cast::<u8>(), 6) };
    if places != b"XXXXXX" {
        return Err(Errno(libc::EINVAL));
    }
    for _ in 0..ATTEMPTS {
        let random = uuid::Uuid::new_v4();
        for (place, byte) in places.iter_mut().zip(random.as_bytes()) {
            *place = LETTERS[usize::from(*byte) % LETTERS.len()];
        }
        match make() {
            Err(Errno(libc::EEXIST)) => {}
            other => return other,
        }
    }
    Err(Errno(libc::EEXIST))
}

fn is_mapped(template: *const c_char) -> Option<&'static Hook> {
    hook()?;
    // SAFETY: null, or a C string as libc demands.
    unsafe { route(libc::AT_FDCWD, template) }.map(|(hook, _)| hook)
}

/// SAFETY (of the callers): `template` is a writable C string.
unsafe fn make_file(template: *mut c_char, suffix: c_int, flags: c_int) -> c_int {
    returning(|| {
        let flags = (flags & !libc::O_ACCMODE) | libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
        // SAFETY: as above.
        unsafe {
            with_free_name(template, suffix, || match super::open::lf_open64(template, flags, 0o600) {
                -1 => Err(Errno::last()),
                fd => Ok(fd),
            })
        }
    })
}

interpose! {
    fn lf_mkstemp(template: *mut c_char) -> c_int {
        unsafe { if is_mapped(template).is_some() { make_file(template, 0, 0) } else { real::mkstemp64()(template) } }
    }
    fn lf_mkostemp(template: *mut c_char, flags: c_int) -> c_int {
        unsafe {
            if is_mapped(template).is_some() { make_file(template, 0, flags) } else { real::mkostemp64()(template, flags) }
        }
    }
    fn lf_mkstemps(template: *mut c_char, suffix: c_int) -> c_int {
        unsafe {
            if is_mapped(template).is_some() { make_file(template, suffix, 0) } else { real::mkstemps64()(template, suffix) }
        }
    }
    fn lf_mkostemps(template: *mut c_char, suffix: c_int, flags: c_int) -> c_int {
        unsafe {
            if is_mapped(template).is_some() {
                make_file(template, suffix, flags)
            } else {
                real::mkostemps64()(template, suffix, flags)
            }
        }
    }
    fn lf_mkdtemp(template: *mut c_char) -> *mut c_char {
        unsafe {
            if is_mapped(template).is_none() {
                return real::mkdtemp()(template);
            }
            pointing(|| {
                with_free_name(template, 0, || match super::directories::lf_mkdir(template, 0o700) {
                    -1 => Err(Errno::last()),
                    _ => Ok(template),
                })
            })
        }
    }
}
