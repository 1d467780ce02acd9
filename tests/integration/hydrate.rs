//! A replica from nothing: whatever D1 holds, by whomever it was made, while others go on writing, in requests of bounded size.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{DbRef, Relay, clouds};
use crate::support::{Folder, dump, open, settings};
use liteflare::d1::{Client, Statement};
use liteflare::image::{Image, Seq};
use liteflare::metrics::Metrics;
use liteflare::replica::hydrate::{Bounds, hydrate};
use liteflare::vfs::scratch::Scratch;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::Connection;

/// A new replica's image, read by the SQLite inside liteflare.
struct Fresh {
    seq: Seq,
    connection: Connection,
    metrics: Arc<Metrics>,
    _scratch: Scratch,
}

fn fresh(database: &DbRef, bounds: &Bounds) -> Fresh {
    let metrics = Arc::new(Metrics::default());
    let client = Client::connect(&settings(database), metrics.clone()).unwrap();
    let image = hydrate(&client, bounds).unwrap_or_else(|error| panic!("{error}"));
    let scratch = Scratch::new(Image::default());
    scratch.show(&image);
    let connection = scratch.reader().unwrap();
    Fresh { seq: image.position.seq, connection, metrics, _scratch: scratch }
}

const SMALL: Bounds = Bounds { bytes: 700, rows: 7, tables: 2 };

/// What an application, a dashboard or a Worker may have made with plain D1 statements, before liteflare was there.
const MADE_ELSEWHERE: &[&str] = &[
    "CREATE TABLE p(id INTEGER PRIMARY KEY AUTOINCREMENT, u TEXT UNIQUE COLLATE NOCASE, n REAL DEFAULT 1.5)",
    "CREATE TABLE c(id INTEGER PRIMARY KEY, pid REFERENCES p ON DELETE CASCADE, x, g AS (x || '!') STORED, v AS (id * 2))",
    "CREATE TABLE w(k TEXT, l INTEGER, v BLOB, PRIMARY KEY (k DESC, l)) WITHOUT ROWID",
    "CREATE TABLE s(a INT, b TEXT, c ANY) STRICT",
    "CREATE TABLE \"odd \"\"name\"(\"a b\", \"select\")",
    "CREATE TABLE empty(x)",
    "CREATE TABLE audit(what)",
    "CREATE INDEX c_x ON c(x) WHERE x > 1",
    "CREATE UNIQUE INDEX s_e ON s(lower(b))",
    "CREATE VIEW both AS SELECT p.u, c.x FROM p JOIN c ON c.pid = p.id",
    "CREATE TRIGGER t_p AFTER INSERT ON p BEGIN INSERT INTO audit VALUES ('p' || NEW.u); END",
    "CREATE TRIGGER t_c BEFORE DELETE ON c WHEN OLD.x > 1 BEGIN INSERT INTO audit VALUES ('c' || OLD.x); END",
    "CREATE TRIGGER t_v INSTEAD OF INSERT ON both BEGIN INSERT INTO p(u) VALUES (NEW.u); END",
    "INSERT INTO p(id, u, n) VALUES (5, 'five', 5), (6, 'Ümlaut', 0.1 + 0.2), (9, NULL, 1e300)",
    "INSERT INTO p(u) VALUES ('gone')",
    "DELETE FROM p WHERE u = 'gone'",
    "INSERT INTO c(pid, x) VALUES (5, 1), (5, 2), (6, x'00ff'), (NULL, 'text'), (9, 9223372036854775807)",
    "INSERT INTO w VALUES ('a', 1, x''), ('a', -9223372036854775808, NULL), ('b', 2, x'00')",
    "INSERT INTO s VALUES (1, 'A', 1.0), (NULL, 'b', 'x' || char(0) || 'y'), (3, NULL, CAST(x'ff' AS TEXT))",
    "INSERT INTO \"odd \"\"name\" VALUES (-1, 9e999), (-9e999, '')",
    "INSERT INTO both(u) VALUES ('by the view')",
];

#[test]
fn a_database_made_elsewhere_is_adopted() {
    for cloud in clouds() {
        let database = cloud.create_database();
        let plain = Connection::open_in_memory().unwrap();
        plain.execute_batch("PRAGMA foreign_keys = ON").unwrap();
        for sql in MADE_ELSEWHERE {
            database.one(&Statement::new(*sql)).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            plain.execute_batch(sql).unwrap();
        }
        for bounds in [SMALL, Bounds::default()] {
            assert_eq!(dump(&fresh(&database, &bounds).connection), dump(&plain));
        }

        // Both go on: the application's triggers fire once, in the application.
        let folder = Folder::new();
        let app = open(&folder.attach("app.db", settings(&database)));
        for sql in
            ["INSERT INTO p(u) VALUES ('next')", "DELETE FROM p WHERE id = 5", "INSERT INTO both(u) VALUES ('v')"]
        {
            app.execute_batch(sql).unwrap();
            plain.execute_batch(sql).unwrap();
        }
        assert_eq!(dump(&app), dump(&plain));
        assert_eq!(dump(&fresh(&database, &Bounds::default()).connection), dump(&plain));
        // And on D1 for those who still write there.
        database.rows("INSERT INTO p(u) VALUES ('dashboard')");
        plain.execute_batch("INSERT INTO p(u) VALUES ('dashboard')").unwrap();
        assert_eq!(dump(&fresh(&database, &SMALL).connection), dump(&plain));
    }
}

