//! Schema changes: each kind of ALTER, rebuilds, and what they do to rows, children and triggers.

use super::world::{Failure, World};
use crate::plan::PlanError;

fn run(setup: &str, transactions: &[&str]) -> World {
    let mut world = World::new();
    world.commit(setup);
    for sql in transactions {
        world.commit(sql);
    }
    world
}

/// The first words of the last batch's schema statements.
fn ddl(world: &World) -> Vec<String> {
    let statements = world.last.statements.iter().filter(|statement| statement.params.is_empty());
    statements.map(|statement| statement.sql.text().split_whitespace().take(3).collect::<Vec<_>>().join(" ")).collect()
}

const NOTES: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT DEFAULT 5, c); CREATE INDEX ti ON t(b);
    CREATE TABLE u(x UNIQUE, t REFERENCES t(id) ON DELETE CASCADE); CREATE VIEW v AS SELECT id, a FROM t;
    CREATE TRIGGER tr AFTER UPDATE OF a ON t WHEN NEW.a<>'' BEGIN UPDATE u SET x=x+100 WHERE t=NEW.id; END;
    INSERT INTO t VALUES(1,'one',1,x'00'),(2,'two',2,0.1),(3,null,3,null); INSERT INTO u VALUES(1,1),(2,1),(3,2)";

#[test]
fn each_kind_of_alter_stays_one_alter() {
    for (sql, first) in [
        ("ALTER TABLE t RENAME TO s", "ALTER TABLE \"t\""),
        ("ALTER TABLE t ADD COLUMN d TEXT DEFAULT 'new' CHECK(d<>'')", "ALTER TABLE \"t\""),
        ("ALTER TABLE t ADD COLUMN g INT GENERATED ALWAYS AS (b*2) VIRTUAL", "ALTER TABLE \"t\""),
        ("ALTER TABLE t DROP COLUMN c", "ALTER TABLE \"t\""),
        ("ALTER TABLE t RENAME COLUMN c TO d", "ALTER TABLE \"t\""),
        ("ALTER TABLE t RENAME COLUMN c TO \"d\"", "ALTER TABLE \"t\""),
        ("ALTER TABLE u RENAME COLUMN t TO [of t]", "ALTER TABLE \"u\""),
    ] {
        let world = run(NOTES, &[sql]);
        assert!(ddl(&world).iter().any(|line| line == first), "{sql}: {:?}", ddl(&world));
        assert!(!world.last.altered.is_empty() && world.last.touched.schema, "{sql}");
        assert!(!world.last.statements.iter().any(|s| s.sql.text().starts_with("DROP TABLE")), "{sql}");
    }
}

#[test]
fn several_alters_and_rows_in_one_transaction() {
    let changes = [
        "ALTER TABLE t ADD COLUMN d DEFAULT 7; UPDATE t SET d=8 WHERE id=1; INSERT INTO t(id,a) VALUES(9,'x')",
        "ALTER TABLE t RENAME TO s; ALTER TABLE s RENAME COLUMN a TO z; ALTER TABLE s ADD COLUMN e; UPDATE s SET e=z||'!', b=null",
        "DROP VIEW v; ALTER TABLE t DROP COLUMN c; ALTER TABLE t ADD COLUMN c DEFAULT 'back'",
        "ALTER TABLE t DROP COLUMN c; ALTER TABLE t ADD COLUMN e NOT NULL DEFAULT 1; UPDATE t SET b=b+1 WHERE id>1; DELETE FROM t WHERE id=3",
        "ALTER TABLE t RENAME COLUMN b TO tmp; ALTER TABLE t RENAME COLUMN c TO b; ALTER TABLE t RENAME COLUMN tmp TO c",
        "ALTER TABLE t RENAME COLUMN b TO q; ALTER TABLE t RENAME COLUMN c TO b",
        "ALTER TABLE t RENAME COLUMN id TO key; ALTER TABLE u RENAME COLUMN t TO of_t; UPDATE u SET x=x+10",
        "ALTER TABLE u RENAME TO w; ALTER TABLE t RENAME TO u; INSERT INTO w VALUES(77,1)",
        "DROP TRIGGER tr; ALTER TABLE t RENAME TO tmp; ALTER TABLE u RENAME TO t; ALTER TABLE tmp RENAME TO u",
        "CREATE TABLE n(id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT '', c); INSERT INTO n SELECT id, coalesce(a,''), c FROM t; DROP VIEW v; DROP TABLE u; DROP TABLE t; ALTER TABLE n RENAME TO t",
        "DROP TABLE u; CREATE TABLE u(y); INSERT INTO u VALUES(1)",
        "DROP VIEW v; CREATE VIEW v AS SELECT 1 AS one; DROP INDEX ti; CREATE UNIQUE INDEX ti ON t(b DESC) WHERE b>1; UPDATE t SET b=-b; UPDATE t SET b=4+b",
    ];
    for sql in changes {
        run(NOTES, &[sql]);
    }
}

