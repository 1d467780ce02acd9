//! The end of a process, and its copies.
//!
//! What is still open and changed when a process ends, or becomes another program, is put into the bucket then. A child made by
//! `fork` shares the bytes of open files with its parent and leaves putting them to it.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::Ordering;

use libc::pid_t;

use crate::hook::errno::Errno;
use crate::hook::{HOOK, connected, inherit, real};

/// Called once, when the hook is switched on.
pub fn watch() {
    // SAFETY: both only register functions that stay where they are: the library is never unloaded.
    unsafe {
        libc::atexit(at_exit);
        libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(after_fork_in_child));
    }
}

extern "C" fn at_exit() {
    crate::ffi::guard((), || {
        // libc writes what streams still hold after this function, into files that nobody looks at any more.
        // SAFETY: null stands for all streams.
        unsafe { libc::fflush(std::ptr::null_mut()) };
        if !has_work() {
            return;
        }
        // The thread that ends the process has lost its thread-local values, which requests may need: another one does the work.
        match std::thread::Builder::new().spawn(finish) {
            Ok(thread) => drop(thread.join()),
            Err(_) => finish(),
        }
    });
}

/// Whether something is not in the bucket yet.
fn has_work() -> bool {
    HOOK.get().is_some_and(|hook| hook.table.files().iter().any(|file| file.is_ours_to_put()))
        || connected().is_some_and(|store| !store.doomed.lock().is_empty())
}

/// Puts everything into the bucket that is not there yet.
fn finish() {
    let Some(hook) = HOOK.get().filter(|hook| hook.is_this_process()) else { return };
    for file in hook.table.files().iter().filter(|file| file.is_ours_to_put()) {
        let _ = hook.store().and_then(|store| store.flush(&file.inode)); // it was logged; nobody is left to be told
    }
    if let Some(store) = connected() {
        let _ = store.delete_doomed_where(|_| true);
    }
}

thread_local! {
    /// The locks that this thread holds during `fork`.
    static HELD: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// Locks that another thread holds during `fork` would never be released in the child: so this thread takes them all first.
extern "C" fn before_fork() {
    crate::ffi::guard((), || {
        let Some(hook) = HOOK.get() else { return };
        super::children::begins();
        let locks: Box<dyn Any> =
            Box::new((hook.table.lock(), connected().map(|store| store.lock_all()), hook.databases.lock()));
        HELD.with(|held| *held.borrow_mut() = Some(locks));
    });
}

extern "C" fn after_fork() {
    crate::ffi::guard((), || drop(HELD.with(|held| held.borrow_mut().take())));
}

extern "C" fn after_fork_in_child() {
    after_fork();
    crate::ffi::guard((), || {
        if let Some(hook) = HOOK.get() {
            hook.pid.store(std::process::id(), Ordering::Relaxed);
        }
        if let Some(store) = connected() {
            store.forked();
        }
    });
}

/// `exec` failed or is about to happen: either way everything is in the bucket before, and the new program is told of the files it
/// inherits. Calls `exec` with the environment it is to have.
///
/// SAFETY (of the callers): `environment` is a list of C strings that ends with null.
unsafe fn replace(environment: *const *const c_char, exec: impl FnOnce(*const *const c_char) -> c_int) -> c_int {
    let before = Errno::last();
    super::children::begins();
    crate::ffi::guard((), finish);
    // SAFETY: as above.
    let offered = crate::ffi::guard(None, || unsafe { inherit::offer(environment) });
    super::set_errno(before);
    exec(offered.as_ref().map_or(environment, |offered| offered.as_ptr()))
}

unsafe extern "C" {
    static environ: *const *const c_char;
}

type List = *const *const c_char;

// `exec.c` has these.
unsafe extern "C" {
    fn lf_execl();
    fn lf_execlp();
    fn lf_execle();
}

/// Makes the linker take them from their archive.
#[used]
static VARIADIC: [unsafe extern "C" fn(); 3] = [lf_execl, lf_execlp, lf_execle];

interpose! {
    fn lf_execve(path: *const c_char, arguments: List, environment: List) -> c_int {
        unsafe { replace(environment, |environment| real::execve()(path, arguments, environment)) }
    }
    fn lf_execv(path: *const c_char, arguments: List) -> c_int {
        unsafe { replace(environ, |environment| real::execve()(path, arguments, environment)) }
    }
    fn lf_execvp(path: *const c_char, arguments: List) -> c_int {
        unsafe { replace(environ, |environment| real::execvpe()(path, arguments, environment)) }
    }
    fn lf_execvpe(path: *const c_char, arguments: List, environment: List) -> c_int {
        unsafe { replace(environment, |environment| real::execvpe()(path, arguments, environment)) }
    }
    fn lf_fexecve(fd: c_int, arguments: List, environment: List) -> c_int {
        unsafe { replace(environment, |environment| real::fexecve()(fd, arguments, environment)) }
    }
    fn lf_posix_spawn(pid: *mut pid_t, path: *const c_char, actions: *const c_void, attributes: *const c_void, arguments: List, environment: List) -> c_int {
        unsafe {
            super::children::begins();
            let offered = crate::ffi::guard(None, || inherit::offer(environment));
            let environment = offered.as_ref().map_or(environment, |offered| offered.as_ptr());
            real::posix_spawn()(pid, path, actions, attributes, arguments, environment)
        }
    }
    fn lf_posix_spawnp(pid: *mut pid_t, path: *const c_char, actions: *const c_void, attributes: *const c_void, arguments: List, environment: List) -> c_int {
        unsafe {
            super::children::begins();
            let offered = crate::ffi::guard(None, || inherit::offer(environment));
            let environment = offered.as_ref().map_or(environment, |offered| offered.as_ptr());
            real::posix_spawnp()(pid, path, actions, attributes, arguments, environment)
        }
    }
    fn lf_exit_now(code: c_int) -> () {
        crate::ffi::guard((), finish);
        unsafe { real::_exit()(code) }
    }
}
