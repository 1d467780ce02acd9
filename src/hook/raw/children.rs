//! Starting and waiting for child processes.

use std::ffi::{c_char, c_int, c_uint, c_void};

use libc::{FILE, id_t, pid_t};

use super::frame::hooked;
use crate::hook::children::{begins, ended};
use crate::hook::real;

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
