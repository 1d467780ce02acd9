//! What the network and other writers can do to a commit: nothing acknowledged is lost, nothing is applied twice, and whatever
//! fails leaves the application, its replica and D1 as they were.

use std::time::{Duration, Instant};

use crate::support::{AMPLE, App, values};
use crate::support::{Fault, TestCloud, clouds};
use crate::support::{dump, open, settings};
use liteflare::config::{Refresh, Settings};

#[test]
fn a_commit_whose_answer_was_lost_is_not_applied_twice() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        app.relay.next(1, Fault::DropAnswer);
        app.insert("second").unwrap();
        app.holds(&["first", "second"]);
        // Lost three times in a row, the settling questions among them.
        app.relay.next(3, Fault::DropAnswer);
        app.insert("third").unwrap();
        app.holds(&["first", "second", "third"]);
    }
}

#[test]
fn a_commit_is_tried_again_while_d1_is_busy_or_broken() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        for fault in [Fault::Status(500), Fault::Status(503), Fault::Reset, Fault::TooMany { retry_after: 1 }] {
            app.relay.next(2, fault);
            let start = Instant::now();
            app.insert(&format!("{fault:?}")).unwrap();
            if matches!(fault, Fault::TooMany { .. }) {
                assert!(start.elapsed() >= Duration::from_secs(2), "Retry-After is kept");
            }
        }
        app.holds(&["first", "Status(500)", "Status(503)", "Reset", "TooMany { retry_after: 1 }"]);
    }
}

#[test]
fn an_unreachable_d1_rolls_the_commit_back_after_the_deadline_and_nothing_is_lost() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        app.relay.next(1000, Fault::Reset);
        let start = Instant::now();
        assert_eq!(app.insert("lost").unwrap_err(), "disk I/O error");
        assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
        assert_eq!(app.values(), ["first"], "reads go on");
        app.relay.heal();
        app.insert("second").unwrap();
        app.holds(&["first", "second"]);
    }
}

#[test]
fn a_request_that_hangs_is_given_up_and_settled() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        app.relay.next(1, Fault::Stall);
        app.insert("second").unwrap();
        app.holds(&["first", "second"]);
    }
}

/// The worst case: D1 applies the commit, and every answer and question is lost until the deadline. The application is told
/// that the commit failed; when the network is back, the replica finds out that D1 has it.
#[test]
fn a_commit_in_doubt_is_found_by_the_next_one() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        app.relay.next(1, Fault::DropAnswer);
        app.relay.next(1000, Fault::Reset);
        assert_eq!(app.insert("in doubt").unwrap_err(), "disk I/O error");
        app.relay.heal();
        assert_eq!(app.insert("refused").unwrap_err(), "database is locked");
        app.insert("after").unwrap();
        app.holds(&["first", "in doubt", "after"]);
    }
}

/// Sending and asking what became of it share the time. (With a deadline for each it would take half as long again.)
#[test]
fn a_commit_keeps_its_deadline_when_every_request_hangs() {
    let deadline = Duration::from_secs(3);
    let app = App::with(&TestCloud::embedded(), |settings| settings.timeout = deadline);
    app.relay.next(1000, Fault::Stall);
    let started = Instant::now();
    assert_eq!(app.insert("lost").unwrap_err(), "disk I/O error");
    assert!(started.elapsed() < deadline * 4 / 3, "it took {:?}", started.elapsed());
    assert_eq!(app.values(), ["first"]);
}

#[test]
fn of_two_writers_one_wins_and_the_other_sees_its_work() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let rival = app.other("rival.db");
        rival.execute("INSERT INTO t(v) VALUES ('rival')", []).unwrap();
        assert_eq!(app.insert("late").unwrap_err(), "database is locked");
        assert_eq!(app.values(), ["first", "rival"]);
        app.insert("again").unwrap();
        // Each knows of the other now, and begins from what the other left, whatever it has seen before.
        rival
            .execute_batch("BEGIN; SELECT liteflare FROM (SELECT 1 AS liteflare); INSERT INTO t(v) VALUES ('too')")
            .unwrap();
        rival.execute_batch("COMMIT").unwrap();
        assert_eq!(values(&rival), ["first", "rival", "again", "too"]);
        rival.execute("UPDATE t SET v = 'changed' WHERE v = 'again'", []).unwrap();
        rival.execute("DELETE FROM t WHERE v = 'first'", []).unwrap();
        app.insert("x").unwrap();
        app.holds(&["rival", "changed", "too", "x"]);
    }
}

