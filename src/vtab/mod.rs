//! What liteflare adds to SQL in every connection that is opened after the extension was loaded.
//!
//! ```text
//! raw (SQLite's calls) ──► interface ──► query (d1_query), table (d1) ──► statement, scan ──► d1
//!                                   └──► status (liteflare_status)
//! ```

mod error;
mod interface;
mod json;
mod limit;
mod query;
mod raw;
mod scan;
mod statement;
mod status;
mod table;

use std::path::PathBuf;
use std::sync::Arc;

use sqlite_loadable::Result;
use sqlite_loadable::ext::{sqlite3, sqlite3_api_routines};
use sqlite_loadable::table::{define_table_function, define_virtual_table};

use crate::replica::Replica;
use crate::serve::replicas;
use crate::value::Value;
use error::QueryError;
use raw::{HostConnection, RawTable, define_function};

/// Registers everything with a connection, whose main database is the file `path`. Runs no SQL.
///
/// # Safety
/// `api` is the routine table of the connection's SQLite.
#[allow(unsafe_code)]
pub(crate) unsafe fn register(db: *mut sqlite3, api: *const sqlite3_api_routines, path: PathBuf) -> Result<()> {
    // SAFETY: the caller's promise.
    let connection = unsafe { HostConnection::new(api, path) };
    define_function(db, c"liteflare_version", connection.clone(), |_| {
        Ok(Value::Text(env!("CARGO_PKG_VERSION").into()))
    })?;
    define_function(db, c"liteflare_sync", connection.clone(), sync)?;
    define_table_function::<RawTable<query::D1Query>>(db, "d1_query", Some(connection.clone()))?;
    define_table_function::<RawTable<status::StatusTable>>(db, "liteflare_status", Some(connection.clone()))?;
    define_virtual_table::<RawTable<table::D1Table>>(db, "d1", Some(connection))
}

/// `liteflare_sync()`
fn sync(connection: &HostConnection) -> std::result::Result<Value, String> {
    let replica = replicas::of(&connection.path).ok_or("liteflare_sync(): this database is not on D1")?;
    let seq = replica.sync().map_err(|error| error.to_string())?;
    Ok(Value::Integer(seq.0.cast_signed()))
}

fn replica_of(who: &'static str, connection: &HostConnection) -> std::result::Result<Arc<Replica>, QueryError> {
    replicas::of(&connection.path).ok_or(QueryError::NotOnD1 { who })
}
