//! Every kind of statement an application may run, one promise each.

use super::world::{Failure, World};
use crate::plan::{PlanError, TouchedRows};

/// A world with a schema and then some transactions, each compared.
fn run(setup: &str, transactions: &[&str]) -> World {
    let mut world = World::new();
    world.commit(setup);
    for sql in transactions {
        world.commit(sql);
    }
    world
}

#[test]
fn rows_arrive() {
    run(
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b, c TEXT)",
        &[
            "INSERT INTO t VALUES(1,'x','y'),(2,3,null)",
            "UPDATE t SET b=7 WHERE a=1",
            "UPDATE t SET a=a+10",
            "REPLACE INTO t VALUES(11,'z','w'),(5,5,5)",
            "INSERT INTO t VALUES(11,'u',1) ON CONFLICT(a) DO UPDATE SET c=excluded.c||c",
            "DELETE FROM t",
        ],
    );
}

#[test]
fn a_small_commit_stays_small() {
    let world = run(
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b, c TEXT, d)",
        &["INSERT INTO t VALUES(1,'x','y',1.5)", "UPDATE t SET b=7, c='z' WHERE a=1"],
    );
    assert_eq!(
        world.last.statements[0].sql.text(),
        "UPDATE \"t\" SET \"b\"=json_extract(_lfj.value,'$[1]'),\"c\"=json_extract(_lfj.value,'$[2]') \
         FROM json_each(?1) AS _lfj WHERE \"t\".\"a\"=json_extract(_lfj.value,'$[0]')"
    );
    assert_eq!(world.last.statements[0].params, ["[[1,7,\"z\"]]"]);
    assert_eq!(world.last.touched.tables["t"], TouchedRows::Rowids(vec![(1, 1)]));
    assert!(world.sent() < 300);
}

#[test]
fn savepoints_that_were_rolled_back_send_nothing() {
    let world = run(
        "CREATE TABLE t(a, b); INSERT INTO t VALUES(1,2)",
        &["SAVEPOINT s; UPDATE t SET b=9; INSERT INTO t VALUES(3,4); ROLLBACK TO s; RELEASE s"],
    );
    assert!(world.last.statements.is_empty());
}

#[test]
fn a_write_of_equal_values_sends_nothing() {
    let world = run(
        "CREATE TABLE t(a, b REAL); INSERT INTO t VALUES(1,2),(3,4); CREATE INDEX i ON t(a)",
        &["UPDATE t SET a=a, b=b+0", "DELETE FROM t WHERE a=1; INSERT INTO t(rowid,a,b) VALUES(1,1,2.0)"],
    );
    assert!(world.last.statements.is_empty() && world.last.touched.tables.is_empty());
}

#[test]
fn unique_values_may_be_swapped() {
    let setup = "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, v, w, g AS (w*2) UNIQUE, UNIQUE(v,w));
        CREATE TABLE q(a, act); CREATE UNIQUE INDEX qi ON q(a) WHERE act=1; CREATE UNIQUE INDEX qe ON q(act||'-'||a);
        INSERT INTO t(id,u,v,w) VALUES(1,'a',1,1),(2,'b',2,2),(3,'c',3,3);
        INSERT INTO q VALUES(1,0),(1,1),(2,1)";
    let mut world = run(setup, &[]);
    world.commit("UPDATE t SET u='x' WHERE id=1; UPDATE t SET u='a' WHERE id=2; UPDATE t SET u='b' WHERE id=1");
    world.commit("UPDATE t SET w=-w; UPDATE t SET w=4+w");
    world
        .commit("UPDATE q SET act=2 WHERE rowid=2; UPDATE q SET act=1 WHERE rowid=1; UPDATE q SET act=0 WHERE rowid=2");
    world.commit("UPDATE t SET id=-id; UPDATE t SET id=4+id");
}

