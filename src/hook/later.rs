//! Deletions that wait a short while for company.

use std::time::Duration;

use crate::runtime::Runtime;

/// How long a deletion waits for others of its directory, or for `rmdir`.
const COMPANY: Duration = Duration::from_millis(500);

/// Deletes what waits for it after a short while.
pub fn delete_doomed() {
    let Ok(runtime) = Runtime::current() else { return };
    runtime.later(COMPANY, || {
        if let Some(store) = super::connected() {
            // A failure was logged; what could not be deleted waits on, and is tried again with the next deletion or at the end.
            let _ = store.delete_doomed_where(|_| true);
        }
    });
}
