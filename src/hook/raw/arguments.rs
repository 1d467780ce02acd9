//! What C programs pass to the hooked functions, as types that carry the caller's promise.
//!
//! A pointer in a C signature comes with a promise in libc's manual ("points to a string", "points to room for a `stat`"). Each
//! type here stands for one such promise. A value reaches us as an argument, from a caller who knows the manual, or is made by safe
//! code from something that keeps the promise anyway; so its methods are safe. A null pointer is a value of each type.

use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;

use libc::{DIR, FILE};

use super::frame::checked;
use crate::hook::dir::{Stream, borrow, take_back};
use crate::hook::errno::Result;
use crate::hook::real;

/// A path, a mode, a name: null, or a C string that stays as it is during the call.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Text<'a>(*const c_char, PhantomData<&'a CStr>);

impl<'a> Text<'a> {
    /// SAFETY (of the callers): the pointer is null, or leads to a C string that stays as it is for `'a`.
    pub(crate) unsafe fn new(text: *const c_char) -> Text<'a> {
        Text(text, PhantomData)
    }

    /// The string; `None` for a null pointer.
    #[inline]
    pub(crate) fn get(self) -> Option<&'a CStr> {
        // SAFETY: whoever passed the pointer promises a C string, unless it is null.
        (!self.0.is_null()).then(|| unsafe { CStr::from_ptr(self.0) })
    }

    /// Whether there is nothing to read.
    pub(crate) fn is_empty(self) -> bool {
        self.get().is_none_or(CStr::is_empty)
    }
}

impl<'a> From<&'a CStr> for Text<'a> {
    fn from(text: &'a CStr) -> Text<'a> {
        Text(text.as_ptr(), PhantomData)
    }
}

impl From<Text<'_>> for *const c_char {
    fn from(text: Text) -> *const c_char {
        text.0
    }
}

/// Where the caller wants an answer: room for a `T`, which nobody else uses during the call.
#[repr(transparent)]
pub(crate) struct Room<'a, T>(*mut T, PhantomData<&'a mut T>);

impl<T> Room<'_, T> {
    /// Gives the answer.
    pub(crate) fn fill(&self, answer: T) {
        // SAFETY: whoever passed the pointer promises room for a `T`. (A null pointer is that caller's defect, as it is with libc.)
        unsafe { self.0.write(answer) };
    }
}

impl<'a, T> From<&'a mut T> for Room<'a, T> {
    fn from(room: &'a mut T) -> Room<'a, T> {
        Room(room, PhantomData)
    }
}

impl<T> From<Room<'_, T>> for *mut T {
    fn from(room: Room<T>) -> *mut T {
        room.0
    }
}

/// A `DIR*`: an open directory stream, which this thread alone uses during the call. It may be libc's or ours.
#[repr(transparent)]
pub(crate) struct Directory<'a>(*mut DIR, PhantomData<&'a mut DIR>);

impl Directory<'_> {
    /// SAFETY (of the callers): the pointer is an open directory stream, and this thread alone uses it.
    pub(crate) unsafe fn new(directory: *mut DIR) -> Self {
        Directory(directory, PhantomData)
    }

    /// Does something with the stream if it is ours. `None`: it is libc's.
    pub(crate) fn if_ours<R>(&self, ours: impl FnOnce(&mut Stream) -> Result<R>) -> Option<Result<R>> {
        // SAFETY: whoever passed the pointer promises that it is open and that no other thread uses it.
        unsafe { borrow(self.0) }.map(ours)
    }

    /// Takes the stream back if it is ours: the caller closes it.
    pub(crate) fn take_back(&self) -> Option<Stream> {
        take_back(self.0)
    }
}

impl From<Directory<'_>> for *mut DIR {
    fn from(directory: Directory) -> *mut DIR {
        directory.0
    }
}

/// A `FILE*`: null, or an open stream of libc's.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct File<'a>(*mut FILE, PhantomData<&'a FILE>);

impl File<'_> {
    /// The descriptor below the stream. `None`: there is none.
    pub(crate) fn descriptor(self) -> Option<c_int> {
        // SAFETY: whoever passed the pointer promises an open stream, unless it is null.
        (!self.0.is_null()).then(|| unsafe { libc::fileno(self.0) }).filter(|fd| *fd >= 0)
    }

    /// Writes what the stream still holds to its descriptor.
    pub(crate) fn flush(self) -> Result<()> {
        // SAFETY: as above; null would stand for all streams, and flushing them does no harm.
        checked(unsafe { libc::fflush(self.0) })
    }

    /// Closes the stream: for `fclose` alone, whose caller does not use it again.
    pub(crate) fn close(self) -> Result<()> {
        // SAFETY: as above.
        checked(unsafe { real::fclose()(self.0) })
    }
}

impl From<File<'_>> for *mut FILE {
    fn from(file: File) -> *mut FILE {
        file.0
    }
}
