use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::*;
use crate::image::Image;
use crate::vfs::scratch::Scratch;

const TASKS: [Task; 6] = [Task::Read, Task::Describe, Task::Build, Task::Rehearse, Task::Examine, Task::Import];

/// Each statement would reach out of the database, or stay in the connection's way.
const FORBIDDEN: &[&str] = &[
    "ATTACH 'DIR/new' AS z",
    "ATTACH ':memory:' AS z",
    "ATTACH '' AS z",
    "DETACH main",
    "VACUUM INTO 'DIR/new'",
    "SELECT load_extension('DIR/new')",
    "SELECT readfile('DIR/local')",
    "SELECT writefile('DIR/new', 'x')",
    "SELECT fts3_tokenizer('simple')",
    "CREATE VIRTUAL TABLE v USING fts5(x)",
    "CREATE TEMP TABLE z(x)",
    "CREATE TEMP TRIGGER z AFTER INSERT ON t BEGIN SELECT 1; END",
    "PRAGMA writable_schema = ON",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA temp_store_directory = 'DIR'",
    "PRAGMA trusted_schema = ON",
    "PRAGMA hard_heap_limit = 0",
    "INSERT INTO sqlite_schema VALUES ('table', 'z', 'z', 0, 'CREATE TABLE z(x)')",
    "ANALYZE",
];

/// The same database, open for each task.
fn connections(folder: &Path) -> Vec<(Task, Connection, Option<Scratch>)> {
    let mut all = Vec::new();
    for task in TASKS {
        let made = match task {
            Task::Rehearse => {
                let copy = empty(task).unwrap();
                copy.execute("CREATE TABLE t(x)", []).unwrap();
                (copy, None)
            }
            Task::Examine | Task::Import => {
                let path = folder.join(format!("{task:?}"));
                Connection::open(&path).unwrap().execute_batch("CREATE TABLE t(x)").unwrap();
                (file(&path, OpenFlags::SQLITE_OPEN_READ_WRITE, task).unwrap(), None)
            }
            _ => {
                let scratch = Scratch::new(Image::default());
                scratch.writer().unwrap().execute("CREATE TABLE t(x)", []).unwrap();
                (scratch.connection(task).unwrap(), Some(scratch))
            }
        };
        all.push((task, made.0, made.1));
    }
    all
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = std::fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn no_connection_reaches_out_of_its_database() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("local"), "secret").unwrap();
    let connections = connections(folder.path());
    let before = names(folder.path());
    for (task, connection, _) in &connections {
        for sql in FORBIDDEN {
            let sql = sql.replace("DIR", folder.path().to_str().unwrap());
            let ran = connection.prepare(&sql).and_then(|mut statement| {
                statement.query([])?.next()?;
                Ok(())
            });
            assert!(ran.is_err(), "{task:?} runs {sql}");
            assert_eq!(names(folder.path()), before, "{task:?} writes a file: {sql}");
        }
        assert!(connection.limit(Limit::SQLITE_LIMIT_ATTACHED).unwrap() == 0);
    }
}

/// Below the connection's own rules, its VFS knows no other files: what gets past the rules still opens nothing.
#[test]
fn the_scratch_vfs_opens_no_file_of_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("local");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE t(x)").unwrap();
    empty(Task::Read).unwrap();
    for flags in [OpenFlags::SQLITE_OPEN_READ_ONLY, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE] {
        for name in ["local", "new"] {
            let opened =
                Connection::open_with_flags_and_vfs(folder.path().join(name), flags, super::super::scratch::NAME);
            assert!(opened.is_err(), "{name} {flags:?}");
        }
    }
    assert_eq!(names(folder.path()), ["local"]);
}

#[test]
fn a_trigger_never_fires_and_a_view_is_never_read_while_a_replica_is_loaded() {
    let scratch = Scratch::new(Image::default());
    let connection = scratch.writer().unwrap();
    for sql in [
        "CREATE TABLE t(x)",
        "CREATE TABLE said(x)",
        "CREATE VIEW v AS SELECT x FROM t",
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT INTO said VALUES (NEW.x); END",
        "INSERT INTO t VALUES (1)",
    ] {
        connection.execute(sql, []).unwrap();
    }
    assert_eq!(connection.query_row("SELECT count(*) FROM said", [], |row| row.get(0)), Ok(0));
    assert!(connection.prepare("SELECT * FROM v").is_err());
}

#[test]
fn an_expression_that_wants_gigabytes_is_stopped_where_rows_are_written() {
    let bombs = [
        "CREATE TABLE t(x, g AS (hex(zeroblob(1000000000))) STORED)",
        "CREATE TABLE t(x, g AS (printf('%.*c', 1000000000, 'x')) STORED)",
        "CREATE TABLE t(x, g AS (replace(hex(zeroblob(8000000)), '0', hex(zeroblob(8000000)))) STORED)",
    ];
    let indexes =
        ["CREATE INDEX i ON t(hex(zeroblob(1000000000)))", "CREATE INDEX i ON t(x) WHERE hex(zeroblob(1000000000))>''"];
    for (table, index) in
        bombs.map(|table| (table, None)).into_iter().chain(indexes.map(|i| ("CREATE TABLE t(x)", Some(i))))
    {
        let scratch = Scratch::new(Image::default());
        let connection = scratch.writer().unwrap();
        connection.execute(table, []).unwrap();
        let insert = || connection.execute("INSERT INTO t(x) VALUES (1)", []);
        let began = Instant::now();
        let error = match index {
            None => insert().unwrap_err(),
            Some(index) => {
                insert().unwrap();
                connection.execute(index, []).unwrap_err()
            }
        };
        assert!(is_out_of_bounds(&error), "{table}, {index:?}: {error}");
        assert!(began.elapsed() < Duration::from_secs(5), "{table}, {index:?}");
    }
}

/// Each value is within bounds; together they are not.
#[test]
fn many_large_values_together_find_the_bound_of_memory() {
    let values = vec!["printf('%.*c', 15000000, 'x')"; 60].join("||'',");
    let connection = empty(Task::Rehearse).unwrap();
    let error = connection.query_row(&format!("SELECT length(max({values}))"), [], |_| Ok(())).unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::OutOfMemory), "{error}");
}
