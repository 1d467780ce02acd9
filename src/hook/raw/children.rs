//! Child processes: what this process knows may be old once one has ended.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::sync::atomic::{AtomicU8, Ordering};

use libc::{FILE, id_t, pid_t};

use crate::hook::real;

/// What has happened since somebody last looked. Only noted here: shells wait for their children in signal handlers, where nothing may
/// be locked.
static NEWS: AtomicU8 = AtomicU8::new(0);
const BEGAN: u8 = 1;
const ENDED: u8 = 2;

/// What has happened to child processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing.
    None,
    /// One began: it may put something into the directories made here.
    Began,
    /// One ended: it may have written anything.
    Ended,
}

/// What has happened since the last call.
pub fn news() -> News {
    if NEWS.load(Ordering::Acquire) == 0 {
        return News::None;
    }
    if NEWS.swap(0, Ordering::AcqRel) & ENDED == 0 { News::Began } else { News::Ended }
}

/// A child begins. One made by `vfork` says so itself: it shares its parent's memory.
pub fn begins() {
    NEWS.fetch_or(BEGAN, Ordering::AcqRel);
}

fn ended() {
    NEWS.fetch_or(ENDED, Ordering::AcqRel);
}

fn waited(pid: pid_t) -> pid_t {
    if pid > 0 {
        ended();
    }
    pid
}

interpose! {
    fn lf_wait(status: *mut c_int) -> pid_t {
        unsafe { waited(real::wait()(status)) }
    }
    fn lf_waitpid(pid: pid_t, status: *mut c_int, options: c_int) -> pid_t {
        unsafe { waited(real::waitpid()(pid, status, options)) }
    }
    fn lf_wait3(status: *mut c_int, options: c_int, usage: *mut c_void) -> pid_t {
        unsafe { waited(real::wait3()(status, options, usage)) }
    }
    fn lf_wait4(pid: pid_t, status: *mut c_int, options: c_int, usage: *mut c_void) -> pid_t {
        unsafe { waited(real::wait4()(pid, status, options, usage)) }
    }
    fn lf_waitid(kind: c_uint, id: id_t, info: *mut c_void, options: c_int) -> c_int {
        unsafe {
            let result = real::waitid()(kind, id, info, options);
            if result == 0 {
                ended();
            }
            result
        }
    }
    fn lf_system(command: *const c_char) -> c_int {
        begins();
        let status = unsafe { real::system()(command) };
        ended();
        status
    }
    fn lf_popen(command: *const c_char, mode: *const c_char) -> *mut FILE {
        begins();
        unsafe { real::popen()(command, mode) }
    }
    fn lf_pclose(stream: *mut FILE) -> c_int {
        let status = unsafe { real::pclose()(stream) };
        ended();
        status
    }
}
