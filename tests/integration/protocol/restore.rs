//! D1 is set back, or its log is not what it was: a replica notices, costs its application one failed transaction at most, and
//! overwrites nothing.

use crate::support::{App, Cloud, DbRef, TestCloud, clouds, dump, open, settings, values};
use liteflare::config::{Refresh, Settings};
use liteflare::d1::Statement;
use rusqlite::Connection;

/// An application that has committed more than what D1 is then set back to: "first", "second", "third".
struct World {
    app: App,
    /// A connection with an open read transaction.
    reader: Connection,
    /// The newest commit of the state that was saved, after "second".
    saved: u64,
}

impl World {
    fn new(cloud: &TestCloud) -> World {
        let app = App::new(cloud);
        app.insert("second").unwrap();
        let saved = seq(&app.database);
        app.insert("third").unwrap();
        let reader = app.sibling();
        reader.execute_batch("BEGIN").unwrap();
        assert_eq!(values(&reader), ["first", "second", "third"]);
        World { app, reader, saved }
    }

    /// What Time Travel does: everything is as it was, the log too.
    fn set_back(&self) {
        let statements =
            ["DELETE FROM t WHERE v = 'third'", &format!("DELETE FROM _lf_commit WHERE seq > {}", self.saved)];
        self.app.database.batch(&statements.map(Statement::new)).unwrap();
    }

    /// Another process, started since.
    fn others_commit(&self, sql: &[&str]) {
        let other = self.app.other("other.db");
        for sql in sql {
            other.execute_batch(sql).unwrap();
        }
    }

    /// At most one transaction of each connection fails, and in the end all hold what D1 holds.
    fn goes_on(&self, what: &str) {
        let failed = self.app.insert("mine").err();
        assert!(failed.as_deref().is_none_or(|error| error == "database is locked"), "{what}: {failed:?}");
        if failed.is_some() {
            self.app.insert("mine").unwrap_or_else(|error| panic!("{what}, the second time: {error}"));
        }
        assert_eq!(values(&self.reader), ["first", "second", "third"], "{what}: what is open sees what it saw");
        let stale = self.reader.execute("UPDATE t SET v = v || '!'", []).unwrap_err();
        assert_eq!(stale.to_string(), "database is locked", "{what}");
        self.reader.execute_batch("ROLLBACK").unwrap();
        self.reader.execute("INSERT INTO t(v) VALUES ('reader')", []).unwrap();
    }
}

fn seq(database: &DbRef) -> u64 {
    database.rows("SELECT max(seq) FROM _lf_commit")[0][0].as_u64().unwrap()
}

#[test]
fn after_a_restore_applications_go_on_from_what_d1_holds() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        world.set_back();
        world.goes_on("set back");
        world.app.holds(&["first", "second", "mine", "reader"]);
    }
}

/// Others have counted up to the number at which this replica stands, or past it.
#[test]
fn a_stale_replica_overwrites_nothing_when_others_have_counted_on() {
    for cloud in clouds() {
        for commits in 1..=3 {
            let world = World::new(&cloud);
            world.set_back();
            let theirs = [
                "INSERT INTO t(v) VALUES ('theirs')",
                "UPDATE t SET v = 'one' WHERE id = 1",
                "UPDATE t SET v = 'two' WHERE id = 2",
            ];
            world.others_commit(&theirs[..commits]);
            assert_eq!(seq(&world.app.database), world.saved + commits as u64);
            world.goes_on(&format!("{commits} commits of others"));
            let (one, two) = (if commits > 1 { "one" } else { "first" }, if commits > 2 { "two" } else { "second" });
            world.app.holds(&[one, two, "theirs", "mine", "reader"]);
        }
    }
}

/// The restore can be undone, and the log jumps forward again.
#[test]
fn a_restore_that_is_undone_is_noticed_too() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        let log = world
            .app
            .database
            .rows("SELECT CAST(seq AS TEXT), txn, at, source, changes FROM _lf_commit ORDER BY seq DESC LIMIT 1");
        world.set_back();
        world.others_commit(&["UPDATE t SET v = 'lost with the undoing' WHERE id = 1"]);
        world.goes_on("set back");
        let row = |index: usize| log[0][index].as_str().unwrap().to_owned();
        let entry = "INSERT INTO _lf_commit SELECT CAST(?1 AS INTEGER), ?2, ?3, ?4, ?5";
        let undo = [
            Statement::new("DELETE FROM t"),
            Statement::new("INSERT INTO t VALUES (1, 'first'), (2, 'second'), (3, 'third')"),
            Statement::new(format!("DELETE FROM _lf_commit WHERE seq > {}", world.saved)),
            Statement::with(entry, (0..5).map(row)),
        ];
        world.app.database.batch(&undo).unwrap();
        assert_eq!(world.app.insert("stale").unwrap_err(), "database is locked");
        world.app.insert("fourth").unwrap();
        world.app.holds(&["first", "second", "third", "fourth"]);
    }
}

