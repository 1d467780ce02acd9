//! The numbers that the runtime's descriptors have in the process's table, as far as the path hook sees them made.
//!
//! The hook asks here whether a number that the host wants to close, or to give to another file, is one of them. Atomics and no
//! lock: it may ask at any moment, in a signal handler or between `fork` and `exec`.

use std::ffi::{c_int, c_uint};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::is_our_work;

const WORDS: usize = 64;

/// One bit for each number. Those beyond are not protected: a runtime that loses one starts anew.
static NUMBERS: [AtomicU64; WORDS] = [const { AtomicU64::new(0) }; WORDS];

/// The process in which they are ours. A child has copies of the descriptors, which it may close.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// How often the host has taken one of the numbers for a file of its own.
static TAKEN: AtomicU32 = AtomicU32::new(0);

fn place(fd: c_uint) -> Option<(&'static AtomicU64, u64)> {
    Some((NUMBERS.get(fd as usize / 64)?, 1 << (fd % 64)))
}

fn is_owner() -> bool {
    OWNER.load(Ordering::Relaxed) == std::process::id()
}

/// A runtime is about to start: no number is one of its descriptors yet.
pub(super) fn clear() {
    NUMBERS.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    OWNER.store(std::process::id(), Ordering::Relaxed);
}

/// How often the host has taken one of the numbers until now.
pub(super) fn times_taken() -> u32 {
    TAKEN.load(Ordering::Relaxed)
}

/// The runtime has made a descriptor.
pub fn add(fd: c_int) {
    if let Ok(fd) = fd.try_into()
        && let Some((word, bit)) = place(fd)
    {
        word.fetch_or(bit, Ordering::Relaxed);
    }
}

/// A descriptor was copied; if the runtime did that with one of its own, the copy is one too.
pub fn copied(from: c_int, to: c_int) {
    if is_our_work() && has(from) {
        add(to);
    }
}

/// The first number from `first` to `last` that is the runtime's.
pub fn next(first: c_uint, last: c_uint) -> Option<c_uint> {
    let last = last.min(WORDS as c_uint * 64 - 1);
    let is_ours = |fd: &c_uint| place(*fd).is_some_and(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0);
    (first..=last).find(is_ours).filter(|_| is_owner())
}

fn has(fd: c_int) -> bool {
    c_uint::try_from(fd).is_ok_and(|fd| next(fd, fd).is_some())
}

/// Whether a descriptor must stay open although somebody closes it: it is the runtime's, and the runtime does not close it itself.
pub fn keeps(fd: c_int) -> bool {
    let is_ours = has(fd);
    if is_ours && is_our_work() {
        remove(fd);
    }
    is_ours && !is_our_work()
}

/// The host gives the number to a file of its own, as it may. If it was the runtime's, that runtime is used no more.
pub fn take(fd: c_int) {
    if has(fd) && !is_our_work() {
        TAKEN.fetch_add(1, Ordering::Relaxed);
        remove(fd);
    }
}

fn remove(fd: c_int) {
    if let Ok(fd) = fd.try_into()
        && let Some((word, bit)) = place(fd)
    {
        word.fetch_and(!bit, Ordering::Relaxed);
    }
}
