//! The descriptors of our own runtime, its connections among them, get high numbers: a shell's `exec 3>file` puts a file where it
//! likes (`dup2`), and what we send to R2 must not end up there.

use std::ffi::c_int;

use crate::hook::memfd::out_of_the_way;
use crate::hook::real;
use crate::runtime::{is_our_work, numbers};

fn placed(fd: c_int) -> c_int {
    if fd < 0 || !is_our_work() {
        return fd;
    }
    let fd = out_of_the_way(fd);
    numbers::add(fd);
    fd
}

interpose! {
    fn lf_socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int {
        placed(unsafe { real::socket()(domain, kind, protocol) })
    }
    fn lf_socketpair(domain: c_int, kind: c_int, protocol: c_int, pair: *mut c_int) -> c_int {
        unsafe {
            let result = real::socketpair()(domain, kind, protocol, pair);
            if result == 0 {
                *pair = placed(*pair);
                *pair.add(1) = placed(*pair.add(1));
            }
            result
        }
    }
    fn lf_epoll_create1(flags: c_int) -> c_int {
        placed(unsafe { real::epoll_create1()(flags) })
    }
    fn lf_eventfd(initial: libc::c_uint, flags: c_int) -> c_int {
        placed(unsafe { real::eventfd()(initial, flags) })
    }
}
