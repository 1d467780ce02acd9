//! What liteflare adds to SQL, in every connection opened after loading.

use std::path::PathBuf;

use sqlite_loadable::ext::sqlite3;
use sqlite_loadable::{Error, FunctionFlags, Result, api, define_scalar_function};

use crate::vfs::router;

/// Registers the functions with a connection whose main database is the file `path`.
pub fn register(db: *mut sqlite3, path: PathBuf) -> Result<()> {
    let version = |context, _: &[_]| api::result_text(context, env!("CARGO_PKG_VERSION"));
    define_scalar_function(db, "liteflare_version", 0, version, FunctionFlags::UTF8)?;
    let sync = move |context, _: &[_]| {
        let replica = router::open_replicas().into_iter().find(|(open, _)| *open == path).map(|(_, replica)| replica);
        let replica = replica.ok_or_else(|| Error::new_message("liteflare_sync(): this database is not on D1"))?;
        let seq = replica.sync().map_err(|error| Error::new_message(error.to_string()))?;
        api::result_int64(context, seq.0 as i64);
        Ok(())
    };
    define_scalar_function(db, "liteflare_sync", 0, sync, FunctionFlags::UTF8)
}
