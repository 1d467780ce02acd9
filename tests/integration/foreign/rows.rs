//! Rows that are changed past liteflare.

use std::time::{Duration, Instant};

use liteflare::config::{Refresh, Settings};
use liteflare::serve::replicas;

use super::{World, fails_once};
use crate::support::{App, Cloud, clouds, dump, open, settings, values};

#[test]
fn an_edited_value_is_not_overwritten() {
    for cloud in clouds() {
        let world =
            World::new(&cloud, "CREATE TABLE n(id INTEGER PRIMARY KEY, n); INSERT INTO n VALUES (1, 1), (2, 1)");
        let mut increment = world.app.connection.prepare("UPDATE n SET n = n + 1 WHERE id = 1").unwrap();
        increment.execute([]).unwrap();
        world.edit(&["UPDATE n SET n = 50 WHERE id = 1"]);
        assert_eq!(increment.execute([]).unwrap_err().to_string(), "database is locked");
        assert_eq!(increment.execute([]).unwrap(), 1);
        drop(increment);
        assert_eq!(world.on_d1("SELECT n FROM n ORDER BY id"), "[[51],[1]]");
        world.is_one("an edited value");
    }
}

#[test]
fn a_deleted_row_stays_deleted() {
    for cloud in clouds() {
        let world = World::new(&cloud, "INSERT INTO t(v) VALUES ('second')");
        world.edit(&["DELETE FROM t WHERE v = 'first'"]);
        assert_eq!(fails_once(&world.app.connection, "UPDATE t SET v = 'mine' WHERE id = 1"), 0);
        assert_eq!(world.on_d1("SELECT id, v FROM t"), r#"[[2,"second"]]"#);
        world.is_one("a deleted row");
    }
}

#[test]
fn a_rowid_that_is_taken_on_d1_costs_one_insert() {
    for cloud in clouds() {
        let world = World::new(&cloud, "");
        world.edit(&["INSERT INTO t(v) VALUES ('theirs')"]);
        fails_once(&world.app.connection, "INSERT INTO t(v) VALUES ('mine')");
        world.app.insert("and on").unwrap();
        world.is_one("a rowid");
        world.app.holds(&["first", "theirs", "mine", "and on"]);
    }
}

#[test]
fn readers_see_an_edit_within_the_interval_and_open_transactions_do_not() {
    for cloud in clouds() {
        let world = World::new(&cloud, "");
        let soon = Settings { refresh: Refresh::Every(Duration::from_millis(300)), ..settings(&world.app.database) };
        let soon = open(&world.app.folder.attach("soon.db", soon));
        assert_eq!(values(&soon), ["first"]);
        world.edit(&["UPDATE t SET v = 'edited'"]);
        let started = Instant::now();
        while values(&soon) != ["edited"] {
            assert!(started.elapsed() < Duration::from_secs(10), "it never came: {:?}", values(&soon));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(values(&world.reader), ["first"]);
        assert_eq!(values(&world.other), ["edited"]);
    }
}

const SETUP: &str = "
    CREATE TABLE p(id INTEGER PRIMARY KEY, u TEXT UNIQUE, w, g AS (w*2));
    CREATE UNIQUE INDEX pg ON p(g);
    CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE n(id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE SET NULL ON UPDATE SET NULL);
    CREATE TABLE auto(id INTEGER PRIMARY KEY AUTOINCREMENT, x);
    CREATE TABLE bare(x);
    CREATE TABLE named(rowid, \"_rowid_\", x UNIQUE);
    CREATE TABLE \"odd; \"\"name\"\" END\"(\"k;'\"\"\" TEXT PRIMARY KEY, x);
    CREATE TABLE k(a, b TEXT COLLATE NOCASE, x UNIQUE, PRIMARY KEY (a, b)) WITHOUT ROWID;
    CREATE TABLE log(x);
    CREATE TABLE mail(id INTEGER PRIMARY KEY, e TEXT);
    CREATE UNIQUE INDEX mail_e ON mail(lower(e)) WHERE e <> '';
    CREATE TRIGGER c_gone AFTER DELETE ON c BEGIN INSERT INTO log VALUES ('gone ' || OLD.id); END;
    CREATE TRIGGER bare_in AFTER INSERT ON bare WHEN NEW.x > 1 BEGIN UPDATE auto SET x = x + NEW.x; END;
    INSERT INTO p(id, u, w) VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4);
    INSERT INTO c VALUES (1, 1), (2, 1), (3, 2);
    INSERT INTO n VALUES (1, 1), (2, 2);
    INSERT INTO auto(x) VALUES (1), (2);
    INSERT INTO bare VALUES (1);
    INSERT INTO named VALUES (7, 8, 9);
    INSERT INTO \"odd; \"\"name\"\" END\" VALUES ('k', 1);
    INSERT INTO k VALUES (1, 'x', 1), (2, 'y', 2), (x'00ff', 'blob', 3);
    INSERT INTO mail VALUES (1, 'A@x'), (2, 'b@x');";

/// What a dashboard, a Worker or `wrangler` does.
const EDITS: [&[&str]; 22] = [
    &["DELETE FROM p WHERE id = 1"],
    &["UPDATE p SET id = 20 WHERE id = 2"],
    &["REPLACE INTO p(id, u, w) VALUES (30, 'c', 30)", "UPDATE p SET u = 'other' WHERE id = 30"],
    &["REPLACE INTO p(id, u, w) VALUES (31, 'x', 4)", "DELETE FROM p WHERE id = 31"],
    &["UPDATE OR REPLACE p SET u = 'd' WHERE id = 30"],
    &[
        "INSERT INTO p(id, u, w) VALUES (40, 'k', 40) ON CONFLICT DO NOTHING",
        "INSERT INTO p(id, u, w) VALUES (41, 'k', 41) ON CONFLICT(u) DO UPDATE SET w = 42",
    ],
    &["INSERT INTO auto(x) VALUES (9)", "DELETE FROM auto WHERE x = 9"],
    &["INSERT INTO bare VALUES (5)"],
    &["UPDATE bare SET _rowid_ = 100 + _rowid_"],
    &["REPLACE INTO named VALUES (1, 2, 9)", "UPDATE named SET x = 10"],
    &["UPDATE \"odd; \"\"name\"\" END\" SET x = 2", "INSERT INTO \"odd; \"\"name\"\" END\" VALUES ('''\"', 'y')"],
    &["UPDATE k SET b = 'X' WHERE a = 1"],
    &["UPDATE k SET a = 'text' WHERE a = 2"],
    &["REPLACE INTO k VALUES (5, 'new', 1)", "UPDATE k SET x = 50 WHERE a = 5"],
    &["DELETE FROM k WHERE a = x'00ff'"],
    &["INSERT INTO k VALUES (1.5, 'real', 6)"],
    &["INSERT INTO k VALUES (CAST(x'ff00' AS TEXT), CAST(x'fe' AS TEXT), 7)"],
    &["REPLACE INTO mail VALUES (3, 'a@X')", "UPDATE mail SET e = 'new' WHERE id = 3"],
    &["WITH s(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM s WHERE i < 2000) INSERT INTO auto SELECT i, i FROM s"],
    &["DELETE FROM auto WHERE id % 2"],
    &["DELETE FROM bare", "DELETE FROM log"],
    &["WITH s(i) AS (SELECT 5000 UNION ALL SELECT i + 1 FROM s WHERE i < 16000) INSERT INTO auto SELECT i, i FROM s"],
];

#[test]
fn every_kind_of_edit_arrives() {
    for cloud in clouds() {
        let world = World::new(&cloud, SETUP);
        for edit in EDITS {
            world.edit(edit);
            let fresh = dump(&open(&world.fresh()));
            let log = world.on_d1("SELECT seq, source, changes FROM _lf_commit ORDER BY seq DESC LIMIT 5");
            assert_eq!(dump(&world.other), fresh, "{edit:?}: {log}");
        }
        assert!(world.on_d1("SELECT x FROM log").contains("[]"), "it was emptied last");
        world.is_one("all edits");
    }
}

/// Edits and transactions alternate: whoever is behind fails once at most.
#[test]
fn edits_between_transactions_cost_one_failure_each() {
    for cloud in clouds() {
        let world = World::new(&cloud, SETUP);
        for (round, edit) in EDITS.iter().enumerate() {
            world.edit(edit);
            fails_once(&world.app.connection, &format!("INSERT INTO t(v) VALUES ('{round}')"));
            world.app.insert("and on").unwrap();
        }
        world.is_one("all edits");
    }
}

/// What the application does to its schema takes the triggers along that note edits.
const SCHEMA_CHANGES: [(&str, &str); 9] = [
    ("ALTER TABLE t RENAME TO u", "u"),
    ("ALTER TABLE u RENAME COLUMN id TO t_id; ALTER TABLE u RENAME TO t", "t"),
    ("ALTER TABLE t RENAME COLUMN t_id TO id", "t"),
    ("ALTER TABLE t ADD COLUMN w DEFAULT 5; CREATE UNIQUE INDEX t_w ON t(w, id)", "t"),
    ("DROP INDEX t_w; ALTER TABLE t DROP COLUMN w", "t"),
    ("DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)", "t"),
    (
        "CREATE TABLE x(id INTEGER PRIMARY KEY, v); ALTER TABLE t RENAME TO y; ALTER TABLE x RENAME TO t; ALTER TABLE y RENAME TO x",
        "t",
    ),
    (
        "CREATE TABLE z(id INTEGER PRIMARY KEY, v UNIQUE, rowid, oid); INSERT INTO z(id, v) SELECT id, v FROM t; DROP TABLE t; ALTER TABLE z RENAME TO t",
        "t",
    ),
    ("DROP TABLE t; CREATE TABLE t(v UNIQUE, _rowid_)", "t"),
];

#[test]
fn edits_are_seen_after_every_change_of_the_schema() {
    for cloud in clouds() {
        let world = World::new(&cloud, "");
        for (change, table) in SCHEMA_CHANGES {
            world.app.connection.execute_batch(&format!("BEGIN; {change}; COMMIT")).unwrap();
            world.app.connection.execute_batch(&format!("INSERT INTO {table}(v) VALUES ('mine')")).unwrap();
            world.edit(&[
                &format!("INSERT INTO {table}(v) VALUES ('theirs')"),
                &format!("UPDATE {table} SET v = v || '!' WHERE v = 'theirs'"),
            ]);
            let fresh = dump(&open(&world.fresh()));
            assert!(fresh.iter().any(|line| line.contains("theirs!")), "{fresh:?}");
            assert_eq!(dump(&world.other), fresh, "{change}");
            fails_once(&world.app.connection, &format!("INSERT INTO {table}(v) VALUES ('again')"));
            world.edit(&[&format!("DELETE FROM {table}")]);
            fails_once(&world.app.connection, &format!("INSERT INTO {table}(v) VALUES ('once more')"));
            world.app.connection.execute_batch(&format!("DELETE FROM {table}")).unwrap();
            let names = world.on_d1("SELECT count(*), count(DISTINCT tbl_name) FROM sqlite_schema WHERE name LIKE '\\_lf\\_cdc\\_%' ESCAPE '\\'");
            assert!(["[[3,1]]", "[[5,1]]", "[[6,2]]", "[[8,2]]"].contains(&&*names), "{change}: {names}");
        }
    }
}

/// The triggers are nothing that an application, or somebody who compares, has to do with.
#[test]
fn the_triggers_are_not_the_applications() {
    for cloud in clouds() {
        let world = World::new(&cloud, SETUP);
        let names: i64 = world.one("SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_lf%' ESCAPE '\\'");
        assert_eq!(names, 0);
        let triggers: i64 = world.one("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'");
        assert_eq!(triggers, 2);
    }
}

/// A commit writes two rows besides its own: 0.1.0 wrote two, and four where there are triggers.
#[test]
fn what_a_commit_writes_is_counted() {
    for cloud in clouds().iter().filter(|cloud| cloud.kind == Cloud::Workerd) {
        let app = App::new(cloud);
        let replica = replicas::of(&app.folder.path("app.db")).expect("it is open");
        let written = |sql: &str| {
            let before = replica.metrics().rows_written.get();
            app.connection.execute_batch(sql).unwrap();
            replica.metrics().rows_written.get() - before
        };
        assert_eq!(written("INSERT INTO t(v) VALUES ('second')"), 3);
        assert_eq!(written("UPDATE t SET v = 'third'"), 4, "two rows");
        app.connection
            .execute_batch("CREATE TABLE l(x); CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO l VALUES (1); END")
            .unwrap();
        assert_eq!(written("INSERT INTO t(v) VALUES ('second')"), 4, "two rows, one of them the trigger's");
    }
}
