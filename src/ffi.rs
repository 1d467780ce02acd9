//! The guard that every function called from C runs in.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a callback's body. A panic must not cross the C ABI: it becomes `on_panic` and a line in the log.
///
/// Inlined, because every file operation of the process passes through here: those that are not ours should pay next to nothing.
#[inline(always)]
pub fn guard<T>(on_panic: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        report();
        on_panic
    })
}

#[cold]
fn report() {
    tracing::error!("a defect in liteflare was caught; the operation fails. Please report the message above");
}
