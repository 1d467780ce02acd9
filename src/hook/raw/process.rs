//! The end of a process, and its copies.
//!
//! What is still open and changed when a process ends, or becomes another program, is put into the bucket then. A child made by
//! `fork` shares the bytes of open files with its parent and leaves putting them to it.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{c_char, c_int};

use crate::hook::errno::Errno;
use crate::hook::file::OpenFile;
use crate::hook::{HOOK, connected, real};

/// Called once, when the hook is switched on.
pub fn watch() {
    // SAFETY: both only register functions that stay where they are: the library is never unloaded.
    unsafe {
        libc::atexit(at_exit);
        libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(after_fork));
    }
}

extern "C" fn at_exit() {
    crate::sqlite::guard((), finish);
}

/// Puts everything into the bucket that is not there yet.
fn finish() {
    let (Some(hook), Some(store)) = (HOOK.get(), connected()) else { return };
    for file in hook.table.files() {
        if let OpenFile::Shared { inode, writes: true } = &*file {
            let _ = store.flush(inode); // it was logged; nobody is left to be told
        }
    }
    let _ = store.delete_doomed_where(|_| true);
}

thread_local! {
    /// The locks that this thread holds during `fork`.
    static HELD: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// Locks that another thread holds during `fork` would never be released in the child: so this thread takes them all first.
extern "C" fn before_fork() {
    crate::sqlite::guard((), || {
        let Some(hook) = HOOK.get() else { return };
        let locks: Box<dyn Any> = Box::new((hook.table.lock(), connected().map(|store| store.lock_all())));
        HELD.with(|held| *held.borrow_mut() = Some(locks));
    });
}

extern "C" fn after_fork() {
    crate::sqlite::guard((), || drop(HELD.with(|held| held.borrow_mut().take())));
}

/// `exec` failed or is about to happen: either way everything is in the bucket before.
fn before_exec() {
    let before = Errno::last();
    crate::sqlite::guard((), finish);
    super::set_errno(before);
}

interpose! {
    fn lf_execve(path: *const c_char, arguments: *const *const c_char, environment: *const *const c_char) -> c_int {
        before_exec();
        unsafe { real::execve()(path, arguments, environment) }
    }
    fn lf_execv(path: *const c_char, arguments: *const *const c_char) -> c_int {
        before_exec();
        unsafe { real::execv()(path, arguments) }
    }
    fn lf_execvp(path: *const c_char, arguments: *const *const c_char) -> c_int {
        before_exec();
        unsafe { real::execvp()(path, arguments) }
    }
    fn lf_execvpe(path: *const c_char, arguments: *const *const c_char, environment: *const *const c_char) -> c_int {
        before_exec();
        unsafe { real::execvpe()(path, arguments, environment) }
    }
    fn lf_fexecve(fd: c_int, arguments: *const *const c_char, environment: *const *const c_char) -> c_int {
        before_exec();
        unsafe { real::fexecve()(fd, arguments, environment) }
    }
    fn lf_exit_now(code: c_int) -> () {
        crate::sqlite::guard((), finish);
        unsafe { real::_exit()(code) }
    }
}
