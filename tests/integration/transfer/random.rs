//! Random schemas with random values: what comes back is equal, type by type and bit by bit, also when the import is interrupted.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::root::dump;
use super::world::World;
use crate::support::{Fault, clouds, rounds, seed};

fn value(rng: &mut StdRng) -> Value {
    match rng.random_range(0..13) {
        0 => Value::Null,
        1 => Value::Integer(rng.random()),
        2 => Value::Real(f64::from_bits(rng.random::<u64>() & !(0x7ff << 52) | rng.random_range(0..0x7feu64) << 52)),
        3 => Value::Real(
            [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 5e-324, 1e15, 0.1 + 0.2][rng.random_range(0..7usize)],
        ),
        4 => Value::Blob((0..rng.random_range(0..40)).map(|_| rng.random()).collect()),
        5 => Value::Text("ü€\u{1f600}'\"\\\n\u{fffd}".chars().cycle().take(rng.random_range(0..30)).collect()),
        6 => Value::Text(format!("a\0b{}", rng.random_range(0..9))),
        7 => Value::Blob(vec![rng.random(); rng.random_range(1..30_000)]),
        8 => Value::Text("x".repeat(rng.random_range(1..30_000))),
        9 if rng.random_ratio(1, 30) => Value::Blob(vec![0xee; 1_900_000]),
        10 if rng.random_ratio(1, 30) => Value::Text("\u{1}\"".repeat(700_000)),
        _ => Value::Integer(rng.random_range(-3..100)),
    }
}

fn bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Blob(blob) => blob.len(),
        _ => 9,
    }
}

/// A table of random columns; returns its name and how many cells an INSERT takes.
fn table(rng: &mut StdRng, number: usize) -> (String, usize) {
    let name = ["plain", "with space", "quo\"te", "sélect", "ORDER"][number % 5];
    let name = format!("{name}{number}");
    let quoted = format!("\"{}\"", name.replace('"', "\"\""));
    let count = rng.random_range(2..6);
    let types = ["", "TEXT", "INTEGER", "REAL", "BLOB", "NUMERIC", "BOOLEAN DEFAULT FALSE"];
    let columns: Vec<String> =
        (0..count).map(|column| format!("c{column} {}", types[rng.random_range(0..types.len())])).collect();
    let columns = columns.join(", ");
    let generated = if rng.random_ratio(1, 3) { ", g GENERATED ALWAYS AS (typeof(c1)) VIRTUAL" } else { "" };
    let (sql, cells) = match rng.random_range(0..5) {
        0 => (format!("CREATE TABLE {quoted}(id INTEGER PRIMARY KEY AUTOINCREMENT, {columns}{generated})"), count + 1),
        1 => (
            format!(
                "CREATE TABLE {quoted}(id INTEGER PRIMARY KEY, {columns}, parent REFERENCES {quoted}(id){generated})"
            ),
            count + 2,
        ),
        2 => (
            format!(
                "CREATE TABLE {quoted}(k TEXT COLLATE NOCASE, l BLOB, {columns}{generated}, PRIMARY KEY (l, k COLLATE BINARY)) WITHOUT ROWID"
            ),
            count + 2,
        ),
        3 => (format!("CREATE TABLE {quoted}({columns}, rowid{generated})"), count + 1),
        _ => (format!("CREATE TABLE {quoted}(-- a comment\n{columns}{generated})"), count),
    };
    (sql, cells)
}

fn fill(connection: &Connection, rng: &mut StdRng) {
    connection.execute_batch("PRAGMA foreign_keys = OFF; BEGIN").unwrap();
    for number in 0..rng.random_range(2..6) {
        let (sql, cells) = table(rng, number);
        connection.execute_batch(&sql).unwrap();
        let name: String = connection
            .query_row(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY rowid DESC",
                [],
                |row| row.get(0),
            )
            .unwrap();
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let insert = format!("INSERT OR IGNORE INTO {quoted} VALUES ({})", vec!["?"; cells].join(","));
        for _ in 0..rng.random_range(0..60) {
            let mut row: Vec<Value> = (0..cells).map(|_| value(rng)).collect();
            if sql.contains("WITHOUT ROWID") {
                row[0] = Value::Text(format!("kK{}", rng.random_range(0..40)));
                row[1] = if rng.random() { Value::Integer(rng.random_range(0..9)) } else { Value::Text("l".into()) };
            } else if sql.contains("id INTEGER PRIMARY KEY") {
                row[0] =
                    if rng.random_ratio(1, 4) { Value::Integer(rng.random_range(-99..1 << 40)) } else { Value::Null };
            }
            if sql.contains("parent REFERENCES") {
                row[cells - 1] = Value::Null;
            }
            // D1 takes 2 MB a row.
            while row.iter().map(bytes).sum::<usize>() > 1_950_000 {
                let largest = row.iter_mut().max_by_key(|value| bytes(value)).unwrap();
                *largest = Value::Integer(-1);
            }
            connection.execute(&insert, params_from_iter(row)).unwrap();
        }
        if sql.contains("parent REFERENCES") {
            // Children before and behind their parents.
            connection
                .execute_batch(&format!(
                    "UPDATE {quoted} SET parent = (SELECT id FROM {quoted} ORDER BY id DESC LIMIT 1) WHERE id % 2"
                ))
                .unwrap();
        }
        connection
            .execute_batch(&format!(
                "CREATE INDEX i{number} ON {quoted}(c0, c1) WHERE c1 IS NOT NULL;
                 CREATE TRIGGER t{number} AFTER INSERT ON {quoted} WHEN NEW.c0 IS NULL BEGIN DELETE FROM {quoted} WHERE c1 = NEW.c1; END;
                 CREATE VIEW v{number} AS SELECT c0 FROM {quoted}"
            ))
            .unwrap();
    }
    let version: i32 = rng.random();
    connection.execute_batch(&format!("COMMIT; PRAGMA user_version = {version}; PRAGMA application_id = 7")).unwrap();
}

#[test]
fn any_schema_and_any_value_comes_back() {
    let (seed, rounds) = (seed(), rounds(2));
    for cloud in clouds() {
        for round in 0..rounds {
            println!("seed {} on {:?}", seed + round, cloud.kind);
            let mut rng = StdRng::seed_from_u64(seed + round);
            let world = World::new(&cloud);
            let path = world.path("root/databases/invokeai.db");
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let connection = Connection::open(&path).unwrap();
            let setup = ["", "PRAGMA page_size = 512", "PRAGMA encoding = 'UTF-16le'"][rng.random_range(0..3usize)];
            connection.execute_batch(setup).unwrap();
            fill(&connection, &mut rng);
            drop(connection);
            // A request fails for good somewhere on the way; the next attempt goes on.
            world.d1.matching("INSERT OR ABORT", 1, Fault::Status(403));
            world.run(&["import", "root"]);
            world.d1.heal();
            world.succeed(&["import", "root"]);
            let report = world.verify(&["--db", "root/databases/invokeai.db"]);
            assert_eq!(report["equal"], true, "{report}");
            world.succeed(&["export", "back"]);
            let (found, expected) = (dump(&world.path("back/databases/invokeai.db")), dump(&path));
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found, expected);
            }
            assert_eq!(found.len(), expected.len());
        }
    }
}