#[test]
fn a_table_rebuilt_with_keys_off_keeps_children_and_grandchildren() {
    let setup = "CREATE TABLE p(id INTEGER PRIMARY KEY, u UNIQUE); CREATE TABLE c(id INTEGER PRIMARY KEY, pid REFERENCES p ON DELETE CASCADE);
        CREATE TABLE g(cid NOT NULL REFERENCES c ON DELETE SET NULL, n); INSERT INTO p VALUES(1,1),(2,2); INSERT INTO c VALUES(1,1),(2,2); INSERT INTO g VALUES(1,1),(2,2)";
    let mut world = World::with("PRAGMA foreign_keys=off");
    world.commit(setup);
    world.commit(
        "CREATE TABLE new(id INTEGER PRIMARY KEY, u UNIQUE, extra DEFAULT 1); INSERT INTO new(id,u) SELECT id,u FROM p; DROP TABLE p; ALTER TABLE new RENAME TO p",
    );
    world.commit("DELETE FROM p WHERE id=1; INSERT INTO p VALUES(1,1,1)");
    world.commit("DROP TABLE g; CREATE TABLE g(cid, n)");
    world.commit("INSERT INTO g VALUES(1,5); CREATE TABLE x(p REFERENCES p(u)); INSERT INTO x VALUES(1),(7)");
    // The parent goes, the children stay: D1 keeps them too, and refuses to write them from then on.
    world.commit("DROP TABLE p");
    let failure = world.try_commit("INSERT INTO c VALUES(9,9)");
    assert!(
        matches!(failure, Err(Failure::Plan(PlanError::ForeignKey { table, parent, .. })) if table == "c" && parent == "p")
    );
    world.commit("DROP TABLE x; DROP TABLE c; DROP TABLE g");
}

#[test]
fn parents_and_children_may_go_together() {
    let setup = "CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(id INTEGER PRIMARY KEY, a REFERENCES a ON DELETE CASCADE);
        CREATE TABLE both(a REFERENCES a ON DELETE CASCADE, b REFERENCES b ON DELETE SET NULL);
        CREATE TABLE code(c TEXT); CREATE UNIQUE INDEX codes ON code(c); CREATE TABLE uses(c REFERENCES code(c));
        INSERT INTO a VALUES(1),(2); INSERT INTO b VALUES(1,1),(2,2); INSERT INTO both VALUES(1,1),(1,2); INSERT INTO code VALUES('x'); INSERT INTO uses VALUES('x')";
    run(setup, &["DROP TABLE both; DROP TABLE b; DROP TABLE a"]);
    run(setup, &["DELETE FROM uses; DROP INDEX codes; DROP TABLE uses", "DROP TABLE code"]);
    run(
        setup,
        &[
            "DROP TABLE both; DROP TABLE b; CREATE TABLE b(id INTEGER PRIMARY KEY, a, z); INSERT INTO b VALUES(1,1,1)",
            "CREATE TABLE m(k TEXT, n); CREATE UNIQUE INDEX mk ON m(k); CREATE TABLE mm(k REFERENCES m(k)); INSERT INTO m VALUES('a',1); INSERT INTO mm VALUES('a')",
            "DROP INDEX mk; CREATE UNIQUE INDEX mk ON m(k COLLATE BINARY)",
        ],
    );
}

