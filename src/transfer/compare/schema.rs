//! Compares the two schemas text by text, and the header fields that belong to them.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{Differences, ONLY_ON_D1, only_in};
use crate::transfer::Error;

/// One row of `sqlite_schema`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    /// `table`, `index`, `view` or `trigger`.
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The table or view it belongs to.
    pub(crate) table: String,
    pub(crate) sql: String,
}

/// The objects of a local database, without SQLite's own.
pub(crate) fn objects_of(connection: &Connection) -> Result<Vec<Object>, Error> {
    let sql = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL \
               AND substr(name,1,7)<>'sqlite_' ORDER BY rowid";
    let mut statement = connection.prepare(sql)?;
    let objects = statement.query_map([], |row| {
        Ok(Object { kind: row.get(0)?, name: row.get(1)?, table: row.get(2)?, sql: row.get(3)? })
    })?;
    Ok(objects.collect::<Result<_, _>>()?)
}

/// The fields of a plain database's header that D1 keeps in `_lf_state`; those with their usual value are left out.
pub(crate) fn fields_of(connection: &Connection) -> Result<Vec<(String, i64)>, Error> {
    let mut fields = Vec::new();
    for name in ["user_version", "application_id"] {
        fields.push((name.to_owned(), connection.pragma_query_value(None, name, |row| row.get(0))?));
    }
    let encoding: String = connection.pragma_query_value(None, "encoding", |row| row.get(0))?;
    let number =
        ["UTF-8", "UTF-16le", "UTF-16be"].iter().position(|name| *name == encoding).map_or(0, |n| n as i64 + 1);
    fields.push(("encoding".to_owned(), number));
    Ok(usual_left_out(fields))
}

fn usual_left_out(fields: Vec<(String, i64)>) -> Vec<(String, i64)> {
    let usual = |name: &str| i64::from(name == "encoding");
    fields.into_iter().filter(|(name, value)| *value != usual(name)).collect()
}

/// Reports objects that differ or exist on one side only.
pub(crate) fn compare_objects(d1: &[Object], local: &[Object], local_name: &str, found: &mut Differences) {
    let by_name = |objects: &[Object]| -> BTreeMap<(String, String), Object> {
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
    for name in ["user_version", "application_id", "encoding"] {
        let value = |fields: &[(String, i64)]| {
            let fields = usual_left_out(fields.to_vec());
            fields.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
        };
        if value(d1) != value(local) {
            found.add(name.to_owned(), "it has another value on D1".to_owned());
        }
    }
}
