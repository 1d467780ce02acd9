//! What is done in the background: a second look at names, and deletions that wait for company.

use std::collections::BTreeSet;
use std::time::Duration;

use parking_lot::Mutex;

use super::names::Known;
use super::paths::ObjectKey;
use crate::runtime::Runtime;

/// How long a deletion waits for others of its directory, or for `rmdir`.
const COMPANY: Duration = Duration::from_millis(100);

/// Names that are looked at soon. Rank 8.
static ASKED: Mutex<BTreeSet<ObjectKey>> = Mutex::new(BTreeSet::new());

/// Asks the bucket for `key` after a while, unless the answer is known by then.
pub fn look_again(key: ObjectKey, after: Duration) {
    if !ASKED.lock().insert(key.clone()) {
        return;
    }
    after_a_while(after, move || {
        ASKED.lock().remove(&key);
        let Some(store) = super::connected() else { return };
        let known = store.names.lock().look_up(&key);
        // A file that was saved meanwhile needs no look: its upload was one.
        let is_settled = store.open_for_writing(&key).is_some()
            || matches!(known, Known::File(_))
                && store.names.lock().seen_at(&key).is_some_and(|at| at.elapsed() < store.fresh);
        if !is_settled {
            let _ = store.head(&key); // a failure was logged, and the next question asks again
        }
    });
}

/// Deletes what waits for it after a short while.
pub fn delete_doomed() {
    after_a_while(COMPANY, || {
        if let Some(store) = super::connected() {
            // A failure was logged; what could not be deleted waits on, and is tried again with the next deletion or at the end.
            let _ = store.delete_doomed_where(|_| true);
        }
    });
}

fn after_a_while(wait: Duration, work: impl FnOnce() + Send + 'static) {
    if let Ok(runtime) = Runtime::current() {
        runtime.later(wait, work);
    }
}
