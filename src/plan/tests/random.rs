//! A random application, from a printed seed. After each of its transactions both databases are equal; a transaction D1 cannot take leaves both as they
//! were. Run more of it with `LITEFLARE_SEED=N LITEFLARE_COMMITS=N cargo test plan::tests::random`.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rusqlite::Connection;

use super::world::{Failure, World};
use crate::plan::PlanError;
use crate::schema::{Identity, Kind, Schema, Table};

const START: &str = "
    CREATE TABLE p(id INTEGER PRIMARY KEY, a TEXT UNIQUE, b, c REAL);
    CREATE TABLE c(id INTEGER PRIMARY KEY AUTOINCREMENT, p REFERENCES p ON DELETE CASCADE, a REFERENCES p(a) ON DELETE SET NULL ON UPDATE CASCADE, b);
    CREATE TABLE g(c INT NOT NULL REFERENCES c ON DELETE CASCADE, s, b DEFAULT 3);
    CREATE TABLE s(id TEXT PRIMARY KEY, up REFERENCES s ON DELETE SET DEFAULT, b, UNIQUE(up,b) ON CONFLICT REPLACE);
    CREATE TABLE w(a COLLATE NOCASE, b, c, PRIMARY KEY(b,a)) WITHOUT ROWID;
    CREATE TABLE gen(a, b INT, v AS (b%7) UNIQUE, s TEXT AS (typeof(a)||typeof(b)) STORED);
    CREATE UNIQUE INDEX gp ON gen(a) WHERE b>5; CREATE INDEX pb ON p(b); CREATE UNIQUE INDEX ge ON gen(a||'x'||b);
    CREATE TABLE log(n INTEGER PRIMARY KEY, what);
    CREATE TRIGGER p AFTER UPDATE ON p WHEN NEW.b IS NOT OLD.b BEGIN INSERT INTO log(what) VALUES(NEW.id); END;
    CREATE TRIGGER cd BEFORE DELETE ON c BEGIN INSERT INTO log(what) VALUES('gone '||OLD.id); END;
    CREATE VIEW pc AS SELECT p.id, c.b FROM p, c WHERE c.p=p.id";

struct App {
    rng: StdRng,
    made: u32,
}

