//! What the lease may cost when something is wrong with it: time, and never a row or a hang.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::ffi;

use super::{Company, count, insert};
use crate::support::{Fault, clouds};

/// What is done at once may take as long where the processor has other work; less than a lease holds.
const LOADED: Duration = Duration::from_millis(2500);

/// Somebody on another machine has the lease for so many seconds more.
fn hold(company: &Company, seconds: u32) {
    let lease = "INSERT INTO _lf_lease VALUES ('elsewhere', 0, 1, unixepoch('subsec') + ";
    company.database.rows(&format!("{lease}{seconds})"));
}

#[test]
fn who_has_died_with_the_lease_costs_seconds() {
    for cloud in clouds() {
        let company = Company::new(&cloud);
        let writers = company.writers(2);
        hold(&company, 2);
        let began = Instant::now();
        insert(&writers[0], "waited").unwrap();
        let waited = began.elapsed();
        assert!((Duration::from_secs(1)..Duration::from_secs(2) + LOADED).contains(&waited), "{waited:?}");
        let began = Instant::now();
        insert(&writers[1], "at once").unwrap();
        assert!(began.elapsed() < LOADED, "{:?}", began.elapsed());
    }
}

#[test]
fn busy_timeout_means_what_it_means_on_a_file() {
    for cloud in clouds() {
        let company = Company::new(&cloud);
        let writers = company.writers(2);
        hold(&company, 1000);
        company.relay.delay(Duration::from_millis(20));
        for timeout in [0, 300, 1500] {
            for sql in ["BEGIN IMMEDIATE", "BEGIN; DELETE FROM t", "DELETE FROM t"] {
                writers[0].busy_timeout(Duration::from_millis(timeout)).unwrap();
                let began = Instant::now();
                let error = writers[0].execute_batch(sql).unwrap_err();
                let waited = began.elapsed();
                let range = Duration::from_millis(timeout)..Duration::from_millis(timeout) + LOADED;
                assert!(range.contains(&waited), "{sql}, {timeout} ms: {waited:?}");
                assert_eq!(error.to_string(), "database is locked");
                let _ = writers[0].execute_batch("ROLLBACK"); // where a transaction was begun
            }
        }
        assert!(count(&writers[0]) > 0, "reads wait for nobody");
    }
}

#[test]
fn who_has_read_an_older_state_is_told_at_once() {
    for cloud in clouds() {
        let company = Company::new(&cloud);
        let writers = company.writers(2);
        writers[0].execute_batch("BEGIN").unwrap();
        let seen = count(&writers[0]);
        insert(&writers[1], "meanwhile").unwrap();
        let began = Instant::now();
        let error = insert(&writers[0], "stale").unwrap_err();
        assert!(began.elapsed() < LOADED, "{:?}", began.elapsed());
        let code = error.sqlite_error().map(|error| error.extended_code);
        assert_eq!(code, Some(ffi::SQLITE_BUSY | (2 << 8)));
        assert_eq!(count(&writers[0]), seen, "it stays on what it has seen");
        writers[0].execute_batch("ROLLBACK").unwrap();
        insert(&writers[0], "fresh").unwrap();
        assert_eq!(count(&writers[0]), seen + 2);
    }
}

#[test]
fn what_changed_nothing_gives_the_lease_back() {
    for cloud in clouds() {
        let company = Company::new(&cloud);
        let writers = company.writers(2);
        for sql in [
            "BEGIN IMMEDIATE; ROLLBACK",
            "BEGIN; DELETE FROM t; ROLLBACK",
            "UPDATE t SET v = v",
            "INSERT INTO t(id) SELECT max(id) FROM t",
        ] {
            let _ = writers[0].execute_batch(sql); // the last one fails
            let began = Instant::now();
            while company.ticket_count() > 0 {
                assert!(began.elapsed() < LOADED, "{sql}");
                thread::sleep(Duration::from_millis(20));
            }
            insert(&writers[1], "next").unwrap();
        }
    }
}

#[test]
fn a_transaction_that_takes_long_keeps_the_lease() {
    for cloud in clouds() {
        let company = Company::new(&cloud);
        let mut writers = company.writers(2);
        let (long, short) = (writers.remove(0), writers.remove(0));
        long.execute_batch("BEGIN IMMEDIATE").unwrap();
        thread::sleep(Duration::from_millis(500));
        short.busy_timeout(Duration::from_secs(20)).unwrap();
        let other = thread::spawn(move || {
            insert(&short, "after it").unwrap();
            short
        });
        thread::sleep(Duration::from_secs(5));
        assert!(!other.is_finished());
        insert(&long, "long").unwrap();
        long.execute_batch("COMMIT").unwrap();
        other.join().unwrap();
        let last: String =
            company.process("fresh.db").query_row("SELECT v FROM t ORDER BY id DESC", [], |row| row.get(0)).unwrap();
        assert_eq!(last, "after it");
    }
}

#[test]
fn a_lease_that_d1_does_not_give_costs_no_row_and_no_hang() {
    for cloud in clouds() {
        for fault in
            [Fault::Stall, Fault::Status(503), Fault::Reset, Fault::DropAnswer, Fault::HalfAnswer, Fault::Twice]
        {
            let company = Company::new(&cloud);
            let writers = company.writers(2);
            let before = count(&writers[0]);
            company.relay.matching("INSERT INTO _lf_lease", 1, fault);
            let began = Instant::now();
            let done = insert(&writers[0], "x").is_ok();
            assert!(began.elapsed() < Duration::from_secs(12), "{fault:?}: {:?}", began.elapsed());
            company.relay.heal();
            insert(&writers[1], "y").unwrap_or_else(|error| panic!("{fault:?}: {error}"));
            let rows = count(&company.process("fresh.db"));
            assert_eq!(rows, before + 1 + i64::from(done), "{fault:?}");
        }
    }
}

#[test]
fn the_tables_of_company_may_vanish() {
    for cloud in clouds() {
        let company = Company::new(&cloud);
        let writers = company.writers(2);
        for table in ["_lf_lease", "_lf_process"] {
            company.database.rows(&format!("DROP TABLE {table}"));
            for writer in &writers {
                let failed = (0..4).filter(|_| insert(writer, "x").is_err()).count();
                assert!(failed <= 1, "{table}: {failed} of 4 failed");
            }
        }
    }
}
