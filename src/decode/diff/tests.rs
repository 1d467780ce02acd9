//! The oracle is SQL: all rows before and after, compared. Every step also compares the index with one built anew.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::Connection;

use super::*;
use crate::decode::owners::SCHEMA_TREE;
use crate::image::Overlay;
use crate::value::Value;

/// name → (root, columns of its key when WITHOUT ROWID)
type Tables = BTreeMap<String, (PageNo, Option<usize>)>;
type RowTexts = BTreeMap<String, String>;

struct Subject {
    db: Connection,
    path: std::path::PathBuf,
    image: Image,
    owners: Owners,
    tables: Tables,
    ids: BTreeMap<String, TreeId>,
    next_id: u32,
    rows: BTreeMap<String, RowTexts>,
    _dir: tempfile::TempDir,
}

impl Subject {
    fn new(setup: &str) -> Subject {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("subject.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(setup).unwrap();
        let image = load(&path, &Image::default()).0;
        let mut subject = Subject {
            db,
            path,
            image,
            owners: Owners::default(),
            tables: Tables::new(),
            ids: BTreeMap::new(),
            next_id: 1,
            rows: BTreeMap::new(),
            _dir: dir,
        };
        subject.tables = subject.read_tables();
        for name in subject.tables.keys() {
            subject.ids.insert(name.clone(), TreeId(subject.next_id));
            subject.next_id += 1;
        }
        subject.owners = subject.rebuilt();
        subject.rows = subject.read_rows();
        subject
    }

    fn rebuilt(&self) -> Owners {
        let trees = self.tables.iter().map(|(name, (root, _))| (self.ids[name], *root));
        Owners::build(&self.image, trees.chain([(SCHEMA_TREE, PageNo::FIRST)])).unwrap()
    }

    fn read_tables(&self) -> Tables {
        let sql = "SELECT name, rootpage, sql LIKE '%WITHOUT ROWID' FROM sqlite_schema
                   WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
        let mut statement = self.db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            let name: String = row.get(0)?;
            let keys = row.get::<_, bool>(2)?.then_some(if name.starts_with("w2") { 2 } else { 1 });
            Ok((name, (PageNo::new(row.get(1)?).unwrap(), keys)))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    fn read_rows(&self) -> BTreeMap<String, RowTexts> {
        let tables = self.tables.iter();
        tables
            .map(|(name, (_, keys))| {
                let key = match keys {
                    None => "'r' || rowid",
                    Some(1) => "typeof(k) || quote(k)",
                    _ => "typeof(k) || quote(k) || typeof(l) || quote(l)",
                };
                let mut statement = self.db.prepare(&format!("SELECT {key}, * FROM {name}")).unwrap();
                let count = statement.column_count();
                let rows = statement.query_map([], |row| {
                    let values: Vec<rusqlite::types::Value> = (1..count).map(|index| row.get(index).unwrap()).collect();
                    Ok((row.get(0)?, format!("{values:?}")))
                });
                (name.clone(), rows.unwrap().map(Result::unwrap).collect())
            })
            .collect()
    }

    /// Compares the file as it is now with the last look at it.
    fn check(&mut self, what: &str) {
        let (after, changed) = load(&self.path, &self.image);
        let (old_tables, old_rows) = (self.tables.clone(), self.rows.clone());
        self.tables = self.read_tables();
        self.rows = self.read_rows();
        for name in self.tables.keys() {
            if !self.ids.contains_key(name) {
                self.ids.insert(name.clone(), TreeId(self.next_id));
                self.next_id += 1;
            }
        }
        let comparison = Comparison::new(&self.image, &after, &changed, &self.owners);
        let mut update = OwnersUpdate::default();
        let names: BTreeSet<&String> = old_tables.keys().chain(self.tables.keys()).collect();
        for name in names {
            let (old, new) = (old_tables.get(name), self.tables.get(name));
            let pair = TreePair {
                tree: self.ids[name],
                old_root: old.map(|table| table.0),
                new_root: new.map(|table| table.0),
                key_columns: new.or(old).unwrap().1,
            };
            let diff = comparison.table(&pair, &mut update).unwrap();
            let none = RowTexts::new();
            let expected = expected(old_rows.get(name).unwrap_or(&none), self.rows.get(name).unwrap_or(&none));
            assert_eq!(shown(&diff), expected, "table {name} after {what}");
        }
        let pair = TreePair {
            tree: SCHEMA_TREE,
            old_root: Some(PageNo::FIRST),
            new_root: Some(PageNo::FIRST),
            key_columns: None,
        };
        comparison.table(&pair, &mut update).unwrap();
        comparison.check(&update).unwrap();
        self.owners.apply(&update);
        self.image = after;
        assert_eq!(self.owners.entries(), self.rebuilt().entries(), "the index after {what}");
    }

    fn run(&mut self, sql: &str) {
        if self.db.execute_batch(sql).is_err() && !self.db.is_autocommit() {
            self.db.execute_batch("ROLLBACK").unwrap();
        }
        self.check(sql);
    }
}

fn expected(old: &RowTexts, new: &RowTexts) -> [BTreeSet<String>; 3] {
    let deleted = old.keys().filter(|key| !new.contains_key(*key)).cloned().collect();
    let inserted = new.keys().filter(|key| !old.contains_key(*key)).cloned().collect();
    let updated = old.iter().filter(|(key, row)| new.get(*key).is_some_and(|now| now != *row));
    [deleted, inserted, updated.map(|(key, _)| key.clone()).collect()]
}

fn shown(diff: &RowDiff) -> [BTreeSet<String>; 3] {
    let show = |key: &Key| match key {
        Key::Rowid(rowid) => format!("r{rowid}"),
        Key::Primary(values) => values.iter().map(show_value).collect(),
    };
    [&diff.deleted, &diff.inserted, &diff.updated].map(|keys| keys.iter().map(show).collect())
}

fn show_value(value: &Value) -> String {
    match value {
        Value::Null => "nullNULL".into(),
        Value::Integer(value) => format!("integer{value}"),
        Value::Real(value) => format!("real{value:?}"),
        Value::Text(bytes) => format!("text'{}'", String::from_utf8_lossy(bytes)),
        Value::Blob(bytes) => format!("blobX'{}'", hex::encode_upper(bytes)),
    }
}

fn load(path: &std::path::Path, before: &Image) -> (Image, Vec<PageNo>) {
    let bytes = std::fs::read(path).unwrap();
    let page_size = match u16::from_be_bytes([bytes[16], bytes[17]]) {
        1 => 65536,
        size => usize::from(size),
    };
    let mut overlay = Overlay::on(before);
    for (index, page) in bytes.chunks(page_size).enumerate() {
        overlay.write(before, (index * page_size) as u64, page).unwrap();
    }
    overlay.truncate(bytes.len() as u64);
    before.with(&overlay)
}

const TABLES: &str = "
    CREATE TABLE plain(a, b, c); CREATE INDEX plain_a ON plain(a);
    CREATE TABLE keyed(id INTEGER PRIMARY KEY, body TEXT, n);
    CREATE TABLE w1(k PRIMARY KEY, v) WITHOUT ROWID;
    CREATE TABLE w2(k, v, l, PRIMARY KEY(k, l)) WITHOUT ROWID;";

fn random_statement(rng: &mut StdRng) -> String {
    let size = [3, 40, 300, 3_000, 30_000][rng.random_range(0..5usize)];
    let (from, many) = (rng.random_range(0..400), [1, 1, 5, 60][rng.random_range(0..4usize)]);
    let to = from + many;
    let series = format!("WITH s(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM s WHERE i + 1 < {to})");
    match rng.random_range(0..19) {
        0..3 => format!("{series} INSERT OR REPLACE INTO keyed SELECT i, hex(randomblob({size} / 2)), i % 7 FROM s"),
        3..5 => format!("{series} INSERT INTO plain SELECT i, randomblob({size}), i FROM s"),
        5..7 => format!("{series} INSERT OR REPLACE INTO w1 SELECT 'key' || i, randomblob({size}) FROM s"),
        7..9 => format!("{series} INSERT OR REPLACE INTO w2 SELECT i % 9, randomblob({size}), i / 9 FROM s"),
        9 => format!("UPDATE keyed SET n = n + 1 WHERE id BETWEEN {from} AND {to}"),
        10 => format!("UPDATE keyed SET body = body || 'x' WHERE id % 50 = {}", from % 50),
        11 => format!("UPDATE keyed SET id = -id WHERE id = {from}"),
        12 => format!("DELETE FROM plain WHERE rowid % 3 = {}", from % 3),
        13 => format!("DELETE FROM keyed WHERE id BETWEEN {from} AND {}", from + 3 * many),
        14 => format!("DELETE FROM w1 WHERE length(k) = {}", 4 + from % 3),
        15 => format!("DELETE FROM w2 WHERE k = {}", from % 9),
        16 => format!("UPDATE plain SET b = zeroblob(length(b)) WHERE rowid % 11 = {}", from % 11),
        17 => ["DELETE FROM plain", "DELETE FROM keyed", "DELETE FROM w1"][from as usize % 3].to_string(),
        _ => format!("UPDATE w1 SET v = randomblob(length(v)) WHERE k = 'key{from}'"),
    }
}

#[test]
fn random_transactions_give_the_rows_that_sql_gives() {
    let seed: u64 = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_124);
    for (round, (page_size, vacuum)) in [(512, 0), (1024, 1), (4096, 2), (512, 2), (4096, 0)].into_iter().enumerate() {
        println!("seed {seed}, round {round}");
        let mut rng = StdRng::seed_from_u64(seed + round as u64);
        let mut subject = Subject::new(&format!(
            "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;
             PRAGMA page_size = {page_size}; PRAGMA auto_vacuum = {vacuum}; {TABLES}"
        ));
        for step in 0..120 {
            let count = [1, 1, 3][rng.random_range(0..3usize)];
            let body: Vec<String> = (0..count).map(|_| random_statement(&mut rng)).collect();
            subject.run(&format!("BEGIN; {}; COMMIT", body.join("; ")));
            match step % 30 {
                9 => subject.run("VACUUM"),
                14 => subject.run("PRAGMA incremental_vacuum"),
                19 => subject.run("CREATE TABLE IF NOT EXISTS extra AS SELECT * FROM keyed"),
                24 => subject.run("ALTER TABLE plain RENAME COLUMN c TO d; ALTER TABLE plain RENAME COLUMN d TO c"),
                29 => {
                    subject.run("BEGIN; DROP TABLE extra; CREATE TABLE extra(z); INSERT INTO extra VALUES (1); COMMIT")
                }
                _ => {}
            }
        }
    }
}

#[test]
fn a_page_that_is_freed_and_comes_back_with_the_same_bytes_is_found() {
    let mut subject = Subject::new(TABLES);
    subject.run("WITH s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 3000) INSERT INTO keyed SELECT i, 'row' || i, 0 FROM s");
    subject.run("CREATE TABLE copy AS SELECT * FROM keyed");
    subject.run("DELETE FROM keyed");
    subject.run("INSERT INTO keyed SELECT * FROM copy");
    subject.run("BEGIN; DELETE FROM keyed; INSERT INTO keyed SELECT * FROM copy; COMMIT");
}

#[test]
fn damaged_pages_give_an_error_and_no_panic() {
    let mut subject = Subject::new(TABLES);
    subject.run("WITH s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 400) INSERT INTO keyed SELECT i, hex(randomblob(i * 9)), 0 FROM s");
    let mut rng = StdRng::seed_from_u64(5);
    let trees = [(TreeId(1), subject.tables["keyed"].0), (SCHEMA_TREE, PageNo::FIRST)];
    for _ in 0..2_000 {
        let mut overlay = Overlay::on(&subject.image);
        for _ in 0..rng.random_range(1..4) {
            let page = rng.random_range(0..subject.image.page_count()) as u64;
            let within = [rng.random_range(0..16), rng.random_range(0..4096)][rng.random_range(0..2usize)];
            overlay.write(&subject.image, page * 4096 + within, &[rng.random()]).unwrap();
        }
        let (after, changed) = subject.image.with(&overlay);
        let comparison = Comparison::new(&subject.image, &after, &changed, &subject.owners);
        for (tree, root) in trees {
            let pair = TreePair { tree, old_root: Some(root), new_root: Some(root), key_columns: None };
            let _ = comparison.table(&pair, &mut OwnersUpdate::default());
            let pair = TreePair { tree, old_root: None, new_root: Some(root), key_columns: Some(2) };
            let _ = comparison.table(&pair, &mut OwnersUpdate::default());
        }
        let _ = Owners::build(&after, trees);
    }
}
