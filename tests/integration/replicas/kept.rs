//! A replica outlives its last connection for a while: a connection for each request costs no hydration.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use liteflare::config::{Refresh, Settings};
use rusqlite::Connection;

use crate::support::{App, Fault, clouds, open, settings, values};

/// A path that is served from `app`'s database, through its relay, and on which nobody has a connection.
fn path(app: &App, refresh: Refresh) -> PathBuf {
    let settings = Settings { refresh, timeout: app.timeout, ..settings(&app.database.through(&app.relay)) };
    app.folder.attach("requests.db", settings)
}

/// What one request of a web application reads.
fn request(path: &Path) -> Vec<String> {
    values(&open(path))
}

#[test]
fn a_connection_for_each_request_costs_one_hydration() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        app.connection.execute_batch("INSERT INTO t(v) WITH s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 500) SELECT 'x' FROM s").unwrap();
        let path = path(&app, Refresh::Every(Duration::from_secs(1)));
        let before = app.relay.requests();
        assert_eq!(request(&path).len(), 501);
        let hydration = app.relay.requests() - before;
        let start = Instant::now();
        for _ in 0..100 {
            assert_eq!(request(&path).len(), 501);
        }
        let (asked, seconds) = (app.relay.requests() - before - hydration, start.elapsed().as_secs_f64());
        assert!(asked as f64 <= seconds + 1.0, "{asked} requests in {seconds} s");
        // It is as fresh as with a connection that stays open.
        app.other("other.db").execute_batch("DELETE FROM t WHERE id > 3").unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        assert_eq!(request(&path), ["first", "x", "x"]);
    }
}

/// With `never`, what a connection begins with is D1's state, as if it were the process's first.
#[test]
fn the_first_connection_after_the_last_one_begins_with_what_d1_holds() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let path = path(&app, Refresh::Never);
        assert_eq!(request(&path), ["first"]);
        app.insert("second").unwrap();
        let before = app.relay.requests();
        assert_eq!(request(&path), ["first", "second"]);
        assert!(app.relay.requests() - before <= 2, "the log and the rows, and no hydration");
        app.relay.next(1000, Fault::Status(503));
        assert_eq!(request(&path), ["first", "second"], "with D1 away it is the one there is");
        app.relay.heal();
    }
}

#[test]
fn a_path_that_is_given_another_database_shows_that_one() {
    for cloud in clouds() {
        let (one, other) = (App::new(&cloud), App::new(&cloud));
        other.insert("of the other").unwrap();
        let path = path(&one, Refresh::Never);
        let serve = |app: &App| {
            let settings = Settings { refresh: Refresh::Never, ..settings(&app.database) };
            one.folder.attach("requests.db", settings);
        };
        for _ in 0..2 {
            serve(&one);
            assert_eq!(request(&path), ["first"]);
            serve(&other);
            assert_eq!(request(&path), ["first", "of the other"]);
        }
        // Those that are open keep theirs.
        serve(&one);
        let open_before = open(&path);
        serve(&other);
        let open_after = open(&path);
        open_before.execute_batch("INSERT INTO t(v) VALUES ('of the one')").unwrap();
        drop(open_before);
        assert_eq!(values(&open_after), ["first", "of the other"]);
        drop(open_after);
        serve(&one);
        assert_eq!(request(&path), ["first", "of the one"]);
    }
}

/// What lies at the path is looked at when the first connection begins, as at a start.
#[test]
fn a_local_database_that_came_there_meanwhile_is_refused() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let path = path(&app, Refresh::Never);
        request(&path);
        let marker = std::fs::read(&path).unwrap();
        let elsewhere = app.folder.local("local.db");
        Connection::open(&elsewhere).unwrap().execute_batch("CREATE TABLE mine(x)").unwrap();
        std::fs::rename(&elsewhere, &path).unwrap();
        let refused = Connection::open(&path).and_then(|db| db.execute_batch("SELECT * FROM t")).unwrap_err();
        assert!(refused.to_string().contains("unable to open"), "{refused}");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(request(&path), ["first"]);
        assert_eq!(std::fs::read(&path).unwrap(), marker, "it is written again");
    }
}

#[test]
fn threads_that_start_during_an_outage_wait_once() {
    for cloud in clouds() {
        let mut app = App::new(&cloud);
        app.timeout = Duration::from_secs(2);
        let path = path(&app, Refresh::Never);
        app.relay.next(1_000_000, Fault::Status(503));
        let start = Instant::now();
        let threads: Vec<_> = (0..6)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || Connection::open(&path).and_then(|db| db.execute_batch("SELECT * FROM t")))
            })
            .collect();
        for thread in threads {
            let error = thread.join().unwrap().unwrap_err();
            assert_eq!(
                error.sqlite_error().map(|error| error.extended_code),
                Some(rusqlite::ffi::SQLITE_IOERR),
                "{error}"
            );
        }
        assert!(start.elapsed() < app.timeout * 2, "{:?}", start.elapsed());
        // Who comes later tries again.
        app.relay.heal();
        assert_eq!(request(&path), ["first"]);
    }
}
