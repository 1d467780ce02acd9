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

use sqlite_loadable::ext::{sqlite3, sqlite3_api_routines};
use sqlite_loadable::table::{define_table_function, define_virtual_table};
use sqlite_loadable::{Error, FunctionFlags, Result, api, define_scalar_function};

use crate::replica::Replica;
use crate::vfs::router;
use error::QueryError;
use raw::{Host, TableShell};

/// Registers everything with a connection whose main database is the file `path`. Runs no statement.
///
/// # Safety
/// `api` is the routine table of the connection's SQLite.
#[allow(unsafe_code)]
pub unsafe fn register(db: *mut sqlite3, api: *const sqlite3_api_routines, path: PathBuf) -> Result<()> {
    // SAFETY: says the caller.
    let host = unsafe { Host::new(api, path) };
    let version = |context, _: &[_]| api::result_text(context, env!("CARGO_PKG_VERSION"));
    define_scalar_function(db, "liteflare_version", 0, version, FunctionFlags::UTF8)?;
    let path = host.path.clone();
    let sync = move |context, _: &[_]| {
        let replica = router::replica_of(&path);
        let replica = replica.ok_or_else(|| Error::new_message("liteflare_sync(): this database is not on D1"))?;
        let seq = replica.sync().map_err(|error| Error::new_message(error.to_string()))?;
        api::result_int64(context, seq.0 as i64);
        Ok(())
    };
    define_scalar_function(db, "liteflare_sync", 0, sync, FunctionFlags::UTF8)?;
    define_table_function::<TableShell<query::D1Query>>(db, "d1_query", Some(host.clone()))?;
    define_table_function::<TableShell<status::Status>>(db, "liteflare_status", Some(host.clone()))?;
    define_virtual_table::<TableShell<table::D1Table>>(db, "d1", Some(host))
}

fn replica_of(who: &'static str, host: &Host) -> std::result::Result<Arc<Replica>, QueryError> {
    router::replica_of(&host.path).ok_or(QueryError::NotOnD1 { who })
}
