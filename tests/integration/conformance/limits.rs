//! D1's limits: the largest thing that passes and the smallest that does not.

use super::{batch, compare, one, refused, with};
use liteflare::d1::limits;

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (1..=count).map(item).collect::<Vec<_>>().join(", ")
}

fn repeated(count: usize, item: &str, separator: &str) -> String {
    vec![item; count].join(separator)
}

#[test]
fn parameters() {
    let numbered = |count| format!("SELECT {}", list(count, |i| format!("?{i}")));
    compare([
        with(numbered(limits::PARAMS), &vec!["1"; limits::PARAMS]),
        with(numbered(101), &vec!["1"; 101]),
        one("SELECT ?101"),
    ]);
}

#[test]
fn text_of_a_statement() {
    let padded = |bytes: usize| format!("SELECT 1{}", " ".repeat(bytes - 8));
    compare([one(padded(limits::SQL_BYTES)), one(padded(limits::SQL_BYTES + 1))]);
}

#[test]
fn columns() {
    let table = |count| format!("CREATE TABLE t{count} ({})", list(count, |i| format!("c{i}")));
    let select = |count| format!("SELECT {}", list(count, |_| "1".to_owned()));
    compare([
        one(table(limits::COLUMNS)),
        one(table(limits::COLUMNS + 1)),
        one(select(limits::COLUMNS)),
        one(select(limits::COLUMNS + 1)),
        one("SELECT rowid, * FROM t100"),
    ]);
}

#[test]
fn patterns_compounds_depth_and_arguments() {
    let like = |bytes| format!("SELECT 'a' LIKE '{}' AS x, 'a' GLOB '{}' AS y", "a".repeat(bytes), "a".repeat(bytes));
    let compound = |terms| repeated(terms, "SELECT 1", " UNION ALL ");
    let sum = |terms| format!("SELECT {} AS x", repeated(terms, "1", "+"));
    let maximum = |args| format!("SELECT max({}) AS x", repeated(args, "1", ", "));
    compare([
        one(like(50)),
        one(like(51)),
        one(compound(5)),
        one(compound(6)),
        one(format!("SELECT count(*) AS n FROM (VALUES {})", repeated(600, "(1)", ", "))),
        one(sum(100)),
        one(sum(101)),
        one(maximum(127)),
        one(maximum(128)),
    ]);
}

#[test]
fn trigger_depth() {
    let setup = [
        one("CREATE TABLE t (a)"),
        one("CREATE TRIGGER r AFTER INSERT ON t WHEN new.a < 10 BEGIN INSERT INTO t VALUES (new.a + 1); END"),
        batch(&["PRAGMA recursive_triggers = on", "INSERT INTO t VALUES (1)", "SELECT count(*) AS n FROM t"]),
    ];
    // The words changed between SQLite 3.47 and 3.54.
    compare(setup.into_iter().chain([refused("INSERT INTO t VALUES (0)"), one("SELECT count(*) FROM t")]));
}

#[test]
fn the_program_of_a_statement() {
    // Rows of one function call each: three operations a row, whatever the version of SQLite.
    let rows = |count| format!("INSERT INTO t VALUES {}", repeated(count, "(abs(-1))", ", "));
    compare([one("CREATE TABLE t (a)"), one(rows(2000)), refused(rows(9000)), one("SELECT count(*) FROM t")]);
}
