//! The end of a process, and its copies.
//!
//! What is still open and changed when a process ends, or becomes another program, is put into the bucket then. A child made by
//! `fork` shares the bytes of open files with its parent and leaves putting them to it.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::Ordering;

use libc::pid_t;

use super::frame::{hooked, keeping_errno};
use crate::ffi::guard;
use crate::hook::state::{HOOK, connected};
use crate::hook::{children, inherit, real};
use crate::lock;

/// Called once, when the hook is switched on.
pub(crate) fn watch() {
    // SAFETY: both only register functions that stay where they are: the library is never unloaded.
    unsafe {
        libc::atexit(at_exit);
        libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(after_fork_in_child));
    }
}

extern "C" fn at_exit() {
    guard((), || {
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

/// Whether there is something that the bucket does not have yet.
fn has_work() -> bool {
    HOOK.get().is_some_and(|hook| hook.table.files().iter().any(|file| file.is_ours_to_put()))
        || connected().is_some_and(|store| !store.deferred.is_empty())
}

/// Puts into the bucket what it does not have yet.
fn finish() {
    let Some(hook) = HOOK.get().filter(|hook| hook.is_this_process()) else { return };
    for file in hook.table.files().iter().filter(|file| file.is_ours_to_put()) {
        let _ = hook.store().and_then(|store| store.flush(&file.inode)); // it was logged; nobody is left to be told
    }
    if let Some(store) = connected() {
        for file in hook.table.take_lost() {
            let _ = store.closed(&file);
        }
        let _ = store.deferred.delete_all();
    }
}

thread_local! {
    /// The locks that this thread holds during `fork`.
    static HELD: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// Locks that another thread holds during `fork` would never be released in the child: so this thread takes them all first.
extern "C" fn before_fork() {
    guard((), || {
        let Some(hook) = HOOK.get() else { return };
        children::begins();
        hook.table.inheritable().iter().for_each(|file| file.inode.share());
        let locks: Box<dyn Any> = lock::in_any_order(|| {
            Box::new((hook.table.lock(), connected().map(|store| store.lock_all()), hook.databases.lock()))
        });
        HELD.with(|held| *held.borrow_mut() = Some(locks));
    });
}

extern "C" fn after_fork() {
    guard((), || drop(HELD.with(|held| held.borrow_mut().take())));
}

extern "C" fn after_fork_in_child() {
    after_fork();
    guard((), || {
        if let Some(hook) = HOOK.get() {
            hook.pid.store(std::process::id(), Ordering::Relaxed);
        }
        if let Some(store) = connected() {
            store.forked();
        }
    });
}

type List = *const *const c_char;

unsafe extern "C" {
    static environ: List;
}

/// The environment of this process.
fn own_environment() -> List {
    // SAFETY: libc's variable, there from the start of the process; the list behind it changes only as it does for libc's own `execv`.
    unsafe { environ }
}

// `exec.c` has these.
unsafe extern "C" {
    fn lf_execl();
    fn lf_execlp();
    fn lf_execle();
}

/// Makes the linker take them from their archive.
#[used]
static VARIADIC: [unsafe extern "C" fn(); 3] = [lf_execl, lf_execlp, lf_execle];

hooked! {
    fn lf_execve(path: *const c_char, arguments: List, environment: List) -> c_int,
        by replace(real::execve(), path, arguments, environment)
    fn lf_execv(path: *const c_char, arguments: List) -> c_int,
        by replace(real::execve(), path, arguments, own_environment())
    fn lf_execvp(path: *const c_char, arguments: List) -> c_int,
        by replace(real::execvpe(), path, arguments, own_environment())
    fn lf_execvpe(path: *const c_char, arguments: List, environment: List) -> c_int,
        by replace(real::execvpe(), path, arguments, environment)
    fn lf_fexecve(fd: c_int, arguments: List, environment: List) -> c_int,
        by replace(real::fexecve(), fd, arguments, environment)
    fn lf_posix_spawn(pid: *mut pid_t, path: *const c_char, actions: *const c_void, attributes: *const c_void, arguments: List, environment: List) -> c_int,
        by spawn(real::posix_spawn(), pid, path, actions, attributes, arguments, environment)
    fn lf_posix_spawnp(pid: *mut pid_t, path: *const c_char, actions: *const c_void, attributes: *const c_void, arguments: List, environment: List) -> c_int,
        by spawn(real::posix_spawnp(), pid, path, actions, attributes, arguments, environment)
    fn lf_exit_now(code: c_int) -> (), before _exit { finish() }
}

/// An `exec`: whether it fails or not, everything is in the bucket before, and the new program is told of the files it inherits.
///
/// SAFETY (of the callers): the arguments are those that the function, one of the exec family, demands.
unsafe fn replace<T>(
    function: unsafe extern "C" fn(T, List, List) -> c_int,
    program: T,
    arguments: List,
    environment: List,
) -> c_int {
    let offered = keeping_errno(|| {
        children::begins();
        guard((), finish);
        // SAFETY: the environment is a list as `exec` demands it.
        guard(None, || unsafe { inherit::offer(&HOOK.get()?.table, environment) })
    });
    // SAFETY: as above; the environment that is offered in place of the given one lives until `exec` has failed.
    unsafe { function(program, arguments, offered.as_ref().map_or(environment, |offered| offered.as_ptr())) }
}

type Spawn = unsafe extern "C" fn(*mut pid_t, *const c_char, *const c_void, *const c_void, List, List) -> c_int;

/// A new program beside this one, which is told of the files it inherits.
///
/// SAFETY (of the callers): the arguments are those that the function, `posix_spawn` or `posix_spawnp`, demands.
unsafe fn spawn(
    function: Spawn,
    pid: *mut pid_t,
    path: *const c_char,
    actions: *const c_void,
    attributes: *const c_void,
    arguments: List,
    environment: List,
) -> c_int {
    children::begins();
    // SAFETY: the environment is a list as `posix_spawn` demands it.
    let offered = guard(None, || unsafe { inherit::offer(&HOOK.get()?.table, environment) });
    let environment = offered.as_ref().map_or(environment, |offered| offered.as_ptr());
    // SAFETY: as above; the environment that is offered in place of the given one lives until the new program has its own.
    unsafe { function(pid, path, actions, attributes, arguments, environment) }
}
