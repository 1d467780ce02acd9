//! Where the process's runtime is kept. No lock: a child made by `fork` while another thread holds one would wait for ever.
#![allow(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::time::Duration;

use super::Runtime;

/// The newest runtime, if there is one. Those before it are never dropped.
static NEWEST: AtomicPtr<Runtime> = AtomicPtr::new(std::ptr::null_mut());

/// The process in which a thread is making a runtime.
static MAKER: AtomicU32 = AtomicU32::new(0);

pub(super) fn newest() -> Option<Arc<Runtime>> {
    let pointer = NEWEST.load(Ordering::Acquire);
    // SAFETY: `keep` has made it of an `Arc` of which one count is left for ever.
    (!pointer.is_null()).then(|| unsafe {
        Arc::increment_strong_count(pointer);
        Arc::from_raw(pointer)
    })
}

/// Makes this the newest runtime.
pub(super) fn keep(runtime: Arc<Runtime>) {
    NEWEST.store(Arc::into_raw(runtime).cast_mut(), Ordering::Release);
}

/// The turn to make a runtime: one thread at a time.
pub(super) struct Turn(());

impl Turn {
    /// Waits for the turn.
    pub(super) fn take() -> Turn {
        let pid = std::process::id();
        loop {
            let maker = MAKER.load(Ordering::Relaxed);
            // A maker in another process is one of our parent's threads, which is not there in this one.
            if maker != pid && MAKER.compare_exchange(maker, pid, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return Turn(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        MAKER.store(0, Ordering::Release);
    }
}
