//! What liteflare adds to SQL, in every connection opened after loading.
//!
//! ```text
//! raw (SQLite's calls) ──► query (d1_query), table (d1) ──► statement, scan ──► d1
//!                     └──► status (liteflare_status)
//! ```

mod error;
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
use crate::serve::router;
use crate::value::Value;
use error::QueryError;
use raw::{Host, TableShell, define_function};

/// Registers everything with a connection whose main database is the file `path`. Runs no statement.
///
/// # Safety
/// `api` is the routine table of the connection's SQLite.
#[allow(unsafe_code)]
pub unsafe fn register(db: *mut sqlite3, api: *const sqlite3_api_routines, path: PathBuf) -> Result<()> {
    // SAFETY: says the caller.
    let host = unsafe { Host::new(api, path) };
    define_function(db, c"liteflare_version", host.clone(), |_| Ok(Value::Text(env!("CARGO_PKG_VERSION").into())))?;
    define_function(db, c"liteflare_sync", host.clone(), sync)?;
    define_table_function::<TableShell<query::D1Query>>(db, "d1_query", Some(host.clone()))?;
    define_table_function::<TableShell<status::Status>>(db, "liteflare_status", Some(host.clone()))?;
    define_virtual_table::<TableShell<table::D1Table>>(db, "d1", Some(host))
}

/// `liteflare_sync()`
fn sync(host: &Host) -> std::result::Result<Value, String> {
    let replica = router::replica_of(&host.path).ok_or("liteflare_sync(): this database is not on D1")?;
    let seq = replica.sync().map_err(|error| error.to_string())?;
    Ok(Value::Integer(seq.0.cast_signed()))
}

fn replica_of(who: &'static str, host: &Host) -> std::result::Result<Arc<Replica>, QueryError> {
    router::replica_of(&host.path).ok_or(QueryError::NotOnD1 { who })
}
