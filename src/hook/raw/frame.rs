//! The frame of every hooked function: its hidden name, the panic guard, and libc's own function behind it.
//!
//! # What becomes of a panic
//! It never crosses the C ABI, wherever it happens: while the hook starts, while we find out whose file a path names, or in the
//! operation itself. The call fails with `EIO`. It does not go on to libc, because the path may be ours: writing the file to the
//! disk instead, without a word, would be worse than an error. A path that [`Paths::is_elsewhere`] knows to be outside of all mapped
//! folders cannot fail so: it is libc's before anything is worked out. After a start that panicked nobody knows what is mapped, and
//! every path fails.
//!
//! [`Paths::is_elsewhere`]: crate::hook::paths::Paths::is_elsewhere

use std::ffi::{c_int, c_long};

use libc::ssize_t;

use crate::ffi::guard;
use crate::hook::errno::{Errno, Result};
use crate::runtime::hook_is_passed;

/// Defines hooked functions. Each is written as a signature, how it stands to libc's function, and what is its own:
///
/// - `or NAME { … }`: the block says `Some(result)` if the call is ours; at `None`, libc's `NAME` gets the arguments as they came.
/// - `after NAME { … }`: libc's `NAME` is called first; the block is a function from its answer to what the caller gets.
/// - `before NAME { … }`: the block runs first, and then libc's `NAME` in any case, whose answer the caller gets.
/// - `by FUNCTION(…)`: another hooked function, or an unsafe one with a frame of its own, does it all.
///
/// The C promises of the arguments are in their types ([`super::arguments`]), so that a block rarely needs `unsafe`.
macro_rules! hooked {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($($arg:ident: $type:ty),* $(,)?) -> $result:ty, $how:ident $function:ident $body:tt
    )*) => {$(
        core::arch::global_asm!(
            concat!(".hidden ", stringify!($name)),
            // The reference makes the assembler keep the line above; the section is not loaded.
            ".pushsection .note.liteflare,\"\",@progbits",
            concat!(".quad ", stringify!($name)),
            ".popsection",
        );
        $(#[$doc])*
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $type),*) -> $result {
            $crate::hook::raw::frame::hooked!(@$how $function ($($arg),*) $body)
        }
    )*};
    (@or $function:ident ($($arg:ident),*) $body:block) => {
        match $crate::hook::raw::frame::decide(|| $body) {
            Some(answer) => answer,
            // SAFETY: the arguments are as they came, and our caller has promised for them what libc's function demands.
            None => unsafe { $crate::hook::real::$function()($($arg.into()),*) },
        }
    };
    (@after $function:ident ($($arg:ident),*) $body:block) => {{
        // SAFETY: the arguments are as they came, and our caller has promised for them what libc's function demands.
        let answer = unsafe { $crate::hook::real::$function()($($arg.into()),*) };
        $crate::hook::raw::frame::conclude(answer, $body)
    }};
    (@before $function:ident ($($arg:ident),*) $body:block) => {{
        $crate::ffi::guard((), || $body);
        // SAFETY: the arguments are as they came, and our caller has promised for them what libc's function demands.
        unsafe { $crate::hook::real::$function()($($arg.into()),*) }
    }};
    (@by $function:ident ($($arg:ident),*) ($($given:expr),*)) => {
        // SAFETY: what the function demands of its arguments is what libc demands of our caller.
        unsafe { $function($($given),*) }
    };
}
pub(super) use hooked;

/// What the result of a C function can be, and how it says that the call has failed: with `errno` set.
pub(crate) trait Answer {
    /// The answer of a call that has failed.
    const FAILED: Self;
}

impl Answer for c_int {
    const FAILED: c_int = -1;
}

impl Answer for c_long {
    const FAILED: c_long = -1;
}

impl Answer for ssize_t {
    const FAILED: ssize_t = -1;
}

impl Answer for () {
    const FAILED: () = ();
}

impl<T> Answer for *mut T {
    const FAILED: *mut T = std::ptr::null_mut();
}

