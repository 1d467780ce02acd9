//! A schema that is changed past liteflare.

use super::{World, fails_once};
use crate::support::{clouds, dump, open};

const SETUP: &str = "
    CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT, w INTEGER DEFAULT 1);
    CREATE INDEX a_v ON a(v);
    CREATE TABLE b(id INTEGER PRIMARY KEY, v TEXT, w INTEGER DEFAULT 1);
    CREATE TABLE log(x);
    INSERT INTO a(v) VALUES ('a1'), ('a2'), ('a3');
    INSERT INTO b(v) VALUES ('b1');";

/// What somebody does, and the table that has the application's columns afterwards.
const CHANGES: [(&[&str], &str); 14] = [
    (&["CREATE TABLE fresh(x); "], "a"),
    (&["CREATE TABLE fresh(x INTEGER PRIMARY KEY, y UNIQUE)", "INSERT INTO fresh VALUES (1, 2)"], "a"),
    (&["ALTER TABLE a ADD COLUMN z DEFAULT 9"], "a"),
    (&["ALTER TABLE a RENAME COLUMN w TO z"], "a"),
    (&["ALTER TABLE b DROP COLUMN w"], "a"),
    (&["ALTER TABLE a RENAME TO c"], "c"),
    (&["ALTER TABLE a RENAME TO c", "ALTER TABLE b RENAME TO a", "ALTER TABLE c RENAME TO b"], "a"),
    (&["DROP TABLE b"], "a"),
    // The same text with other rows, and no trigger that would note it.
    (
        &[
            "DROP TABLE a",
            "CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT, w INTEGER DEFAULT 1)",
            "CREATE INDEX a_v ON a(v)",
        ],
        "a",
    ),
    (&["DROP TABLE b", "CREATE TABLE b(id INTEGER PRIMARY KEY, v TEXT, w INTEGER DEFAULT 2)"], "a"),
    (&["DROP INDEX a_v", "CREATE UNIQUE INDEX a_v ON a(v)"], "a"),
    (&["CREATE TRIGGER theirs AFTER INSERT ON a WHEN NEW.v <> 'no' BEGIN INSERT INTO log VALUES (NEW.v); END"], "a"),
    (&["CREATE VIEW seen AS SELECT v FROM a"], "a"),
    (&["DROP TRIGGER _lf_cdc_a_u", "DROP TRIGGER _lf_cdc_a_i", "UPDATE a SET v = 'unnoticed' WHERE id = 2"], "a"),
];

#[test]
fn a_changed_schema_is_adopted() {
    for cloud in clouds() {
        for (change, table) in CHANGES {
            let world = World::new(&cloud, SETUP);
            let reads =
                ["SELECT * FROM a", "SELECT v FROM a WHERE v = 'a1'", "SELECT name FROM sqlite_schema ORDER BY name"];
            let mut prepared: Vec<_> = reads.iter().map(|sql| world.other.prepare(sql).unwrap()).collect();
            for statement in &mut prepared {
                statement.query([]).unwrap().next().unwrap();
            }
            world.edit(change);
            for statement in &mut prepared {
                // Compiled anew; what is gone is gone.
                let _ = statement.query([]).map(|mut rows| rows.next().map(|_| ()));
            }
            drop(prepared);
            let fresh = dump(&open(&world.fresh()));
            assert_eq!(dump(&world.other), fresh, "{change:?}");
            // Changes to the new schema are noted.
            world.edit(&[
                &format!("UPDATE {table} SET v = 'edited' WHERE id = 1"),
                &format!("INSERT INTO {table}(v) VALUES ('more')"),
            ]);
            assert_eq!(dump(&world.other), dump(&open(&world.fresh())), "{change:?}, edited");
            world.is_one(&format!("{change:?}"));
        }
    }
}

/// Nobody has read since: the commit itself finds out, is refused, and does not happen to another schema than it was made for.
#[test]
fn a_commit_is_not_applied_over_a_schema_it_has_not_seen() {
    for cloud in clouds() {
        for (change, _) in CHANGES {
            let world = World::new(&cloud, SETUP);
            world.edit(change);
            let before = world.on_d1("SELECT count(*), sum(id) FROM t");
            let error = world.app.insert("mine").unwrap_err();
            assert_eq!(error, "database is locked", "{change:?}");
            assert_eq!(world.on_d1("SELECT count(*), sum(id) FROM t"), before, "{change:?}");
            world.app.insert("mine").unwrap_or_else(|error| panic!("{change:?}: {error}"));
            world.is_one(&format!("{change:?}"));
        }
    }
}

/// A trigger that somebody has made fires at edits, and when the application fires it; never when liteflare repeats that.
#[test]
fn a_trigger_that_was_made_past_liteflare_fires_once() {
    for cloud in clouds() {
        let world = World::new(&cloud, SETUP);
        let (trigger, _) = CHANGES[11];
        world.edit(trigger);
        fails_once(&world.app.connection, "INSERT INTO a(v) VALUES ('mine')");
        assert_eq!(world.on_d1("SELECT x FROM log"), r#"[["mine"]]"#);
        world.edit(&["INSERT INTO a(v) VALUES ('theirs')", "INSERT INTO a(v) VALUES ('no')"]);
        assert_eq!(world.on_d1("SELECT x FROM log"), r#"[["mine"],["theirs"]]"#);
        let text: String = world.one("SELECT sql FROM sqlite_schema WHERE name = 'theirs'");
        assert_eq!(text, trigger[0], "the application sees it as it was written");
        world.is_one("a trigger");
    }
}

/// Several processes find it at once; one looks after it, and all go on.
#[test]
fn many_find_a_changed_schema_at_once() {
    for cloud in clouds() {
        let world = World::new(&cloud, SETUP);
        let others: Vec<_> = (0..4).map(|n| world.app.other_path(&format!("many{n}.db"))).collect();
        let connections: Vec<_> = others.iter().map(|path| open(path)).collect();
        world.edit(&[
            "ALTER TABLE a ADD COLUMN z",
            "CREATE TRIGGER theirs AFTER INSERT ON b BEGIN INSERT INTO log VALUES (1); END",
        ]);
        std::thread::scope(|scope| {
            for (n, connection) in connections.into_iter().enumerate() {
                scope.spawn(move || {
                    let insert = format!("INSERT INTO a(v, w) VALUES ('from', {n})");
                    let done = (0..50).any(|_| connection.execute(&insert, []).is_ok());
                    assert!(done, "process {n} never got through");
                });
            }
        });
        assert_eq!(world.on_d1("SELECT w FROM a WHERE v = 'from' ORDER BY w"), "[[0],[1],[2],[3]]");
        world.is_one("many");
    }
}
