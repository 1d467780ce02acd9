//! The two schemas, text by text, and what goes with them.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{Differences, Sides};
use crate::ledger::header;
use crate::ledger::tables::StoredObject;
use crate::transfer::Error;

/// An object as the application wrote it: one row of `sqlite_schema`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// `table`, `index`, `view` or `trigger`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The table or view it belongs to.
    pub table: String,
    /// Its text.
    pub sql: String,
}

impl From<StoredObject> for Object {
    fn from(stored: StoredObject) -> Object {
        let sql = stored.declared();
        Object { kind: stored.kind, name: stored.name, table: stored.table, sql }
    }
}

/// The objects of a plain database, without SQLite's own.
pub fn objects_of(connection: &Connection) -> Result<Vec<Object>, Error> {
    let sql = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL \
               AND substr(name,1,7)<>'sqlite_' ORDER BY rowid";
    let mut statement = connection.prepare(sql)?;
    let objects = statement.query_map([], |row| {
        Ok(Object { kind: row.get(0)?, name: row.get(1)?, table: row.get(2)?, sql: row.get(3)? })
    })?;
    Ok(objects.collect::<Result<_, _>>()?)
}

/// Adds the objects that are not the same on both sides.
pub fn compare_objects(d1: &[Object], local: &[Object], sides: &Sides, found: &mut Differences) {
    let by_name = |objects: &[Object]| -> BTreeMap<(String, String), Object> {
        objects.iter().map(|object| ((object.kind.clone(), object.name.clone()), object.clone())).collect()
    };
    let (on_d1, here) = (by_name(d1), by_name(local));
    for (key, object) in &here {
        let what = || format!("{} {}", key.0, key.1);
        match on_d1.get(key) {
            None => found.add(what(), sides.only_local()),
            Some(other) if other != object => found.add(what(), "its text is another one on D1".to_owned()),
            Some(_) => {}
        }
    }
    for key in on_d1.keys().filter(|key| !here.contains_key(*key)) {
        found.add(format!("{} {}", key.0, key.1), sides.only_d1());
    }
}

/// Adds the header fields that are not the same.
pub fn compare_fields(d1: &[(String, i64)], local: &[(String, i64)], found: &mut Differences) {
    for name in header::differing(d1, local) {
        found.add(name.to_owned(), "it has another value on D1".to_owned());
    }
}