#[test]
fn alters_that_depend_on_rows_are_retried_as_rebuilds() {
    let setup = "CREATE TABLE t(id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES(1,-1),(2,5)";
    let world = run(
        setup,
        &[
            "CREATE TEMP TABLE k AS SELECT * FROM t; DELETE FROM t; ALTER TABLE t ADD COLUMN n NOT NULL DEFAULT (1+1); INSERT INTO t SELECT id,a,a FROM k; DROP TABLE k",
        ],
    );
    assert!(world.last.altered.is_empty());
    run(setup, &["UPDATE t SET a=abs(a); ALTER TABLE t ADD COLUMN c CHECK(a>0)"]);
}

#[test]
fn a_trigger_that_no_longer_compiles_is_put_aside() {
    let setup = "CREATE TABLE t(a INTEGER PRIMARY KEY, b UNIQUE); CREATE TABLE audit(x, y);
        CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO audit VALUES(1,2); END; INSERT INTO t VALUES(1,1)";
    let world = run(setup, &["ALTER TABLE audit DROP COLUMN y", "UPDATE t SET b=2"]);
    assert!(world.last.statements.iter().any(|statement| statement.sql.text().starts_with("DROP TRIGGER")));
}

#[test]
fn what_d1_cannot_hold_is_named() {
    let many = |n: usize| (0..n).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",");
    let cases = [
        "CREATE TABLE _lf_x(a)".to_owned(),
        "CREATE TABLE _CF_x(a)".to_owned(),
        "CREATE TABLE json_each(a)".to_owned(),
        "CREATE VIRTUAL TABLE f USING fts5(a)".to_owned(),
        format!("CREATE TABLE big({})", many(101)),
        format!("CREATE TABLE big({})", many(100)),
        "CREATE TABLE r(rowid, OID, _rowid_)".to_owned(),
        "CREATE TABLE t(a); CREATE INDEX _lf_i ON t(a)".to_owned(),
    ];
    for sql in cases {
        let mut world = World::new();
        let failure = world.try_commit(&sql).unwrap_err();
        assert!(matches!(failure, Failure::Plan(PlanError::Unsupported { .. })), "{sql}: {failure:?}");
        world.commit("CREATE TABLE fine(a); INSERT INTO fine VALUES(1)");
    }
    let mut world = World::new();
    world.commit(&format!("CREATE TABLE big({}); INSERT INTO big(c0,c98) VALUES(1,2)", many(99)));
    world.commit(&format!("CREATE TABLE ipk(id INTEGER PRIMARY KEY, {}); INSERT INTO ipk(c0) VALUES(1.5)", many(99)));
    let set = (0..99).map(|i| format!("c{i}={i}.5")).collect::<Vec<_>>().join(",");
    world.commit(&format!("UPDATE big SET {set}; UPDATE ipk SET {set}"));
    world.commit("CREATE TABLE r(rowid INTEGER PRIMARY KEY, oid, _rowid_); INSERT INTO r VALUES(1,2,3)");
}

#[test]
fn names_may_collide_across_kinds() {
    let setup = "CREATE TABLE \"a b\"(\"select\" INTEGER PRIMARY KEY, \"x\"\"y\"); CREATE TRIGGER \"a b\" AFTER INSERT ON \"a b\" BEGIN SELECT 1; END;
        INSERT INTO \"a b\" VALUES(1,2)";
    run(
        setup,
        &[
            "ALTER TABLE \"a b\" RENAME TO \"c\"\"d\"; UPDATE \"c\"\"d\" SET \"x\"\"y\"=3",
            "ALTER TABLE \"c\"\"d\" RENAME COLUMN \"x\"\"y\" TO plain; ALTER TABLE \"c\"\"d\" ADD COLUMN \"n,o(\" TEXT DEFAULT '),('",
            "DROP TABLE \"c\"\"d\"; CREATE VIEW \"c\"\"d\" AS SELECT 1 AS x",
            "DROP VIEW \"c\"\"d\"; CREATE TABLE \"c\"\"d\"(x)",
        ],
    );
}

