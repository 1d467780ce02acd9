//! The fields of a database's header that applications set and D1 does not keep (SQLite's file format, section 1.3).

use rusqlite::Connection;

use super::state::{State, set_field};
use crate::d1::Statement;
use crate::image::Image;

/// A field of the header.
struct Field {
    /// The pragma's name, and the key under which D1 remembers it.
    name: &'static str,
    /// Its place in the header.
    offset: usize,
    /// What a new database has there.
    usual: i64,
}

const FIELDS: [Field; 3] = [
    Field { name: "user_version", offset: 60, usual: 0 },
    Field { name: "application_id", offset: 68, usual: 0 },
    Field { name: ENCODING, offset: 56, usual: 1 },
];
const ENCODING: &str = "encoding";
/// In the order of their numbers in the header, from 1.
const ENCODINGS: [&str; 3] = ["UTF-8", "UTF-16le", "UTF-16be"];

/// What a commit writes about the header: the fields that `after` has otherwise.
pub(crate) fn changes(before: &Image, after: &Image) -> Vec<Statement> {
    let value = |image: &Image, field: &Field| i64::from(image.header_u32(field.offset).cast_signed());
    let is_changed = |field: &&Field| value(before, field) != value(after, field);
    // In a new database only what is unusual is worth a row.
    let is_worth = |field: &&Field| before.page_count() > 0 || value(after, field) != field.usual;
    let fields = FIELDS.iter().filter(is_changed).filter(is_worth);
    fields.map(|field| set_field(field.name, value(after, field))).collect()
}

/// The fields of a plain database that have an unusual value.
pub(crate) fn fields_of(connection: &Connection) -> rusqlite::Result<Vec<(String, i64)>> {
    let mut fields = Vec::new();
    for field in &FIELDS {
        let value = present(connection, field.name)?;
        if value != field.usual {
            fields.push((field.name.to_owned(), value));
        }
    }
    Ok(fields)
}

/// The names of the fields whose values differ; a field that is not there has the usual one.
pub(crate) fn differing(one: &[(String, i64)], other: &[(String, i64)]) -> Vec<&'static str> {
    let value = |fields: &[(String, i64)], field: &Field| {
        fields.iter().find(|(name, _)| name == field.name).map_or(field.usual, |(_, value)| *value)
    };
    FIELDS.iter().filter(|field| value(one, field) != value(other, field)).map(|field| field.name).collect()
}

/// Whether `state` has any of them.
pub(crate) fn is_in(state: &State) -> bool {
    FIELDS.iter().any(|field| state.field(field.name).is_some())
}

/// Sets the encoding; possible only while the database has no table.
pub(crate) fn write_encoding(connection: &Connection, state: &State) -> rusqlite::Result<()> {
    let Some(number) = state.field(ENCODING) else { return Ok(()) };
    let name = usize::try_from(number).ok().and_then(|number| ENCODINGS.get(number.checked_sub(1)?));
    connection.pragma_update(None, ENCODING, name.unwrap_or(&ENCODINGS[0]))
}

/// Sets the fields that may change at any time.
pub(crate) fn write(connection: &Connection, state: &State) -> rusqlite::Result<()> {
    for field in FIELDS.iter().filter(|field| field.name != ENCODING) {
        if let Some(value) = state.field(field.name)
            && present(connection, field.name)? != value
        {
            connection.pragma_update(None, field.name, value)?;
        }
    }
    Ok(())
}

fn present(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    if name != ENCODING {
        return connection.pragma_query_value(None, name, |row| row.get(0));
    }
    let encoding: String = connection.pragma_query_value(None, name, |row| row.get(0))?;
    Ok(ENCODINGS.iter().zip(1..).find(|(name, _)| **name == encoding).map_or(0, |(_, number)| number))
}
