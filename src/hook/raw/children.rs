//! Child processes: what this process knows of the bucket may be out of date once one of them has ended.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::sync::atomic::{AtomicU8, Ordering};

use libc::{FILE, id_t, pid_t};

use super::frame::hooked;
use crate::hook::real;

/// What has happened since somebody last looked. It is only noted here: shells wait for their children in signal handlers, where no
/// lock may be taken.
static NOTED: AtomicU8 = AtomicU8::new(0);
const BEGAN: u8 = 1;
const ENDED: u8 = 2;

/// What has happened to child processes since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildEvent {
    /// Nothing.
    None,
    /// One began: it may put something into the directories made here.
    Began,
    /// One ended: it may have written anything.
    Ended,
}

/// What has happened since the last call.
pub fn take_event() -> ChildEvent {
    if NOTED.load(Ordering::Acquire) == 0 {
        return ChildEvent::None;
    }
    if NOTED.swap(0, Ordering::AcqRel) & ENDED == 0 { ChildEvent::Began } else { ChildEvent::Ended }
}

/// A child begins. One made by `vfork` says so itself: it shares its parent's memory.
pub fn begins() {
    NOTED.fetch_or(BEGAN, Ordering::AcqRel);
}

fn ended() {
    NOTED.fetch_or(ENDED, Ordering::AcqRel);
}

fn waited(pid: pid_t) -> pid_t {
    if pid > 0 {
        ended();
    }
    pid
}

hooked! {
    fn lf_wait(status: *mut c_int) -> pid_t, after wait { waited }
    fn lf_waitpid(pid: pid_t, status: *mut c_int, options: c_int) -> pid_t, after waitpid { waited }
    fn lf_wait3(status: *mut c_int, options: c_int, usage: *mut c_void) -> pid_t, after wait3 { waited }
    fn lf_wait4(pid: pid_t, status: *mut c_int, options: c_int, usage: *mut c_void) -> pid_t, after wait4 { waited }
    fn lf_waitid(kind: c_uint, id: id_t, info: *mut c_void, options: c_int) -> c_int, after waitid {
        |failed| {
            if failed == 0 {
                ended();
            }
            failed
        }
    }
    fn lf_system(command: *const c_char) -> c_int, by run(command)
    fn lf_popen(command: *const c_char, mode: *const c_char) -> *mut FILE, before popen { begins() }
    fn lf_pclose(stream: *mut FILE) -> c_int, after pclose {
        |status| {
            ended();
            status
        }
    }
}

/// SAFETY (of the caller): `command` is null or a C string.
unsafe fn run(command: *const c_char) -> c_int {
    begins();
    // SAFETY: as above.
    let status = unsafe { real::system()(command) };
    ended();
    status
}
