//! SQLite's own checks of a whole database, and which object keeps them from being made.
//!
//! They compute the schema's expressions: CHECKs, generated columns, keys of indexes. One that takes too long, or too much memory, ends
//! the check of everything; then the tables are checked one by one, to name the one that it belongs to.

use rusqlite::Connection;

use super::Error;
use crate::schema::{Kind, Schema, quoted};
use crate::vfs::inner::{is_out_of_bounds, told};

/// How much SQLite looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Pages, rows and constraints.
    Quick,
    /// The indexes, too.
    Full,
}

/// What SQLite finds: nothing in a sound database.
pub(crate) fn problems(connection: &Connection, depth: Depth) -> Result<Vec<String>, Error> {
    match run(connection, depth, None) {
        Err(error) if is_out_of_bounds(&error) => {
            Err(Error::Unexaminable { what: culprit(connection, depth, &error)? })
        }
        found => Ok(found?),
    }
}

fn run(connection: &Connection, depth: Depth, table: Option<&str>) -> rusqlite::Result<Vec<String>> {
    let pragma = match depth {
        Depth::Quick => "quick_check",
        Depth::Full => "integrity_check",
    };
    let of = table.map_or_else(String::new, |table| format!("({})", quoted(table)));
    let mut statement = connection.prepare(&format!("PRAGMA {pragma}{of}"))?;
    let found: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(found.into_iter().filter(|problem| problem != "ok").collect())
}

/// The first table that cannot be checked, with the reason. (Each may take as long as the whole did.)
fn culprit(connection: &Connection, depth: Depth, whole: &rusqlite::Error) -> Result<String, Error> {
    let schema = Schema::objects(connection)?;
    for object in schema.objects.values().filter(|object| object.kind == Kind::Table) {
        match run(connection, depth, Some(&object.name)) {
            Err(error) if is_out_of_bounds(&error) => return Ok(format!("{} ({})", object.label(), told(&error))),
            _ => {}
        }
    }
    Ok(format!("the database ({})", told(whole)))
}