impl App {
    fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        from.choose(&mut self.rng)
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.rng.random_range(0..n) == 0
    }

    fn name(&mut self) -> String {
        self.made += 1;
        let forms = [format!("n{}", self.made), format!("\"N {}\"", self.made), format!("[n-{}]", self.made)];
        forms.choose(&mut self.rng).cloned().unwrap_or_default()
    }

    fn value(&mut self) -> String {
        let small = self.rng.random_range(0..9);
        match self.rng.random_range(0..16) {
            0 => "null".to_owned(),
            1 => format!("{}", self.rng.random::<i64>()),
            2 => format!("{:e}", f64::from_bits(self.rng.random())).replace("NaN", "0.5").replace("inf", "9e999"),
            3 => format!("{small}.0"),
            4 => format!("x'{:04x}'", self.rng.random::<u16>()),
            5 => format!("CAST(x'ff0{small}' AS TEXT)"),
            6 => format!("hex(zeroblob({}))", self.rng.random_range(0..3000)),
            7 => "'a'||char(0)||'é'".to_owned(),
            8 => format!("randomblob({})", self.rng.random_range(0..300)),
            9 | 10 => format!("'k{small}'"),
            _ => format!("{small}"),
        }
    }

    fn condition(&mut self, table: &Table) -> String {
        let column = self.column(table, false);
        match self.rng.random_range(0..8) {
            0 => "1".to_owned(),
            1 => format!("{column} IS {}", self.value()),
            2 => format!("{column}>{}", self.value()),
            _ if table.has_rowid() => {
                let at = self.rng.random_range(0..12);
                format!("{} BETWEEN {at} AND {}", table.key_names().join(""), at + self.rng.random_range(0..3))
            }
            _ => format!("{column} IN ({},{})", self.value(), self.value()),
        }
    }

    fn column(&mut self, table: &Table, written: bool) -> String {
        let all: Vec<usize> = if written { table.written().collect() } else { (0..table.columns.len()).collect() };
        let column = self.pick(&all).map_or("", |&i| table.columns[i].name.as_str());
        format!("\"{column}\"")
    }

    fn rows(&mut self, table: &Table) -> String {
        let name = table.quoted();
        match self.rng.random_range(0..10) {
            0..4 => {
                let verb = *self.pick(&["INSERT", "INSERT OR IGNORE", "REPLACE"]).unwrap_or(&"INSERT");
                let columns: Vec<usize> = table.written().collect();
                let names: Vec<String> = columns.iter().map(|&i| format!("\"{}\"", table.columns[i].name)).collect();
                let rows: Vec<String> = (0..self.rng.random_range(1..5))
                    .map(|_| format!("({})", names.iter().map(|_| self.value()).collect::<Vec<_>>().join(",")))
                    .collect();
                format!("{verb} INTO {name}({}) VALUES {}", names.join(","), rows.join(","))
            }
            4..7 => {
                let (set, value, condition) = (self.column(table, true), self.value(), self.condition(table));
                let other = self.column(table, false);
                let value = if self.one_in(3) { other } else { value };
                let verb = *self.pick(&["UPDATE", "UPDATE OR IGNORE", "UPDATE OR REPLACE"]).unwrap_or(&"UPDATE");
                format!("{verb} {name} SET {set}={value} WHERE {condition}")
            }
            7 if matches!(table.identity, Identity::Rowid(_)) => {
                format!(
                    "UPDATE OR IGNORE {name} SET rowid=rowid+{} WHERE {}",
                    self.rng.random_range(-3..4),
                    self.condition(table)
                )
            }
            // Swaps values that may be unique.
            8 => {
                let column = self.column(table, true);
                format!(
                    "UPDATE OR IGNORE {name} SET {column}=-{column}; UPDATE OR IGNORE {name} SET {column}=9+{column}"
                )
            }
            _ => format!("DELETE FROM {name} WHERE {}", self.condition(table)),
        }
    }

    fn ddl(&mut self, schema: &Schema, table: &Table) -> String {
        let name = table.quoted();
        let fresh = self.name();
        let column = self.column(table, false);
        let parents: Vec<&Table> = schema.tables.values().filter(|table| table.primary.len() == 1).collect();
        let parent = self.pick(&parents).map_or("p".to_owned(), |table| table.quoted());
        let action = *self.pick(&["CASCADE", "SET NULL", "NO ACTION", "SET DEFAULT"]).unwrap_or(&"CASCADE");
        let value = self.rng.random_range(0..9);
        match self.rng.random_range(0..15) {
            0 => format!("ALTER TABLE {name} RENAME TO {fresh}"),
            1 | 2 => format!("ALTER TABLE {name} RENAME COLUMN {column} TO {fresh}"),
            3 | 4 => format!("ALTER TABLE {name} DROP COLUMN {column}"),
            5 => format!("ALTER TABLE {name} ADD COLUMN {fresh} INT DEFAULT {value}"),
            6 => format!(
                "ALTER TABLE {name} DROP COLUMN {column}; ALTER TABLE {name} ADD COLUMN {column} DEFAULT '{value}'"
            ),
            7 => format!("ALTER TABLE {name} ADD COLUMN {fresh} REFERENCES {parent} ON DELETE {action}"),
            8 => format!(
                "CREATE TABLE {fresh}(id INTEGER PRIMARY KEY, a REFERENCES {parent} ON DELETE {action}, b UNIQUE)"
            ),
            9 => format!("CREATE UNIQUE INDEX {fresh} ON {name}({column})"),
            10 => self
                .pick(&schema.objects.values().filter(|o| o.kind != Kind::Table).collect::<Vec<_>>())
                .map_or(String::new(), |object| format!("DROP {} \"{}\"", object.kind.keyword(), object.name)),
            11 => format!(
                "CREATE TRIGGER {fresh} AFTER DELETE ON {name} BEGIN INSERT INTO log(what) VALUES('{value}'); END"
            ),
            12 => {
                // The twelve steps of SQLite's manual.
                let copy = schema.object(Kind::Table, &table.name).map_or("", |object| &object.sql);
                let copy = copy.replacen(copy.split('(').next().unwrap_or(""), &format!("CREATE TABLE {fresh}"), 1);
                let columns: Vec<String> = table.written().map(|i| format!("\"{}\"", table.columns[i].name)).collect();
                let columns = columns.join(",");
                format!(
                    "{copy}; INSERT INTO {fresh}({columns}) SELECT {columns} FROM {name}; DROP TABLE {name}; ALTER TABLE {fresh} RENAME TO {name}"
                )
            }
            13 if self.one_in(2) => format!("DROP TABLE {name}"),
            _ => format!("CREATE VIEW {fresh} AS SELECT {column} FROM {name}"),
        }
    }

    /// Runs up to six statements; those that fail change nothing.
    fn transaction(&mut self, app: &Connection, with_ddl: bool) {
        app.execute_batch("BEGIN; PRAGMA defer_foreign_keys=on").unwrap();
        for _ in 0..self.rng.random_range(1..7) {
            let schema = Schema::read(app).unwrap();
            let tables: Vec<&Table> = schema.tables.values().collect();
            let Some(&&table) = self.pick(&tables).as_ref() else { continue };
            let sql = if with_ddl && self.one_in(4) { self.ddl(&schema, table) } else { self.rows(table) };
            app.execute_batch("SAVEPOINT one").unwrap();
            if app.execute_batch(&sql).is_err() || self.one_in(20) {
                let _ = app.execute_batch("ROLLBACK TO one");
            }
            let _ = app.execute_batch("RELEASE one");
        }
        if app.execute_batch("COMMIT").is_err() {
            app.execute_batch("ROLLBACK").unwrap();
        }
    }
}

