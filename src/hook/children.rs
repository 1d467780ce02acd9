//! What has happened to child processes: what this process knows of the bucket may be out of date once one of them has ended.

use std::sync::atomic::{AtomicU8, Ordering};

/// What has happened since somebody last looked. It is only noted here: shells wait for their children in signal handlers, where no
/// lock may be taken.
static NOTED: AtomicU8 = AtomicU8::new(0);
const BEGAN: u8 = 1;
const ENDED: u8 = 2;

/// What has happened to child processes since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChildEvent {
    /// Nothing.
    None,
    /// One began: it may put something into the directories made here.
    Began,
    /// One ended: it may have written anything.
    Ended,
}

/// What has happened since the last call.
pub(super) fn take_event() -> ChildEvent {
    if NOTED.load(Ordering::Acquire) == 0 {
        return ChildEvent::None;
    }
    if NOTED.swap(0, Ordering::AcqRel) & ENDED == 0 { ChildEvent::Began } else { ChildEvent::Ended }
}

/// A child begins. One made by `vfork` says so itself: it shares its parent's memory.
pub(super) fn begins() {
    NOTED.fetch_or(BEGAN, Ordering::AcqRel);
}

/// A child has ended.
pub(super) fn ended() {
    NOTED.fetch_or(ENDED, Ordering::AcqRel);
}