#[test]
fn a_function_that_only_the_application_has_is_named() {
    let mut world = World::new();
    world.commit("CREATE TABLE t(a)");
    let flags = rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC;
    world.app.create_scalar_function("mine", 1, flags, |_| Ok(1)).unwrap();
    let failure = world.try_commit("CREATE TABLE u(a CHECK(mine(a)=1))").unwrap_err();
    assert!(format!("{failure:?}").contains("mine"), "{failure:?}");
    world.commit("INSERT INTO t VALUES(1)");
}

#[test]
fn tables_that_only_the_planner_or_sqlite_needs_are_ignored() {
    run(NOTES, &["ANALYZE", "UPDATE t SET a='x'; ANALYZE; PRAGMA user_version=5"]);
}

#[test]
fn invokeais_table_rewrites_arrive_in_one_transaction_and_in_many() {
    // Migration 22: the rename rewrites the child's key to "models_old", which is then dropped; migration 32 makes it whole again.
    let setup = "--sql
        CREATE TABLE models(id TEXT PRIMARY KEY, hash TEXT, config TEXT NOT NULL, name TEXT GENERATED ALWAYS AS (json_extract(config,'$.name')) VIRTUAL NOT NULL);
        CREATE TABLE model_relationships(a TEXT REFERENCES models(id) ON DELETE CASCADE, b TEXT REFERENCES models(id) ON DELETE CASCADE, PRIMARY KEY(a,b));
        CREATE UNIQUE INDEX mn ON models(name); CREATE TRIGGER models AFTER UPDATE ON models FOR EACH ROW BEGIN UPDATE models SET hash='t' WHERE id=old.id; END;
        CREATE TABLE client_state(id INTEGER PRIMARY KEY CHECK(id=1), value TEXT); INSERT INTO client_state VALUES(1,'{}');
        INSERT INTO models(id,config) VALUES('m','{\"name\":\"x\"}'),('n','{\"name\":\"y\"}')";
    let migration = [
        "DROP INDEX mn",
        "DROP TRIGGER models",
        "ALTER TABLE models RENAME TO models_old",
        "CREATE TABLE models(id TEXT NOT NULL PRIMARY KEY, hash TEXT, config TEXT NOT NULL, name TEXT GENERATED ALWAYS AS (json_extract(config,'$.name')) VIRTUAL NOT NULL, size INTEGER)",
        "INSERT INTO models(id,hash,config) SELECT id,hash,config FROM models_old",
        "DROP TABLE models_old",
        "CREATE TRIGGER models AFTER UPDATE ON models FOR EACH ROW BEGIN UPDATE models SET hash='t' WHERE id=old.id; END",
        "ALTER TABLE model_relationships RENAME TO r_old",
        "CREATE TABLE model_relationships(a TEXT REFERENCES models(id) ON DELETE CASCADE, b TEXT REFERENCES models(id), PRIMARY KEY(a,b))",
        "INSERT INTO model_relationships SELECT * FROM r_old",
        "DROP TABLE r_old",
        "INSERT INTO model_relationships VALUES('m','n')",
        "ALTER TABLE client_state ADD COLUMN key TEXT",
        "UPDATE client_state SET value='x', key='k'",
        "DELETE FROM model_relationships",
        "DELETE FROM models WHERE id='m'",
    ];
    for merged in 1..=migration.len() {
        let steps: Vec<String> = migration.chunks(merged).map(|chunk| chunk.join(";")).collect();
        run(setup, &steps.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
