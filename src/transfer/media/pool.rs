//! Works on many items with a few threads. The first failure stops the others.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::transfer::Error;

/// Calls `work` for each item, on `threads` threads. The results are in the order of the items.
pub(crate) fn each<I: Sync, T: Send>(
    items: &[I],
    threads: usize,
    work: impl Fn(&I) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let results: Mutex<Vec<(usize, T)>> = Mutex::new(Vec::with_capacity(items.len()));
    let errors: Mutex<Option<Error>> = Mutex::new(None);
    let run = || {
        while !failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            match work(item) {
                Ok(result) => results.lock().push((index, result)),
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    errors.lock().get_or_insert(error);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads.min(items.len())).map(|_| scope.spawn(run)).collect();
        handles.into_iter().map(|handle| handle.join().map_err(|_| Error::Thread)).collect::<Result<Vec<()>, _>>()
    })?;
    if let Some(error) = errors.into_inner() {
        return Err(error);
    }
    let mut results = results.into_inner();
    results.sort_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}
