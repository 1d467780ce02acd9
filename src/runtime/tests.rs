//! What becomes of a runtime whose descriptors are closed. Each of these tests runs in a process of its own: it closes descriptors by number.
#![allow(unsafe_code)]

use std::io::Write;
use std::os::fd::RawFd;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{LOOK, Runtime};

/// Set where a test runs alone.
const ALONE: &str = "LITEFLARE_TEST_ALONE";

/// Runs a test in a process of its own. It must pass there, with nothing on stderr.
fn alone(name: &str, test: fn()) {
    if std::env::var_os(ALONE).is_some() {
        test();
        // Not by way of the harness, which wants to change the panic hook at its end: a thread that rests in there keeps it from that.
        print!("passed");
        let _ = std::io::stdout().flush();
        std::process::exit(0);
    }
    let done = Command::new(std::env::current_exe().unwrap())
        .args([&format!("runtime::tests::{name}"), "--exact", "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let (said, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && said.ends_with("passed") && errors.is_empty(), "{}: {said}{errors}", done.status);
}

/// Past the hook, as some programs do. (There is none in a test anyway.)
fn close_all() {
    // SAFETY: the test owns no descriptor that it uses afterwards.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
}

fn answer(runtime: &Runtime) -> Option<u32> {
    runtime.wait(async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        7
    })
}

#[test]
fn a_runtime_whose_descriptors_are_gone_starts_anew() {
    alone("a_runtime_whose_descriptors_are_gone_starts_anew", || {
        for _ in 0..20 {
            assert_eq!(answer(&Runtime::current().unwrap()), Some(7));
            close_all();
        }
    });
}

#[test]
fn who_waits_meanwhile_is_told_that_there_is_no_answer() {
    alone("who_waits_meanwhile_is_told_that_there_is_no_answer", || {
        let runtime = Runtime::current().unwrap();
        let closing = std::thread::spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            close_all();
        });
        let start = Instant::now();
        assert_eq!(runtime.wait(async { tokio::time::sleep(Duration::from_secs(3600)).await }), None);
        assert!(start.elapsed() < LOOK * 10 && !runtime.is_good());
        closing.join().unwrap();
        assert_eq!(answer(&runtime), None, "at once, and for ever");
        assert_eq!(answer(&Runtime::current().unwrap()), Some(7));
    });
}

/// The host's new files get the numbers: nothing is written to them, and they stay open, although timers of the dead runtime fire.
#[test]
fn a_runtime_does_not_touch_files_that_got_its_numbers() {
    alone("a_runtime_does_not_touch_files_that_got_its_numbers", || {
        let runtime = Runtime::current().unwrap();
        runtime.later(Duration::from_millis(30), || unreachable!("the runtime is dead by then"));
        assert_eq!(answer(&runtime), Some(7));
        close_all();
        let files: Vec<std::fs::File> = (0..30).map(|_| tempfile::tempfile().unwrap()).collect();
        files.iter().for_each(|mut file| file.write_all(b"the host's").unwrap());
        assert_eq!(answer(&runtime), None);
        drop(runtime);
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(answer(&Runtime::current().unwrap()), Some(7));
        for file in &files {
            let mut bytes = [0; 32];
            let size = file.read_at(&mut bytes, 0).unwrap();
            assert_eq!(&bytes[..size], b"the host's");
        }
    });
}

/// Whichever of its descriptors it is: without the canaries' help, tokio panics, and nobody hears of it.
#[test]
fn any_one_descriptor_may_be_closed() {
    alone("any_one_descriptor_may_be_closed", || {
        // SAFETY: only asks whether the number is in use.
        let is_open = |fd: &RawFd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0;
        let numbers = || -> Vec<RawFd> { (3..64).filter(is_open).collect() };
        let others = numbers();
        let _ = answer(&Runtime::current().unwrap());
        let ours = numbers().into_iter().filter(|fd| !others.contains(fd)).count();
        assert!(ours >= 5, "two canaries, two of epoll, one to wake it: {ours}");
        for index in 0..ours {
            close_all();
            let _ = answer(&Runtime::current().unwrap());
            let fd = numbers()[index];
            // SAFETY: nobody but the runtime uses it.
            unsafe { libc::close(fd) };
            let start = Instant::now();
            while answer(&Runtime::current().unwrap()).is_none() {
                assert!(start.elapsed() < Duration::from_secs(5));
            }
        }
    });
}

/// Another thread may be about to start one at that moment.
#[test]
fn a_child_gets_a_runtime_of_its_own() {
    alone("a_child_gets_a_runtime_of_its_own", || {
        let starting = std::thread::spawn(|| {
            for _ in 0..30 {
                let _ = answer(&Runtime::current().unwrap());
                close_all();
            }
        });
        while !starting.is_finished() {
            // SAFETY: the child makes a runtime and ends.
            unsafe {
                let child = libc::fork();
                if child == 0 {
                    libc::alarm(20);
                    libc::_exit(if answer(&Runtime::current().unwrap()) == Some(7) { 0 } else { 1 });
                }
                let mut status = -1;
                libc::waitpid(child, &mut status, 0);
                assert_eq!(status, 0);
            }
        }
        starting.join().unwrap();
    });
}

#[test]
fn a_panic_of_a_request_ends_that_request_only() {
    let runtime = Runtime::current().unwrap();
    assert_eq!(runtime.wait(async { panic!("this panic is part of a test") }), None::<()>);
    assert!(runtime.is_good());
    assert_eq!(answer(&runtime), Some(7));
}
