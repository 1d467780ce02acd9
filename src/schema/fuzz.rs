//! What must hold of any schema text, wherever it comes from.

use rusqlite::Connection;

use super::checked::CheckedText;
use super::guard::{TABLE, guard, strip};
use super::lexer::tokens;
use super::{Kind, Object, Schema};
use crate::vfs::inner::{Task, empty};

/// What is there already.
const BEFORE: [(&str, &str, &str); 4] = [
    ("table", "t", "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b, x, \"begin\", \"on\")"),
    ("table", "when", "CREATE TABLE \"when\"(x,\"begin\",\"on\")"),
    ("view", "v", "CREATE VIEW v AS SELECT 1 AS a"),
    ("table", TABLE, "CREATE TABLE _lf_commit(seq INTEGER PRIMARY KEY,source)"),
];

/// Takes a row of `sqlite_schema`: its `type`, its `name` and its `tbl_name` on a line each, and then its `sql`.
pub fn schema_text(row: &str) {
    let mut parts = row.splitn(4, '\n');
    let [Some(kind), Some(name), Some(table), Some(sql)] = [(); 4].map(|()| parts.next()) else { return };
    cut(sql);
    let guarded = guard(name, sql).ok();
    if let Some(guarded) = &guarded {
        assert_ne!(guarded, sql);
        assert_eq!(strip(guarded), sql, "the guard comes off to the byte");
    }
    if let Some(stored) = create(kind, name, table, sql)
        && let Some(guarded) = guarded.filter(|_| stored.kind == Kind::Trigger)
    {
        let again = create(kind, name, table, &guarded).expect("a trigger with a guard is one");
        assert_eq!(strip(&again.sql), stored.sql, "the guard comes off of what SQLite has made of it");
    }
}

/// Tokens are in order and end between letters.
fn cut(sql: &str) {
    let mut last = 0;
    for token in tokens(sql, "object").unwrap_or_default() {
        assert!(last <= token.start && token.start < token.end, "tokens overlap");
        assert!(sql.get(token.start..token.end).is_some(), "a token ends inside of a letter");
        last = token.end;
    }
}

/// The object that a text makes, if it makes one; then it has made no other, and opened nothing.
fn create(kind: &str, name: &str, table: &str, sql: &str) -> Option<Object> {
    let connection = empty(Task::Rehearse).expect("a database in memory");
    for (kind, name, sql) in BEFORE {
        CheckedText::new(kind, name, name, sql).and_then(|text| text.create(&connection)).expect("an ordinary object");
    }
    let before = objects(&connection);
    let created = CheckedText::new(kind, name, table, sql).and_then(|text| text.create(&connection));
    assert!(connection.db_name(2).is_err(), "another database was opened beside main and temp");
    created.ok()?;
    let new: Vec<Object> = objects(&connection).into_iter().filter(|object| !before.contains(object)).collect();
    let [object] = new.as_slice() else { panic!("{} objects were made: {new:?}", new.len()) };
    assert_eq!((object.kind.word(), &*object.name, &*object.table), (kind, name, table));
    let _ = Schema::read(&connection); // any answer will do, as long as there is one
    Some(object.clone())
}

fn objects(connection: &Connection) -> Vec<Object> {
    Schema::objects(connection).expect("its schema can be read").objects.into_values().collect()
}
