//! Who waits for whom, and what it costs.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{Company, count, insert};
use crate::support::clouds;

/// What one writer did in a race.
#[derive(Debug, Default)]
struct Score {
    commits: usize,
    errors: Vec<String>,
}

/// Lets all write as fast as they can for so long.
fn race(
    writers: Vec<Connection>,
    time: Duration,
    write: impl Fn(&Connection) -> rusqlite::Result<()> + Sync,
) -> Vec<Score> {
    let start = Barrier::new(writers.len());
    thread::scope(|scope| {
        let run = |writer: Connection| {
            let (start, write) = (&start, &write);
            scope.spawn(move || {
                start.wait();
                let (began, mut score) = (Instant::now(), Score::default());
                while began.elapsed() < time {
                    match write(&writer) {
                        Ok(()) => score.commits += 1,
                        Err(error) => score.errors.push(error.to_string()),
                    }
                }
                score
            })
        };
        let threads: Vec<_> = writers.into_iter().map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn alone_a_commit_is_one_request_also_beside_a_process_that_reads() {
    for cloud in clouds() {
        let company = Company::new(&cloud);
        let writer = company.first();
        let before = company.relay.requests();
        insert(&writer, "alone").unwrap();
        assert!(company.relay.requests() - before <= 2, "the commit, and the question of a read after a pause");
        let reader = company.uncounted("reader.db");
        assert_eq!(count(&reader), 1);
        for _ in 0..3 {
            thread::sleep(Duration::from_millis(1100));
            assert_eq!(count(&reader), count(&writer));
            let before = company.relay.requests();
            for _ in 0..5 {
                insert(&writer, "beside a reader").unwrap();
            }
            assert_eq!(company.relay.requests() - before, 5);
        }
        assert_eq!(company.ticket_count(), 0);
    }
}

#[test]
fn whoever_begins_beside_one_that_writes_alone_fails_nobody() {
    for cloud in clouds() {
        let company = Company::new(&cloud);
        let first = company.first();
        company.relay.delay(Duration::from_millis(20));
        let second = company.process("second.db");
        let scores = race(vec![first, second], Duration::from_secs(3), |writer| insert(writer, "x").map(drop));
        assert!(scores.iter().all(|score| score.errors.is_empty() && score.commits > 5), "{scores:?}");
        let all: usize = scores.iter().map(|score| score.commits).sum();
        assert_eq!(count(&company.process("fresh.db")), all as i64);
    }
}

/// How alike they get through, and at what cost, is measured by `benches/company`: it depends on the machine.
#[test]
fn four_writers_all_get_through_and_none_fails() {
    for cloud in clouds() {
        for (begin, end) in [("", ""), ("BEGIN IMMEDIATE", "COMMIT")] {
            let company = Company::new(&cloud);
            let writers = company.writers(4);
            let known = count(&writers[0]) as usize;
            company.relay.delay(Duration::from_millis(20));
            let scores = race(writers, Duration::from_secs(5), |writer| {
                writer.execute_batch(begin)?;
                insert(writer, "x")?;
                writer.execute_batch(end)
            });
            assert!(scores.iter().all(|score| score.errors.is_empty() && score.commits > 2), "{begin:?}: {scores:?}");
            let commits: usize = scores.iter().map(|score| score.commits).sum();
            assert_eq!(count(&company.process("fresh.db")) as usize, known + commits);
        }
    }
}

#[test]
fn two_who_write_now_and_then_cost_two_requests_a_transaction() {
    for cloud in clouds() {
        let company = Company::new(&cloud);
        let writers = company.writers(2);
        let (mut before, turns) = (company.relay.requests(), 5);
        for turn in 0..=turns {
            if turn == 1 {
                before = company.relay.requests(); // from here on each knows which table the other changes
            }
            for writer in &writers {
                insert(writer, "now and then").unwrap();
                thread::sleep(Duration::from_millis(60));
            }
        }
        let requests = company.relay.requests() - before;
        assert!(requests <= 2 * 2 * turns + 2, "{requests} requests for {} transactions", 2 * turns);
        assert_eq!(company.ticket_count(), 0);
    }
}

/// Each process reads the number in the transaction that makes it greater.
#[test]
fn no_increment_is_lost_and_none_fails() {
    for cloud in clouds() {
        let company = Company::new(&cloud);
        let writers = company.writers(3);
        writers[0].execute_batch("CREATE TABLE n(n); INSERT INTO n VALUES (0)").unwrap();
        let scores = race(writers, Duration::from_secs(2), |writer| {
            writer.execute_batch("BEGIN IMMEDIATE")?;
            let n: i64 = writer.query_row("SELECT n FROM n", [], |row| row.get(0))?;
            writer.execute("UPDATE n SET n = ?1", [n + 1])?;
            writer.execute_batch("COMMIT; BEGIN; UPDATE n SET n = n + 1; COMMIT; UPDATE n SET n = n + 1")
        });
        assert!(scores.iter().all(|score| score.errors.is_empty()), "{scores:?}");
        let sum: usize = scores.iter().map(|score| score.commits * 3).sum();
        let fresh = company.process("fresh.db");
        assert_eq!(fresh.query_row("SELECT n FROM n", [], |row| row.get::<_, i64>(0)).unwrap(), sum as i64);
    }
}