#[test]
fn children_that_d1_would_touch_survive() {
    let setup = "CREATE TABLE p(id INTEGER PRIMARY KEY, u UNIQUE, n);
        CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE, n);
        CREATE TABLE g(id INTEGER PRIMARY KEY, c INT NOT NULL REFERENCES c(id) ON DELETE SET NULL, n);
        CREATE TABLE d(k TEXT PRIMARY KEY, u DEFAULT 'a' REFERENCES p(u) ON DELETE SET DEFAULT ON UPDATE CASCADE) WITHOUT ROWID;
        CREATE TABLE s(id INTEGER PRIMARY KEY, up REFERENCES s ON DELETE CASCADE, u UNIQUE);
        CREATE TABLE r(id INTEGER PRIMARY KEY, p REFERENCES p(u) ON DELETE RESTRICT);
        INSERT INTO p VALUES(1,'a',0),(2,'b',0),(3,'c',0); INSERT INTO c VALUES(1,1,0),(2,1,0),(3,2,0);
        INSERT INTO g VALUES(1,1,0),(2,3,0); INSERT INTO d VALUES('x','a'),('y','b'),('z','c'); INSERT INTO r VALUES(1,'a');
        INSERT INTO s VALUES(1,null,1),(2,1,2),(3,2,3),(4,4,4)";
    let mut world = run(setup, &[]);
    // A parent replaced, while the application checks no keys: nothing happens to the children.
    world.app.execute_batch("PRAGMA foreign_keys=off").unwrap();
    world.commit("DELETE FROM p WHERE id=1; INSERT INTO p VALUES(1,'a',5)");
    world.commit("DELETE FROM p WHERE id=1; INSERT INTO p VALUES(7,'a',5)");
    world.commit("REPLACE INTO p VALUES(1,'a',6); UPDATE s SET u=u+10");
    world.commit("UPDATE p SET u='x' WHERE u='a'; UPDATE p SET u='a' WHERE u='b'; UPDATE p SET u='b' WHERE u='x'");
    world.commit("DELETE FROM c WHERE id=1; UPDATE g SET n=1; UPDATE d SET u='zz' WHERE k='z'");
    world.app.execute_batch("PRAGMA foreign_keys=on").unwrap();
    world.commit("DELETE FROM g; DELETE FROM c; UPDATE d SET u='a'; DELETE FROM r");
    world.commit("UPDATE p SET u='new' WHERE u='a'");
    world.commit("DELETE FROM s WHERE id=1");
    world.commit("DELETE FROM s WHERE id=4");
    world.commit("UPDATE p SET u='a' WHERE u='new'; DELETE FROM p WHERE u<>'a'");
}