/// What the caller gets if the call is ours. `None`: libc has to answer.
///
/// What our own work needs of libc is libc's: it may come back to us by way of another preloaded library, while this thread holds a
/// lock of ours (fakeroot), or one of the library's own that it would take again were we to allocate (an allocator).
#[inline]
pub(crate) fn decide<R: Answer>(body: impl FnOnce() -> Option<Result<R>>) -> Option<R> {
    let before = hook_is_passed(true);
    if before.was() {
        return None;
    }
    guard(Some(Err(Errno(libc::EIO))), body).map(said)
}

/// Does what is not the hook's own work in the middle of it: a function of the program's, or hooked functions in its name.
pub(crate) fn outside<T>(work: impl FnOnce() -> T) -> T {
    let _before = hook_is_passed(false);
    work()
}

/// What the caller gets after libc has answered.
#[inline]
pub(crate) fn conclude<R: Answer>(answer: R, body: impl FnOnce(R) -> R) -> R {
    said(guard(Err(Errno(libc::EIO)), || Ok(body(answer))))
}

fn said<R: Answer>(result: Result<R>) -> R {
    result.unwrap_or_else(failed)
}

/// The answer of a call that has failed so.
pub(crate) fn failed<R: Answer>(errno: Errno) -> R {
    set_errno(errno);
    R::FAILED
}

fn set_errno(errno: Errno) {
    // SAFETY: libc gives each thread an `errno` that lives as long as the thread.
    unsafe { *libc::__errno_location() = errno.0 };
}

/// Does something that may leave anything in `errno`, and puts back what was there: a call that succeeds leaves it alone, and libc's
/// function finds it as the caller left it.
pub(crate) fn keeping_errno<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: libc gives each thread an `errno` that lives as long as the thread. (`Errno::last` does more than to read it.)
    let before = Errno(unsafe { *libc::__errno_location() });
    let done = work();
    set_errno(before);
    done
}

/// What a function of libc's has answered that says 0 for success and leaves its error in `errno`.
pub(crate) fn checked(answer: c_int) -> Result<()> {
    if answer == 0 { Ok(()) } else { Err(Errno::last()) }
}

#[cfg(test)]
mod tests {
    use std::ffi::c_char;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    static PANICS: AtomicBool = AtomicBool::new(false);

    /// Stands for whatever a block does: the start of the hook, finding a place, the operation.
    fn work() {
        assert!(!PANICS.load(Ordering::Relaxed), "a defect, made by a test");
    }

    hooked! {
        fn lf_test_or(path: *const c_char) -> c_int, or rmdir {
            work();
            None
        }
        fn lf_test_or_pointer(path: *const c_char) -> *mut libc::DIR, or opendir {
            work();
            None
        }
        fn lf_test_after(fd: c_int) -> c_int, after dup {
            |copy| {
                work();
                copy
            }
        }
        fn lf_test_before(fd: c_int) -> c_int, before close {
            work();
        }
    }

    /// One test, since its cases share a switch.
    #[test]
    fn a_panic_in_a_hooked_function_is_an_error_of_that_call_and_not_the_end_of_the_process() {
        let missing = c"/none/of/this/is/there".as_ptr();
        // SAFETY: the path is a C string, and the descriptors are this test's own.
        unsafe {
            assert_eq!((lf_test_or(missing), Errno::last()), (-1, Errno(libc::ENOENT)), "libc's answer");
            let root = lf_test_or_pointer(c"/".as_ptr());
            assert!(!root.is_null() && libc::closedir(root) == 0);
            let copy = lf_test_after(0);
            assert!(copy > 0 && lf_test_before(copy) == 0);

            PANICS.store(true, Ordering::Relaxed);
            assert_eq!((lf_test_or(missing), Errno::last()), (-1, Errno(libc::EIO)));
            set_errno(Errno(0));
            assert!(lf_test_or_pointer(c"/".as_ptr()).is_null());
            assert_eq!(Errno::last(), Errno(libc::EIO));
            set_errno(Errno(0));
            assert_eq!((lf_test_after(0), Errno::last()), (-1, Errno(libc::EIO)));
            let open = libc::dup(0);
            assert_eq!(lf_test_before(open), 0, "what comes before does not keep libc's function from its work");
            assert_eq!((libc::close(open), Errno::last()), (-1, Errno(libc::EBADF)));
        }
    }
}