/// Returns how many transactions D1 could not take.
fn run(seed: u64, commits: u32, pragmas: &str, with_ddl: bool) -> u32 {
    let mut world = World::with(pragmas);
    let mut app = App { rng: StdRng::seed_from_u64(seed), made: 0 };
    let mut refused = 0;
    world.commit(START);
    for commit in 0..commits {
        world.staged = app.one_in(8);
        world.fallbacks = app.one_in(8);
        match world.transact(|connection| app.transaction(connection, with_ddl)) {
            Ok(()) => {}
            Err(Failure::Plan(PlanError::ForeignKey { .. })) => refused += 1,
            // Keys whose parents are gone or not unique: `refuse` names what it can foresee.
            Err(Failure::Refused(why))
                if why.contains("foreign key mismatch") || why.contains("no such table: main.") =>
            {
                refused += 1
            }
            Err(failure) => {
                panic!("seed {seed}, commit {commit}, {pragmas}: {failure:#?}\n{:#?}", world.last.statements)
            }
        }
        world
            .compare()
            .unwrap_or_else(|failure| panic!("seed {seed}, commit {commit}: after the rollback {failure:#?}"));
    }
    println!("seed {seed}: {refused} of {commits} refused");
    refused
}

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

const SETTINGS: [&str; 4] = [
    "PRAGMA page_size=512",
    "PRAGMA page_size=1024; PRAGMA foreign_keys=off",
    "PRAGMA auto_vacuum=1; PRAGMA page_size=512",
    "PRAGMA foreign_keys=off",
];

#[test]
fn random_rows_arrive() {
    let seed = u64::from(number("LITEFLARE_SEED", 1));
    for (i, pragmas) in SETTINGS.iter().enumerate() {
        run(seed + i as u64, number("LITEFLARE_COMMITS", 100), pragmas, false);
    }
}

#[test]
fn random_schemas_arrive() {
    let seed = u64::from(number("LITEFLARE_SEED", 100));
    let commits = number("LITEFLARE_COMMITS", 40);
    for world in 0..8 {
        let refused = run(seed + world, commits, SETTINGS[world as usize % SETTINGS.len()], true);
        assert!(refused < commits, "seed {}: nothing but refusals", seed + world);
    }
}
