//! How old a read may be with an interval, and what that costs.

use std::time::{Duration, Instant};

use liteflare::config::{Refresh, Settings};
use rusqlite::Connection;

use crate::support::{App, Fault, clouds, open, settings, values};

/// A connection of another process than `app`'s, behind its relay.
fn reader(app: &App, interval: Duration) -> Connection {
    let refresh = Refresh::Every(interval);
    let settings = Settings { refresh, timeout: app.timeout, ..settings(&app.database.through(&app.relay)) };
    open(&app.folder.attach("reader.db", settings))
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn pause(count: u64) {
    std::thread::sleep(ms(count));
}

#[test]
fn the_first_read_after_a_pause_shows_what_others_did_meanwhile() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let (reader, writer) = (reader(&app, ms(300)), app.other("writer.db"));
        assert_eq!(values(&reader), ["first"]);
        pause(700);
        let before = app.relay.requests();
        assert_eq!(values(&reader), ["first"]);
        assert_eq!(app.relay.requests() - before, 1, "one question");
        writer.execute_batch("INSERT INTO t(v) VALUES ('second')").unwrap();
        pause(700);
        assert_eq!(values(&reader), ["first", "second"]);
        writer.execute_batch("CREATE TABLE more(x); INSERT INTO t(v) VALUES ('third')").unwrap();
        pause(700);
        // The first write too begins with a read.
        reader.execute("INSERT INTO t(v) SELECT max(v) || '!' FROM t", []).unwrap();
        assert_eq!(values(&reader), ["first", "second", "third", "third!"]);
    }
}

#[test]
fn all_who_read_after_a_pause_wait_for_one_answer() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let first = reader(&app, ms(1500));
        assert_eq!(values(&first), ["first"]);
        pause(1600);
        let path = app.folder.path("reader.db");
        let connections: Vec<Connection> = (0..8).map(|_| open(&path)).collect();
        pause(1600);
        app.relay.delay(ms(200));
        let before = app.relay.requests();
        let threads = connections.into_iter().map(|connection| std::thread::spawn(move || values(&connection).len()));
        let found: Vec<usize> = threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(found, [1; 8]);
        assert_eq!(app.relay.requests() - before, 1);
    }
}

#[test]
fn reads_in_steady_use_wait_for_nothing_and_ask_once_an_interval() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let (reader, writer) = (reader(&app, ms(500)), app.other("writer.db"));
        app.relay.delay(ms(200));
        values(&reader);
        let (start, before) = (Instant::now(), app.relay.requests());
        let (mut slowest, mut count) = (Duration::ZERO, 0);
        while start.elapsed() < ms(3000) {
            let began = Instant::now();
            assert_eq!(values(&reader), ["first"]);
            slowest = slowest.max(began.elapsed());
            count += 1;
            pause(20);
        }
        assert!(slowest < ms(150), "one of {count} reads took {slowest:?}");
        let asked = app.relay.requests() - before;
        assert!((3..=7).contains(&asked), "{asked} questions in 3 s");
        // What others do shows within the interval and the time of an answer or two (the question, and the rows).
        writer.execute_batch("INSERT INTO t(v) VALUES ('second')").unwrap();
        let start = Instant::now();
        while values(&reader).len() == 1 {
            assert!(start.elapsed() < ms(2500), "it never came");
            pause(20);
        }
        pause(1500);
        let before = app.relay.requests();
        pause(1500);
        assert_eq!(app.relay.requests(), before, "nobody reads, and nobody asks");
    }
}

#[test]
fn with_d1_away_one_read_waits_and_the_others_go_on() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let (reader, writer) = (reader(&app, ms(300)), app.other("writer.db"));
        pause(700);
        app.relay.next(1_000_000, Fault::Stall);
        let began = Instant::now();
        assert_eq!(values(&reader), ["first"]);
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        for _ in 0..20 {
            let began = Instant::now();
            assert_eq!(values(&reader), ["first"]);
            assert!(began.elapsed() < ms(200), "{:?}", began.elapsed());
            pause(40);
        }
        writer.execute_batch("INSERT INTO t(v) VALUES ('second')").unwrap();
        app.relay.heal();
        let start = Instant::now();
        while values(&reader).len() == 1 {
            assert!(start.elapsed() < Duration::from_secs(15), "it never came");
            pause(20);
        }
        // From then on a pause is waited for again.
        writer.execute_batch("INSERT INTO t(v) VALUES ('third')").unwrap();
        pause(1000);
        assert_eq!(values(&reader), ["first", "second", "third"]);
    }
}
