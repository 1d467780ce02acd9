//! Child processes: what this process knows may be old once one has ended.

use std::ffi::{c_char, c_int, c_uint, c_void};

use libc::{FILE, id_t, pid_t};

use crate::hook::{connected, real};

/// A child that begins may put something into the directories made here.
pub fn begins() {
    crate::sqlite::guard((), || {
        if let Some(store) = connected() {
            store.made.lock().share();
        }
    });
}

/// A child that has ended may have written anything.
fn ended() {
    crate::sqlite::guard((), || {
        if let Some(store) = connected() {
            store.others_write();
        }
    });
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
