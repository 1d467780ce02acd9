//! Temporary files and directories. libc opens these with internal functions, which are not hooked: in mapped folders we do its work.

use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;

use libc::AT_FDCWD;

use super::arguments::Text;
use super::directories::lf_mkdir;
use super::frame::{checked, hooked, outside};
use super::open::lf_open64;
use super::whose::at;
use crate::hook::errno::{Errno, Result};

hooked! {
    fn lf_mkstemp(template: Template) -> c_int, or mkstemp64 {
        template.if_mapped(|| template.make_file(0, 0))
    }
    fn lf_mkostemp(template: Template, flags: c_int) -> c_int, or mkostemp64 {
        template.if_mapped(|| template.make_file(0, flags))
    }
    fn lf_mkstemps(template: Template, suffix: c_int) -> c_int, or mkstemps64 {
        template.if_mapped(|| template.make_file(suffix, 0))
    }
    fn lf_mkostemps(template: Template, suffix: c_int, flags: c_int) -> c_int, or mkostemps64 {
        template.if_mapped(|| template.make_file(suffix, flags))
    }
    fn lf_mkdtemp(template: Template) -> *mut c_char, or mkdtemp {
        template.if_mapped(|| template.make_directory())
    }
}

/// Names tried before giving up; each has 62^6 possible endings.
const ATTEMPTS: usize = 100;
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// What a template has where the letters go.
const MARKS: &[u8; 6] = b"XXXXXX";

/// What `mkstemp` and its like are given: null, or a C string that may be written and that nobody else uses during the call.
#[repr(transparent)]
pub(crate) struct Template<'a>(*mut c_char, PhantomData<&'a mut CStr>);

impl Template<'_> {
    fn text(&self) -> Text<'_> {
        // SAFETY: whoever passed the pointer promises a C string, unless it is null; only `put` changes it, between two uses of this.
        unsafe { Text::new(self.0) }
    }

    fn if_mapped<R>(&self, make: impl FnOnce() -> Result<R>) -> Option<Result<R>> {
        at(AT_FDCWD, self.text(), |_, _| outside(make))
    }

    fn make_file(&self, suffix: c_int, flags: c_int) -> Result<c_int> {
        let flags = (flags & !libc::O_ACCMODE) | libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
        self.with_free_name(suffix, |name| {
            // SAFETY: a C string.
            match unsafe { lf_open64(name, flags, 0o600) } {
                -1 => Err(Errno::last()),
                fd => Ok(fd),
            }
        })
    }

    fn make_directory(&self) -> Result<*mut c_char> {
        // SAFETY: a C string.
        self.with_free_name(0, |name| checked(unsafe { lf_mkdir(name, 0o700) }))?;
        Ok(self.0)
    }

    /// Replaces the `XXXXXX` before the suffix until `make` finds a name that is free.
    fn with_free_name<T>(&self, suffix: c_int, make: impl Fn(Text) -> Result<T>) -> Result<T> {
        let invalid = Errno(libc::EINVAL);
        let text = self.text().get().ok_or(invalid)?.to_bytes();
        let suffix = usize::try_from(suffix).map_err(|_| invalid)?;
        let start = text.len().checked_sub(suffix + MARKS.len()).ok_or(invalid)?;
        if !text[start..].starts_with(MARKS) {
            return Err(invalid);
        }
        for _ in 0..ATTEMPTS {
            let random = uuid::Uuid::new_v4();
            for (offset, byte) in random.as_bytes().iter().enumerate().take(MARKS.len()) {
                self.put(start + offset, LETTERS[usize::from(*byte) % LETTERS.len()]);
            }
            match make(self.text()) {
                Err(Errno(libc::EEXIST)) => {}
                other => return other,
            }
        }
        Err(Errno(libc::EEXIST))
    }

    /// Puts a letter in the place of another.
    fn put(&self, at: usize, letter: u8) {
        // SAFETY: the place lies before the string's end, and whoever passed the string promises that it may be written.
        unsafe { *self.0.add(at) = letter as c_char };
    }
}

impl From<Template<'_>> for *mut c_char {
    fn from(template: Template) -> *mut c_char {
        template.0
    }
}
