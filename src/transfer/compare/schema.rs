//! Compares the two schemas text by text, and the header fields that belong to them.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{Differences, ONLY_ON_D1, only_in};
use crate::ledger::header;
use crate::ledger::tables::StoredObject;
use crate::schema::SchemaError;
use crate::schema::checked::CheckedText;
use crate::transfer::Error;

/// An object as the application wrote it: one row of `sqlite_schema`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeclaredObject {
    /// `table`, `index`, `view` or `trigger`.
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The table or view it belongs to.
    pub(crate) table: String,
    pub(crate) sql: String,
}

impl From<StoredObject> for DeclaredObject {
    fn from(stored: StoredObject) -> DeclaredObject {
        let sql = stored.declared();
        DeclaredObject { kind: stored.kind, name: stored.name, table: stored.table, sql }
    }
}

impl DeclaredObject {
    /// Makes it in the database behind `connection`.
    pub(crate) fn create(&self, connection: &Connection) -> Result<(), SchemaError> {
        CheckedText::new(&self.kind, &self.name, &self.table, &self.sql)?.create(connection)
    }
}

/// The objects of a local database, without SQLite's own.
pub(crate) fn objects_of(connection: &Connection) -> Result<Vec<DeclaredObject>, Error> {
    let sql = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL \
               AND substr(name,1,7)<>'sqlite_' ORDER BY rowid";
    let mut statement = connection.prepare(sql)?;
    let objects = statement.query_map([], |row| {
        Ok(DeclaredObject { kind: row.get(0)?, name: row.get(1)?, table: row.get(2)?, sql: row.get(3)? })
    })?;
    Ok(objects.collect::<Result<_, _>>()?)
}

/// Reports objects that differ or exist on one side only.
pub(crate) fn compare_objects(
    d1: &[DeclaredObject],
    local: &[DeclaredObject],
    local_name: &str,
    found: &mut Differences,
) {
    let by_name = |objects: &[DeclaredObject]| -> BTreeMap<(String, String), DeclaredObject> {
        objects.iter().map(|object| ((object.kind.clone(), object.name.clone()), object.clone())).collect()
    };
    let (on_d1, here) = (by_name(d1), by_name(local));
    for (key, object) in &here {
        let what = || format!("{} {}", key.0, key.1);
        match on_d1.get(key) {
            None => found.add(what(), only_in(local_name)),
            Some(other) if other != object => found.add(what(), "its text is another one on D1".to_owned()),
            Some(_) => {}
        }
    }
    for key in on_d1.keys().filter(|key| !here.contains_key(*key)) {
        found.add(format!("{} {}", key.0, key.1), ONLY_ON_D1.to_owned());
    }
}

/// Reports header fields that differ.
pub(crate) fn compare_fields(d1: &[(String, i64)], local: &[(String, i64)], found: &mut Differences) {
    for name in header::differing(d1, local) {
        found.add(name.to_owned(), "it has another value on D1".to_owned());
    }
}