#[test]
fn liteflares_own_tables_are_invisible_and_its_seq_survives() {
    for cloud in clouds() {
        let (folder, database) = (Folder::new(), cloud.create_database());
        let app = open(&folder.attach("app.db", settings(&database)));
        for n in 0..5 {
            app.execute_batch(&format!("CREATE TABLE t{n}(x); INSERT INTO t{n} VALUES ({n})")).unwrap();
        }
        let again = fresh(&database, &SMALL);
        assert_eq!(again.seq, Seq(10));
        let names: String = again
            .connection
            .query_row("SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema ORDER BY name)", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(names, "t0,t1,t2,t3,t4");
        // The log may be emptied by hand: the next seq is then unknown, but nothing is overwritten.
        database.rows("DELETE FROM _lf_commit WHERE seq < 10");
        assert_eq!(fresh(&database, &SMALL).seq, Seq(10));
    }
}

#[test]
fn a_large_table_comes_in_pages_of_bounded_size() {
    const ROWS: i64 = 100_000;
    for cloud in clouds() {
        let database = cloud.create_database();
        database.rows("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, body, n REAL)");
        database.rows(&format!(
            "INSERT INTO t WITH s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {ROWS}) \
             SELECT i * 3, printf('row %06d', i), iif(i % 1000, NULL, zeroblob(i)), i / 7.0 FROM s"
        ));
        let bounds = Bounds { bytes: 500_000, rows: 9_000, tables: 20 };
        let replica = fresh(&database, &bounds);
        let sums = "SELECT count(*), sum(id), count(DISTINCT name), sum(length(body)), sum(n) FROM t";
        let expected: (i64, i64, i64, i64) = (ROWS, 3 * ROWS * (ROWS + 1) / 2, ROWS, 1000 * 100 * 101 / 2);
        let found =
            replica.connection.query_row(sums, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
        assert_eq!(found, Ok(expected));
        let (requests, bytes) = (replica.metrics.d1_requests.get(), replica.metrics.d1_bytes_received.get());
        println!("{:?}: {requests} requests, {bytes} bytes", cloud.kind);
        // 6.9 MB of values, 5 MB of them blobs, in pages of 9,000 rows or half a megabyte.
        assert!((15..=40).contains(&requests), "{requests}");
        // Hex doubles the blobs, JSON adds to the rest.
        assert!(bytes / requests < 3 * bounds.bytes as u64, "{bytes} bytes in {requests} requests");
    }
}

const LEDGER: &str = "
    CREATE TABLE account(id INTEGER PRIMARY KEY, name TEXT UNIQUE, balance INTEGER);
    CREATE TABLE entry(account, no, amount, note TEXT, PRIMARY KEY (account, no)) WITHOUT ROWID;
    CREATE TABLE one(id INTEGER PRIMARY KEY, accounts, entries);
    CREATE TABLE large(id INTEGER PRIMARY KEY, big, length);
    WITH s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 60) INSERT INTO account SELECT i, 'n' || i, 100 FROM s;
    INSERT INTO one VALUES (1, 60, 0); INSERT INTO large VALUES (1, zeroblob(10), 10);";

/// What holds after each commit, whatever `commit_something` does.
fn check_ledger(connection: &Connection) {
    let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(one("SELECT sum(balance) FROM account"), 6000, "money moves, it does not appear");
    assert_eq!(one("SELECT accounts - (SELECT count(*) FROM account) FROM one"), 0);
    assert_eq!(one("SELECT entries - (SELECT count(*) FROM entry) FROM one"), 0);
    assert_eq!(one("SELECT count(DISTINCT name) - count(*) FROM account"), 0);
    assert_eq!(one("SELECT length(big) - length FROM large"), 0);
    let wrong = "SELECT count(*) FROM account WHERE balance <> 100 + coalesce((SELECT sum(amount) FROM entry WHERE account = id), 0)";
    assert_eq!(one(wrong), 0, "each balance is the sum of its entries");
    let integrity: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
}

/// A transfer, names that change places, an account that goes and comes back at the other end, or a large value.
fn commit_something(app: &Connection, dice: &mut StdRng, no: usize) {
    let (a, b) = (dice.random_range(1..=60), dice.random_range(1..=60));
    let sql = match dice.random_range(0..4) {
        0 => format!(
            "INSERT INTO entry SELECT id, {no}, -7, printf('%.*c', {no} % 90, 'x') FROM account WHERE id = {a}; \
             INSERT INTO entry SELECT id, -{no}, 7, NULL FROM account WHERE (SELECT changes()) AND id <> {a} ORDER BY abs(id - {b}) LIMIT 1; \
             UPDATE account SET balance = 100 + coalesce((SELECT sum(amount) FROM entry WHERE account = id), 0); \
             UPDATE one SET entries = (SELECT count(*) FROM entry);"
        ),
        1 => format!(
            "UPDATE account SET name = 'moving' WHERE id = {a}; \
             UPDATE OR IGNORE account SET name = 'n' || {a} WHERE id = {b} AND name = 'n' || {b}; \
             UPDATE account SET name = CASE WHEN NOT EXISTS (SELECT 1 FROM account WHERE name = 'n' || {b}) THEN 'n' || {b} ELSE 'm{no}' END WHERE name = 'moving';"
        ),
        2 => format!(
            "UPDATE entry SET account = account + 1000 WHERE account = {a}; UPDATE account SET id = id + 1000 WHERE id = {a}; \
             UPDATE entry SET account = account - 1000 WHERE account > 1000 AND account <> {a} + 1000; \
             UPDATE account SET id = id - 1000 WHERE id > 1000 AND id <> {a} + 1000;"
        ),
        _ if no.is_multiple_of(10) => {
            format!("UPDATE large SET big = zeroblob(950000 + {no}), length = 950000 + {no};")
        }
        _ => format!(
            "DELETE FROM entry WHERE no IN ({no} / 2, -{no} / 2); \
             UPDATE account SET balance = 100 + coalesce((SELECT sum(amount) FROM entry WHERE account = id), 0); \
             UPDATE one SET entries = (SELECT count(*) FROM entry);"
        ),
    };
    app.execute_batch(&format!("BEGIN; {sql} COMMIT")).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The writer is next to D1, the new replicas are 20 ms away and read seven rows at a time: each reads across many commits, and is
/// outrun by the writer when it wants to catch up.
#[test]
fn a_replica_built_while_others_write_is_one_state_of_the_database() {
    for cloud in clouds() {
        let (folder, database) = (Folder::new(), cloud.create_database());
        let app = open(&folder.attach("app.db", settings(&database)));
        app.execute_batch(&format!("BEGIN; {LEDGER} COMMIT")).unwrap();
        check_ledger(&app);
        let stop = Arc::new(AtomicBool::new(false));
        let writer = std::thread::spawn({
            let stop = stop.clone();
            move || {
                let mut dice = StdRng::seed_from_u64(7);
                let mut commits = 0;
                while !stop.load(Ordering::Relaxed) {
                    commits += 1;
                    commit_something(&app, &mut dice, commits);
                    check_ledger(&app);
                }
                (app, commits)
            }
        });
        let relay = Relay::new(&database.api);
        relay.delay(Duration::from_millis(20));
        let slow = database.through(&relay);
        let mut seqs = Vec::new();
        for round in 0..5 {
            let bounds = [SMALL, Bounds { bytes: 3_000, rows: 25, tables: 20 }, Bounds::default()][round % 3];
            let replica = fresh(&slow, &bounds);
            check_ledger(&replica.connection);
            seqs.push(replica.seq);
        }
        stop.store(true, Ordering::Relaxed);
        let (app, commits) = writer.join().unwrap();
        println!("{:?}: {commits} commits, replicas at {seqs:?}", cloud.kind);
        assert!(seqs.is_sorted() && seqs[0] < seqs[4], "the writer went on: {seqs:?}");
        assert_eq!(dump(&fresh(&database, &SMALL).connection), dump(&app));
    }
}

/// Refresh has the same race: between the log that names the rows and the rows.
#[test]
fn a_refresh_while_others_write_is_one_state_of_the_database() {
    for cloud in clouds() {
        let (folder, database) = (Folder::new(), cloud.create_database());
        let app = open(&folder.attach("app.db", settings(&database)));
        app.execute_batch(&format!("BEGIN; {LEDGER} COMMIT")).unwrap();
        let relay = Relay::new(&database.api);
        let mut always = settings(&database.through(&relay));
        always.refresh = liteflare::config::Refresh::Always;
        let reader = open(&folder.attach("reader.db", always));
        relay.delay(Duration::from_millis(20));
        let stop = Arc::new(AtomicBool::new(false));
        let writer = std::thread::spawn({
            let stop = stop.clone();
            move || {
                let mut dice = StdRng::seed_from_u64(8);
                for no in 1.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    commit_something(&app, &mut dice, no);
                }
                app
            }
        });
        for _ in 0..5 {
            reader.execute_batch("BEGIN").unwrap();
            check_ledger(&reader);
            reader.execute_batch("COMMIT").unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        let app = writer.join().unwrap();
        assert_eq!(dump(&reader), dump(&app));
    }
}
