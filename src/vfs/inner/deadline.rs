//! Stops statements that take too long: those that would never end. The time is the thread's own (what others run meanwhile, or a
//! machine that sleeps, does not count), and it begins anew with each statement and each row.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rustix::time::{ClockId, clock_gettime};

/// For any statement. None of ours takes a second on a small database.
const BASE: Duration = Duration::from_secs(10);
/// For a second more. Indexes and checks go through a database at ten times that speed, or faster.
const BYTES_A_SECOND: u64 = 4_000_000;
/// Steps of SQLite's machine between two looks at the clock: less than a millisecond, and far more than compiling a statement of ours
/// takes, during which nobody would have said that it has begun.
const STEPS: i32 = 20_000;

/// `size`: the bytes of the database at the moment.
pub(super) fn install(connection: &mut Connection, size: impl Fn() -> u64 + Send + 'static) -> rusqlite::Result<()> {
    install_with(connection, move || BASE + Duration::from_secs(size() / BYTES_A_SECOND))
}

fn install_with(connection: &mut Connection, allowed: impl Fn() -> Duration + Send + 'static) -> rusqlite::Result<()> {
    let begins = Arc::new(AtomicBool::new(true));
    let has_begun = begins.clone();
    let events = TraceEventCodes::SQLITE_TRACE_STMT | TraceEventCodes::SQLITE_TRACE_ROW;
    connection.trace_v2(events, Some(move |_: TraceEvent<'_>| has_begun.store(true, Ordering::Relaxed)))?;
    let mut since = Duration::ZERO;
    let is_over = move || {
        let now = thread_time();
        if begins.swap(false, Ordering::Relaxed) {
            since = now;
        }
        now.saturating_sub(since) > allowed()
    };
    connection.progress_handler(STEPS, Some(is_over))
}

/// How long this thread has been at work.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let part = |number: i64| u64::try_from(number).unwrap_or(0);
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const NUMBERS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT ?1)";

    #[test]
    fn an_endless_statement_is_stopped_and_the_next_one_has_time_of_its_own() {
        let mut db = Connection::open_in_memory().unwrap();
        install_with(&mut db, || Duration::from_millis(200)).unwrap();
        for _ in 0..2 {
            let began = Instant::now();
            let error = db.query_row(&format!("{NUMBERS} SELECT count(*) FROM n"), [-1], |_| Ok(())).unwrap_err();
            assert!(super::super::is_out_of_bounds(&error), "{error}");
            assert!(began.elapsed() > Duration::from_millis(190));
        }
        assert_eq!(db.query_row("SELECT 1", [], |row| row.get(0)), Ok(1));
    }

    #[test]
    fn many_rows_and_many_statements_may_take_as_long_as_they_need() {
        let mut db = Connection::open_in_memory().unwrap();
        let began = thread_time();
        install_with(&mut db, || Duration::from_millis(50)).unwrap();
        let mut statement = db.prepare(&format!("{NUMBERS} SELECT i FROM n")).unwrap();
        let mut rows = statement.query([400_000]).unwrap();
        while rows.next().unwrap().is_some() {}
        let mut one = db.prepare(&format!("{NUMBERS} SELECT count(*) FROM n")).unwrap();
        for _ in 0..400 {
            one.query_row([1_000], |_| Ok(())).unwrap();
        }
        assert!(thread_time() - began > Duration::from_millis(50), "this test must take longer than a statement may");
    }
}
