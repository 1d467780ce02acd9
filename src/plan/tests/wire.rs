//! The very text of batches, in `wire.txt`: what D1 is sent changes only on purpose.

use super::world::World;

const SETUP: &str = "
    CREATE TABLE t(id INTEGER PRIMARY KEY, a, b);
    CREATE TABLE bare(a, \"x \"\"y\" UNIQUE);
    CREATE TABLE w(k TEXT, l, v, PRIMARY KEY(k COLLATE NOCASE, l)) WITHOUT ROWID;
    CREATE TABLE n(id INTEGER PRIMARY KEY AUTOINCREMENT, v);
    CREATE TABLE p(id INTEGER PRIMARY KEY, u UNIQUE);
    CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE);
    CREATE INDEX ta ON t(a); CREATE VIEW v AS SELECT a FROM t;
    CREATE TRIGGER tr AFTER INSERT ON t WHEN NEW.a>9 BEGIN DELETE FROM n; END";

const TRANSACTIONS: [&str; 12] = [
    "INSERT INTO t VALUES(1,'plain',2),(2,1.0,null),(3,9e999,-5)",
    "INSERT INTO t VALUES(4,0.1,x'00ff'),(5,-1e300,null); INSERT INTO bare VALUES(x'01',1.5),('a\"b',x'')",
    "INSERT INTO bare VALUES(CAST(x'ff' AS TEXT),0.25),('é'||char(0),null)",
    "INSERT INTO w VALUES('a',1,2),('b',0.5,x'00'); INSERT INTO n(v) VALUES(1),(2); INSERT INTO p VALUES(1,1),(2,2); INSERT INTO c VALUES(1,1),(2,2)",
    "UPDATE t SET b=7 WHERE id<3; UPDATE t SET a=0.5,b=x'01' WHERE id=3; UPDATE w SET v=9; UPDATE bare SET a=1 WHERE rowid=1",
    "UPDATE p SET u=u+5; DELETE FROM t WHERE id IN (1,4); DELETE FROM w WHERE k='a'; UPDATE w SET k='B'",
    "DELETE FROM n WHERE id=2; UPDATE sqlite_sequence SET seq=7; INSERT INTO n VALUES(50,1); DELETE FROM n WHERE id=50",
    "INSERT INTO t VALUES(9,printf('%.*c',1200000,'x'),zeroblob(400000)); INSERT INTO t VALUES(10,zeroblob(1000000),null)",
    "ALTER TABLE t ADD COLUMN d DEFAULT 5; ALTER TABLE bare RENAME COLUMN a TO [z z]; DROP VIEW v; CREATE VIEW v AS SELECT 1",
    "ALTER TABLE w RENAME TO ww; DROP INDEX ta; CREATE UNIQUE INDEX ta ON t(id,d) WHERE d>0; DELETE FROM t WHERE id>8",
    "DROP TABLE p; CREATE TABLE q(a REFERENCES c, b AS (a*2)); INSERT INTO q VALUES(1); CREATE TABLE fresh(a); INSERT INTO fresh VALUES(0.1)",
    "DROP TABLE q; DROP TABLE c; CREATE TABLE c(x PRIMARY KEY) WITHOUT ROWID; INSERT INTO c VALUES('k')",
];

#[test]
fn batches_are_what_they_were() {
    let mut world = World::with("PRAGMA foreign_keys=off");
    let mut text = String::new();
    for sql in std::iter::once(SETUP).chain(TRANSACTIONS) {
        world.commit(sql);
        text += &format!("--- {sql}\n");
        for statement in world.last.statements.iter().chain(&world.last.counters) {
            text += &format!("{}\n", statement.sql);
            for param in &statement.params {
                text += &format!("    {}\n", shortened(param));
            }
        }
    }
    assert!(text == include_str!("wire.txt"), "the batches are now:\n{text}");
}

fn shortened(param: &str) -> String {
    if param.len() < 300 {
        return param.to_owned();
    }
    let end = &param[param.len() - 20..];
    format!("{}…{end} ({} bytes)", &param[..40], param.len())
}