#[test]
fn cascades_are_replayed_once() {
    let setup = "CREATE TABLE p(id TEXT PRIMARY KEY); CREATE TABLE c(p REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE, n);
        CREATE TABLE n(p REFERENCES p ON DELETE SET NULL ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO p VALUES('a'),('b'),(null),(null); INSERT INTO c VALUES('a',1),('a',2),('b',3); INSERT INTO n VALUES('a'),('b')";
    run(
        setup,
        &[
            "DELETE FROM p WHERE id='a'",
            "UPDATE p SET id='z' WHERE id='b'",
            "PRAGMA defer_foreign_keys=on; INSERT INTO c VALUES('late',1); INSERT INTO p VALUES('late')",
            "DELETE FROM p WHERE id='late'; INSERT INTO p VALUES('late'); INSERT INTO c VALUES('late',9)",
            "DELETE FROM p",
        ],
    );
}

#[test]
fn every_table_has_its_identity() {
    let setup = "CREATE TABLE bare(a, b); CREATE TABLE named(rowid, _rowid_, x); CREATE TABLE pk(id TEXT PRIMARY KEY, v);
        CREATE TABLE descending(id INTEGER PRIMARY KEY DESC, v); CREATE TABLE auto(id INTEGER PRIMARY KEY AUTOINCREMENT, v);
        CREATE TABLE strict(i INT, r REAL, t TEXT, b BLOB, a ANY) STRICT; CREATE TABLE \"we\"\"ird ?1\"(\"a\"\"b\", \"?2\", [value], `_lfj`);
        CREATE TABLE gen(a, b AS (a+1) STORED, c AS (a*2), d)";
    run(
        setup,
        &[
            "INSERT INTO bare VALUES(1,2),(1,2),(null,null); INSERT INTO named VALUES(1,2,3),(9,9,9); INSERT INTO pk VALUES(null,1),(null,2),('k',3)",
            "INSERT INTO descending VALUES(null,1),(7,2); INSERT INTO auto(v) VALUES('a'),('b'); INSERT INTO strict VALUES(1,1,'x',x'00',1.0)",
            "INSERT INTO \"we\"\"ird ?1\" VALUES(1,2,3,4),(1,x'00',0.1,null); INSERT INTO gen(a,d) VALUES(1,2),('x',x'')",
            "UPDATE \"we\"\"ird ?1\" SET value=0.3, \"?2\"=value; UPDATE gen SET a=a+1; UPDATE named SET rowid=5 WHERE x=9",
            "DELETE FROM bare WHERE rowid=2; UPDATE pk SET v=v*2; DELETE FROM auto WHERE v='b'; UPDATE descending SET v=0; UPDATE strict SET a=1",
            "INSERT INTO bare(rowid,a) VALUES(-9223372036854775808,1),(9223372036854775807,2); INSERT INTO auto(id,v) VALUES(-5,1)",
            "DELETE FROM \"we\"\"ird ?1\"; DELETE FROM gen WHERE a=2; DELETE FROM named; DELETE FROM pk WHERE v=2",
        ],
    );
}

#[test]
fn tables_without_rowid_keep_their_keys() {
    let setup = "CREATE TABLE w(a TEXT COLLATE NOCASE, b BLOB, c, PRIMARY KEY(b, a)) WITHOUT ROWID;
        CREATE TABLE n(k PRIMARY KEY, v UNIQUE) WITHOUT ROWID; CREATE TABLE x(k TEXT, v, PRIMARY KEY(k COLLATE NOCASE)) WITHOUT ROWID;
        CREATE TABLE y(k TEXT COLLATE NOCASE, v, PRIMARY KEY(k COLLATE BINARY DESC)) WITHOUT ROWID;
        CREATE TABLE i(a INT, b INT, v ANY, PRIMARY KEY(a,b)) WITHOUT ROWID, STRICT;
        CREATE TABLE c(k REFERENCES n(k) ON DELETE CASCADE, v)";
    run(
        setup,
        &[
            "INSERT INTO w VALUES('a',x'00',1),('b',x'00ff',2),('c',x'',3); INSERT INTO n VALUES(0.1,1),(1,2),('1',3),(x'31',4),(CAST(x'ff' AS TEXT),5)",
            "INSERT INTO x VALUES('a',1),('b',2); INSERT INTO y VALUES('a',1),('A',2); INSERT INTO i VALUES(1,2,3),(-9223372036854775808,2,3)",
            "UPDATE w SET a='A' WHERE a='a'; UPDATE w SET c=c*0.1; UPDATE x SET k='A' WHERE k='a' COLLATE NOCASE; UPDATE y SET v=v+5",
            "UPDATE n SET v=v+0.5; UPDATE i SET v='z'; INSERT INTO c VALUES(1,1),('1',2),(0.1,3)",
            "PRAGMA defer_foreign_keys=on; UPDATE n SET v=-v; UPDATE n SET v=6.5+v; DELETE FROM n WHERE k=1; INSERT INTO n VALUES(1.0,80); UPDATE x SET v=9",
            "DELETE FROM w WHERE b=x'00'; DELETE FROM n WHERE k='1'; DELETE FROM y WHERE k='A' COLLATE BINARY; DELETE FROM i WHERE a=1; DELETE FROM x",
        ],
    );
}

#[test]
fn values_arrive_exactly() {
    let setup = "CREATE TABLE v(id INTEGER PRIMARY KEY, x, i INTEGER, r REAL, t TEXT, b BLOB, n NUMERIC)";
    let values = "(9223372036854775807),(-9223372036854775808),(9007199254740993),(1.0),(-1.0),(0.1+0.2),(9e999),(-9e999),(1e300),(5e-324),
        (2.2250738585072014e-308),(1.7976931348623157e308),(0.0),(-0.0),(1e15),(9007199254740992.0),(123456789.125),(''),(x''),('a'||char(0)||'b'),
        (CAST(x'ff00fe' AS TEXT)),(CAST(x'eda080' AS TEXT)),(x'00ff'),('é😀\u{2028}\"\\'),('1'),('1.0'),(null),(char(1,8,9,10,12,13,31,127))";
    run(
        setup,
        &[
            &format!("INSERT INTO v(x) VALUES {values}"),
            "UPDATE v SET i=x, r=x, t=x, b=x, n=x",
            "UPDATE v SET x=(SELECT x FROM v AS o WHERE o.id=29-v.id)",
            "UPDATE v SET r=r*1.1 WHERE typeof(r)='real'",
            "UPDATE v SET b=null, t=null; DELETE FROM v WHERE id%2",
        ],
    );
}

#[test]
fn large_values_travel_in_pieces() {
    let mut world = World::new();
    world.commit("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b); CREATE TABLE w(k PRIMARY KEY, a) WITHOUT ROWID");
    for staged in [false, true] {
        world.staged = staged;
        world.commit("DELETE FROM t; DELETE FROM w");
        world.commit(
            "INSERT INTO t VALUES(1,zeroblob(1999900),null),(2,randomblob(1100000),'x'),(3,null,randomblob(400000))",
        );
        world.commit(
            "INSERT INTO t VALUES(4,CAST(zeroblob(1900000) AS TEXT),1),(5,replace(hex(zeroblob(499000)),'0','é'),2)",
        );
        world.commit("INSERT INTO t VALUES(6,CAST(randomblob(1900000) AS TEXT),1),(7,CAST(randomblob(900000) AS TEXT),randomblob(900000))");
        world.commit("INSERT INTO w VALUES('k',randomblob(1500000)),('l',randomblob(10))");
        world.commit("UPDATE t SET a=b, b=a WHERE id<>4");
        world.commit("UPDATE w SET a=randomblob(1600000) WHERE k='l'");
        assert!(world.last.statements.iter().all(|s| s.params.iter().all(|p| p.len() <= 1_950_000)));
    }
    world.commit("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<40000) INSERT INTO t SELECT 100+i,'row '||i,i*0.7 FROM n");
    assert!(world.last.statements.len() > 1);
    assert_eq!(world.last.touched.tables["t"], TouchedRows::Rowids(vec![(101, 40100)]));
    let failure = world.try_commit("INSERT INTO t VALUES(8,zeroblob(2000001),1)");
    assert!(
        matches!(failure, Err(Failure::Plan(PlanError::ValueTooBig { table, column, len: 2_000_001 })) if table == "t" && column == "a")
    );
    let failure = world.try_commit("INSERT INTO t VALUES(8,zeroblob(1500000),zeroblob(1500000))");
    assert!(matches!(failure, Err(Failure::Plan(PlanError::RowTooBig { .. }))));
    world.commit("INSERT INTO t VALUES(8,1,1); CREATE TABLE odd(\"x \"\"y\")");
    let failure = world.try_commit("INSERT INTO odd VALUES(zeroblob(2000001))");
    assert!(matches!(failure, Err(Failure::Plan(PlanError::ValueTooBig { column, .. })) if column == "x \"y"));
}

#[test]
fn autoincrement_counters_follow() {
    let setup = "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, v); CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT, a REFERENCES a ON DELETE CASCADE)";
    let mut world = run(setup, &[]);
    world.commit("INSERT INTO a(v) VALUES(1),(2),(3); INSERT INTO b(a) VALUES(1),(3)");
    assert_eq!(world.last.statements.len(), 2, "D1 counts by itself");
    world.commit("DELETE FROM a WHERE id=3");
    world.commit("INSERT INTO a VALUES(100,1); DELETE FROM a WHERE id=100");
    world.commit("UPDATE sqlite_sequence SET seq=1000 WHERE name='a'");
    world.commit("INSERT INTO a(v) VALUES(9)");
    world.commit("DELETE FROM sqlite_sequence");
    world.commit("INSERT INTO a(v) VALUES(9); INSERT INTO b(a) VALUES(null)");
    world.commit("INSERT INTO sqlite_sequence VALUES('a',5),('other',6)");
    world.commit("ALTER TABLE a RENAME TO z; INSERT INTO z(v) VALUES(5)");
    world.commit("INSERT INTO b(id) VALUES(-3)");
    world.commit("DROP TABLE b; CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT, x, y)");
    world.commit("DROP TABLE b; DROP TABLE z");
}

#[test]
fn triggers_do_not_fire_again() {
    let setup = "CREATE TABLE t(id INTEGER PRIMARY KEY, v, at); CREATE TABLE log(n INTEGER PRIMARY KEY, what);
        CREATE VIEW w AS SELECT id, v FROM t;
        CREATE TRIGGER i AFTER INSERT ON t BEGIN INSERT INTO log(what) VALUES('i'||NEW.id); END;
        CREATE TRIGGER u AFTER UPDATE OF v ON t FOR EACH ROW WHEN NEW.v IS NOT OLD.v BEGIN UPDATE t SET at=random() WHERE id=NEW.id; END;
        CREATE TRIGGER t BEFORE DELETE ON t BEGIN INSERT INTO log(what) SELECT 'begin'; END;
        CREATE TRIGGER wi INSTEAD OF INSERT ON w WHEN NEW.id>0 BEGIN INSERT INTO t(id,v) VALUES(NEW.id,NEW.v); END";
    run(
        setup,
        &[
            "INSERT INTO t(v) VALUES(1),(2)",
            "UPDATE t SET v=v+1",
            "INSERT INTO w VALUES(10,10),(-1,1)",
            "DELETE FROM t WHERE id=1; REPLACE INTO t VALUES(2,5,6)",
            "DROP TRIGGER i; CREATE TRIGGER i AFTER INSERT ON t BEGIN DELETE FROM log; END; INSERT INTO t(v) VALUES(0)",
            "ALTER TABLE t RENAME COLUMN at TO \"w\"; INSERT INTO w VALUES(110,3)",
            "ALTER TABLE log RENAME TO journal; INSERT INTO t(v) VALUES(1)",
            "DROP VIEW w",
        ],
    );
}

#[test]
fn text_of_other_encodings_arrives() {
    for encoding in ["UTF-16le", "UTF-16be"] {
        let mut world = World::with(&format!("PRAGMA encoding='{encoding}'"));
        world.commit("CREATE TABLE t(k TEXT PRIMARY KEY, v) WITHOUT ROWID; CREATE TABLE u(a, b UNIQUE)");
        world.commit("INSERT INTO t VALUES('é😀',1),('a'||char(0)||'b',2); INSERT INTO u SELECT k,k FROM t");
        world.commit("UPDATE t SET v=k; UPDATE u SET b='x' WHERE a='é😀'; DELETE FROM t WHERE k='é😀'");
    }
}
