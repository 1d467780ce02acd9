//! The descriptors of our own runtime, its connections among them, get high numbers: a shell's `exec 3>file` puts a file where it
//! likes (`dup2`), and what we send to R2 must not end up there.

use std::ffi::{c_int, c_uint};
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

use super::frame::hooked;
use crate::hook::descriptor::out_of_the_way;
use crate::runtime::{is_our_work, numbers};

fn placed(fd: c_int) -> c_int {
    if fd < 0 || !is_our_work() {
        return fd;
    }
    // SAFETY: libc has just made the descriptor, and nobody else has seen it.
    let fd = out_of_the_way(unsafe { OwnedFd::from_raw_fd(fd) }).into_raw_fd();
    numbers::add(fd);
    fd
}

hooked! {
    fn lf_socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int, after socket { placed }
    fn lf_socketpair(domain: c_int, kind: c_int, protocol: c_int, pair: *mut c_int) -> c_int, after socketpair {
        |failed| {
            if failed == 0 {
                // SAFETY: our caller has given room for two descriptors, and libc has put them there.
                for fd in unsafe { &mut *pair.cast::<[c_int; 2]>() } {
                    *fd = placed(*fd);
                }
            }
            failed
        }
    }
    fn lf_epoll_create1(flags: c_int) -> c_int, after epoll_create1 { placed }
    fn lf_eventfd(initial: c_uint, flags: c_int) -> c_int, after eventfd { placed }
}
