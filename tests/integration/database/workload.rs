//! Random transactions from a printed seed.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::world::World;
use crate::support::{clouds, rounds, seed};

const TABLES: &str = "
    CREATE TABLE p(id INTEGER PRIMARY KEY, u UNIQUE, n);
    CREATE TABLE c(id INTEGER PRIMARY KEY, pid REFERENCES p ON DELETE CASCADE, x, body TEXT);
    CREATE TABLE s(a, pid REFERENCES p ON DELETE SET NULL, b);
    CREATE TABLE w(k, l, v, PRIMARY KEY (k, l)) WITHOUT ROWID;
    CREATE TABLE audit(id INTEGER PRIMARY KEY AUTOINCREMENT, what);
    CREATE INDEX s_a ON s(a); CREATE UNIQUE INDEX c_x ON c(x) WHERE x > 50;
    CREATE TRIGGER t_p AFTER UPDATE ON p BEGIN INSERT INTO audit(what) VALUES (NEW.u || OLD.n); END;";

fn value(rng: &mut StdRng) -> String {
    match rng.random_range(0..10) {
        0 => "NULL".into(),
        1 => format!("{}", rng.random::<i64>()),
        2 => {
            format!("{:?}", f64::from_bits(rng.random::<u64>() & !(0x7ff << 52) | rng.random_range(1..0x7feu64) << 52))
        }
        3 => format!("x'{}'", "ab".repeat(rng.random_range(0..20))),
        4 => format!("'{}'", "ü€".repeat(rng.random_range(0..30))),
        5 => format!("printf('%0{}d', 7)", rng.random_range(1..9000)),
        6 => format!("CAST(x'{:02x}ff' AS TEXT)", rng.random_range(0..255)),
        7 => format!("{}.0", rng.random_range(-5..5)),
        _ => rng.random_range(0..100).to_string(),
    }
}

fn statement(rng: &mut StdRng) -> String {
    let (id, other) = (rng.random_range(1..40), rng.random_range(1..40));
    let (a, b) = (value(rng), value(rng));
    match rng.random_range(0..22) {
        0..3 => format!("INSERT OR REPLACE INTO p VALUES ({id}, {a}, {b})"),
        3 => format!("INSERT INTO p(u, n) VALUES ({a}, {b})"),
        4..6 => format!("INSERT OR IGNORE INTO c VALUES ({other}, {id}, {a}, {b})"),
        6 => format!("INSERT INTO s VALUES ({a}, {id}, {b})"),
        7..9 => format!("INSERT OR REPLACE INTO w VALUES ({}, {id}, {b})", if a == "NULL" { "0" } else { &a }),
        9 => format!("UPDATE p SET n = {a} WHERE id % 7 = {}", id % 7),
        10 => format!("UPDATE OR IGNORE p SET u = {a} WHERE id = {id}"),
        11 => format!("UPDATE OR REPLACE p SET id = {other} WHERE id = {id}"),
        12 => format!("UPDATE c SET body = {a} WHERE pid = {id}"),
        13 => format!("UPDATE OR IGNORE c SET x = {other}, pid = NULL WHERE id = {id}"),
        14 => format!("DELETE FROM p WHERE id = {id}"),
        15 => format!("DELETE FROM s WHERE rowid % 5 = {}", id % 5),
        16 => format!("UPDATE w SET v = {a} WHERE l = {id}"),
        17 => format!("DELETE FROM w WHERE l < {}", id / 3),
        18 => format!("UPDATE s SET a = {a}, pid = (SELECT id FROM p LIMIT 1) WHERE rowid = {id}"),
        19 => "DELETE FROM s".into(),
        20 => format!("INSERT INTO audit(what) VALUES ({a})"),
        _ => format!("UPDATE p SET n = (SELECT u FROM p WHERE id = {other}) WHERE id = {id}"),
    }
}

fn schema_change(rng: &mut StdRng, step: usize) -> String {
    match rng.random_range(0..9) {
        0 => format!("ALTER TABLE s ADD COLUMN extra{step} DEFAULT {}", rng.random_range(0..9)),
        1 => format!("CREATE TABLE t{step} AS SELECT * FROM s"),
        2 => format!("CREATE INDEX i{step} ON c(body)"),
        3 => "VACUUM".into(),
        4 => format!(
            "BEGIN; ALTER TABLE w RENAME TO w_old; CREATE TABLE w(k, l, v, z{step} DEFAULT 1, PRIMARY KEY (l, k)) WITHOUT ROWID; INSERT INTO w(k, l, v) SELECT k, l, v FROM w_old; DROP TABLE w_old; COMMIT"
        ),
        5 => format!(
            "ALTER TABLE audit RENAME COLUMN what TO what{step}; ALTER TABLE audit RENAME COLUMN what{step} TO what"
        ),
        6 => format!("BEGIN; CREATE TABLE d{step}(x); INSERT INTO d{step} VALUES (1); DROP TABLE d{step}; COMMIT"),
        7 => format!("PRAGMA user_version = {step}"),
        _ => "REINDEX; ANALYZE".into(),
    }
}

#[test]
fn random_transactions_leave_plain_sqlite_the_application_and_d1_equal() {
    let (seed, rounds) = (seed(), rounds(1));
    for cloud in clouds() {
        for round in 0..rounds {
            println!("seed {} on {:?}", seed + round, cloud.kind);
            let mut rng = StdRng::seed_from_u64(seed + round);
            let setup = ["", "PRAGMA page_size = 512", "PRAGMA auto_vacuum = 2"][rng.random_range(0..3usize)];
            let mut world = World::with(cloud.create_database(), setup);
            world.step(TABLES);
            for step in 0..60 {
                let foreign_keys = if rng.random_ratio(1, 5) { "OFF" } else { "ON" };
                world.run(&format!("PRAGMA foreign_keys = {foreign_keys}"));
                if rng.random_ratio(1, 10) {
                    let change = schema_change(&mut rng, step);
                    world.step(&change);
                }
                let body: Vec<String> = (0..rng.random_range(1..6)).map(|_| statement(&mut rng)).collect();
                world.run("BEGIN");
                for statement in &body {
                    world.run(statement);
                }
                let end = if rng.random_ratio(1, 8) { "ROLLBACK" } else { "COMMIT" };
                world.run(end);
                if !world.cloud.is_autocommit() {
                    world.run("ROLLBACK"); // a violated foreign key
                }
                world.check(&format!("{body:?} {end}"));
            }
        }
    }
}