#[test]
fn a_log_that_does_not_reach_back_means_a_new_replica() {
    let ways = [
        ("emptied", "DELETE FROM _lf_commit"),
        ("emptied but for the newest", "DELETE FROM _lf_commit WHERE seq < (SELECT max(seq) FROM _lf_commit)"),
        ("another's", "UPDATE _lf_commit SET txn = 'other' || seq"),
    ];
    for cloud in clouds() {
        for (what, sql) in ways {
            for is_behind in [false, true] {
                let world = World::new(&cloud);
                if is_behind {
                    world.others_commit(&["INSERT INTO t(v) VALUES ('theirs')", "UPDATE t SET v = 'one' WHERE id = 1"]);
                }
                world.app.database.rows(sql);
                if what == "emptied but for the newest" && !is_behind {
                    continue; // it stands at the newest
                }
                world.goes_on(&format!("{what}, behind: {is_behind}"));
                let expected: &[&str] = match is_behind {
                    true => &["one", "second", "third", "theirs", "mine", "reader"],
                    false => &["first", "second", "third", "mine", "reader"],
                };
                world.app.holds(expected);
            }
        }
    }
}

/// A restore to a moment before liteflare came, or somebody who tidied up.
#[test]
fn tables_of_liteflares_that_are_gone_are_made_again() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        world.app.database.rows("DELETE FROM t WHERE v = 'third'");
        for table in ["_lf_commit", "_lf_state", "_lf_stage"] {
            world.app.database.rows(&format!("DROP TABLE {table}"));
        }
        world.goes_on("tables gone");
        world.app.holds(&["first", "second", "mine", "reader"]);
    }
}

/// Who only reads finds out as well, and no transaction fails.
#[test]
fn a_refresh_compares_positions() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        let always = Settings { refresh: Refresh::Always, ..settings(&world.app.database) };
        let reader = open(&world.app.folder.attach("always.db", always));
        let soon =
            Settings { refresh: Refresh::Every(std::time::Duration::from_millis(50)), ..settings(&world.app.database) };
        let soon = open(&world.app.folder.attach("soon.db", soon));
        assert_eq!(values(&reader), ["first", "second", "third"]);
        world.set_back();
        assert_eq!(values(&reader), ["first", "second"]);
        world.others_commit(&["INSERT INTO t(v) VALUES ('theirs')"]);
        assert_eq!(values(&reader), ["first", "second", "theirs"]);
        reader.execute("INSERT INTO t(v) VALUES ('reader')", []).unwrap();
        assert_eq!(dump(&reader), dump(&world.app.other("fresh.db")));
        let started = std::time::Instant::now();
        while values(&soon) != ["first", "second", "theirs", "reader"] {
            assert!(started.elapsed().as_secs() < 10, "it never came: {:?}", values(&soon));
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// The fence asks for the newest commit only, however long the log is.
#[test]
fn the_fence_reads_one_row_of_the_log() {
    for cloud in clouds().iter().filter(|cloud| cloud.kind == Cloud::Workerd) {
        let app = App::new(cloud);
        app.database.rows(
            "INSERT INTO _lf_commit WITH s(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM s WHERE i < 5000) SELECT i, 'x' || i, '', '', '{\"all\":true}' FROM s",
        );
        app.insert("stale").unwrap_err();
        app.relay.watch("raw");
        app.insert("second").unwrap();
        let [request] = app.relay.seen().try_into().expect("one request");
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        let fence = &body["batch"][1];
        let explained = format!("EXPLAIN QUERY PLAN {}", fence["sql"].as_str().unwrap());
        let params = fence["params"].as_array().unwrap().iter().map(|param| param.as_str().unwrap().to_owned());
        let plan = app.database.one(&Statement::with(explained, params)).unwrap().to_string();
        assert!(!plan.contains("SCAN _lf_commit"), "{plan}");
    }
}