#[test]
fn writers_in_threads_of_their_own_lose_nothing() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let paths = [app.other_path("a.db"), app.other_path("a.db"), app.other_path("b.db")];
        let writers: Vec<_> = paths
            .into_iter()
            .enumerate()
            .map(|(writer, path)| {
                std::thread::spawn(move || {
                    let connection = open(&path);
                    connection.busy_timeout(Duration::from_secs(10)).unwrap();
                    let mut done = 0;
                    while done < 15 {
                        let value = format!("{writer}-{done}");
                        match connection.execute("INSERT INTO t(v) VALUES (?1)", [value]) {
                            Ok(_) => done += 1,
                            Err(error) => assert_eq!(error.to_string(), "database is locked"),
                        }
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        let mut found = values(&app.other("all.db"));
        found.sort();
        let mut expected: Vec<String> =
            (0..3).flat_map(|writer| (0..15).map(move |n| format!("{writer}-{n}"))).collect();
        expected.push("first".into());
        expected.sort();
        assert_eq!(found, expected);
    }
}

#[test]
fn every_read_asks_d1_when_the_setting_says_so() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let mut always = settings(&app.database);
        always.refresh = Refresh::Always;
        let reader = open(&app.folder.attach("always.db", always));
        app.insert("second").unwrap();
        assert_eq!(values(&reader), ["first", "second"]);
        app.connection.execute_batch("CREATE TABLE more(x); INSERT INTO more VALUES (1.5)").unwrap();
        assert_eq!(dump(&reader), dump(&app.connection));
        // A transaction keeps what it saw first.
        reader.execute_batch("BEGIN").unwrap();
        assert_eq!(values(&reader), ["first", "second"]);
        app.insert("third").unwrap();
        assert_eq!(values(&reader), ["first", "second"]);
        reader.execute_batch("COMMIT").unwrap();
        assert_eq!(values(&reader), ["first", "second", "third"]);
    }
}

#[test]
fn a_replica_in_use_sees_the_work_of_others_within_its_interval() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let mut soon = settings(&app.database.through(&app.relay));
        soon.refresh = Refresh::Every(Duration::from_millis(100));
        let reader = open(&app.folder.attach("soon.db", soon));
        app.insert("second").unwrap();
        let start = Instant::now();
        while values(&reader) != ["first", "second"] {
            assert!(start.elapsed() < Duration::from_secs(10), "it never came");
            std::thread::sleep(Duration::from_millis(20));
        }
        let before = app.relay.requests();
        for _ in 0..25 {
            assert_eq!(values(&reader), ["first", "second"]);
            std::thread::sleep(Duration::from_millis(20));
        }
        let asked = app.relay.requests() - before;
        assert!(asked <= 6, "{asked} questions in 500 ms");
    }
}

#[test]
fn requests_are_counted() {
    for cloud in clouds() {
        let app = App::with(&cloud, |settings| settings.timeout = AMPLE);
        app.connection.execute_batch("CREATE TABLE empty(id INTEGER PRIMARY KEY AUTOINCREMENT)").unwrap();
        let count = |work: &dyn Fn()| {
            let before = app.relay.requests();
            work();
            app.relay.requests() - before
        };
        assert_eq!(count(&|| app.insert("x").unwrap()), 1, "a commit");
        assert_eq!(count(&|| assert_eq!(app.values().len(), 2)), 0, "a read");
        assert_eq!(count(&|| app.connection.execute_batch("VACUUM").unwrap()), 0, "VACUUM");
        assert_eq!(count(&|| app.connection.execute_batch("BEGIN; DELETE FROM t; ROLLBACK").unwrap()), 0, "a rollback");
        assert_eq!(
            count(&|| app.connection.execute_batch("UPDATE t SET v = v").unwrap()),
            0,
            "an update to the same values"
        );
        let large = "INSERT INTO t(v) WITH s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 12) SELECT zeroblob(900000) FROM s";
        let staged = count(&|| app.connection.execute_batch(large).unwrap());
        assert_eq!(staged, 7, "a commit of 22 MB: 12 parts of 1.8 MB, two in one request, and the batch");
        let restart = count(&|| {
            let settings = Settings { timeout: app.timeout, ..settings(&app.database.through(&app.relay)) };
            let path = app.folder.attach("restart.db", settings);
            assert_eq!(dump(&open(&path)), dump(&app.connection));
        });
        assert_eq!(restart, 5, "a start: 1, 3 pages of rows, 1 for the log");
    }
}

#[test]
fn a_staged_commit_survives_faults_at_every_request() {
    for cloud in clouds() {
        let app = App::with(&cloud, |settings| settings.timeout = AMPLE);
        let large = "INSERT INTO t(v) SELECT CAST(zeroblob(899000) AS TEXT) FROM (SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5)";
        for at in 0..4 {
            app.relay.matching("_lf_stage", at, Fault::DropAnswer);
            app.connection.execute_batch(large).unwrap();
            let count: i64 = app.connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
            assert_eq!(count, 1 + 5 * (at as i64 + 1));
        }
        assert_eq!(dump(&app.connection), dump(&app.other("fresh.db")));
        let left = app.database.rows("SELECT count(*) FROM _lf_stage");
        assert_eq!(left[0][0], 0, "nothing stays staged");
    }
}
