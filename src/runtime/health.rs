//! Whether the runtime's descriptors are still its own.
//!
//! A program may close every number it finds, at its start or before it becomes a daemon, and open files that get these numbers.
//! Where the hook sees that, it leaves ours alone. It sees neither raw system calls nor, in a Python that only loads the extension,
//! anything at all: then the runtime must notice, so that it neither polls nor closes nor writes to what is not its own.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::numbers;

/// A descriptor that is open for no other purpose than to be missed.
#[derive(Debug)]
struct Canary {
    fd: OwnedFd,
    /// Device and inode number of the socket behind it, which no other file has as long as it is open.
    identity: (u64, u64),
}

impl Canary {
    fn new() -> io::Result<Canary> {
        let (end, _) = UnixStream::pair()?;
        Canary::of(end.into())
    }

    fn of(fd: OwnedFd) -> io::Result<Canary> {
        let identity = Canary::identity(&fd)?;
        Ok(Canary { fd, identity })
    }

    // By rustix, whose system calls do not come through our own hook.
    fn identity(fd: &OwnedFd) -> io::Result<(u64, u64)> {
        let stat = rustix::fs::fstat(fd)?;
        Ok((stat.st_dev, stat.st_ino))
    }

    fn lives(&self) -> bool {
        Canary::identity(&self.fd).is_ok_and(|identity| identity == self.identity)
    }
}

/// What tells whether a runtime can be used.
#[derive(Debug)]
pub(super) struct Health {
    pid: u32,
    /// Two, opened before and after the runtime's own descriptors, so that whoever closes a range of numbers meets one of them.
    before: Canary,
    after: OnceLock<Canary>,
    /// How often the host had taken a number when this runtime was started.
    times_taken: u32,
    has_ended: AtomicBool,
}

impl Health {
    /// For a runtime that has no descriptors yet.
    pub(super) fn new() -> io::Result<Health> {
        let (before, after) = (Canary::new()?, OnceLock::new());
        let (pid, times_taken) = (std::process::id(), numbers::times_taken());
        Ok(Health { pid, before, after, times_taken, has_ended: AtomicBool::new(false) })
    }

    /// The runtime has its descriptors now.
    pub(super) fn complete(&self) -> io::Result<()> {
        let _ = self.after.set(Canary::of(self.before.fd.try_clone()?)?);
        Ok(())
    }

    /// The runtime cannot be used any more.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }

    /// Whether the runtime can be used, in this process and at this moment.
    pub(super) fn is_good(&self) -> bool {
        !self.has_ended.load(Ordering::Relaxed)
            && self.pid == std::process::id()
            && self.times_taken == numbers::times_taken()
            && self.before.lives()
            && self.after.get().is_none_or(Canary::lives)
    }

    /// Called on the runtime's thread wherever it is about to use its descriptors.
    pub(super) fn insist(&self) {
        if !self.is_good() {
            self.rest();
        }
    }

    /// The end of the runtime's thread, which stays here for ever: whatever it did next, even dropping what it has, could close or
    /// change a file of the host's.
    pub(super) fn rest(&self) -> ! {
        self.end();
        loop {
            std::thread::park();
        }
    }
}
