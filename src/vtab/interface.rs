//! What a virtual table and its cursors provide, without a pointer: `raw` passes SQLite's calls on to these traits.

use std::ffi::c_int;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use sqlite_loadable::table::{BestIndexError, IndexInfo, VTabArguments};

use super::error::QueryError;
use super::raw::HostConnection;
use crate::value::Value;

pub(crate) trait VirtualTable: Sized + 'static {
    type Cursor: TableCursor;
    /// Whether triggers and views must not use it: those of a database from somebody else would run statements in our name.
    const DIRECT_ONLY: bool;

    /// The CREATE TABLE that declares the columns, and the table. `is_new`: it is being created, not merely opened by SQLite once more.
    fn connect(
        connection: &Arc<HostConnection>,
        arguments: &VTabArguments,
        is_new: bool,
    ) -> Result<(String, Self), QueryError>;

    /// SQLite's `xBestIndex`: chooses the terms of a WHERE that the cursor will evaluate.
    fn plan(&self, info: IndexInfo) -> Result<(), BestIndexError>;

    /// A cursor that stands nowhere yet.
    fn open(&self) -> Self::Cursor;
}

/// A scan of a virtual table.
pub(crate) trait TableCursor: 'static {
    /// Starts a scan and goes to its first row. `plan` and `arguments` are what [`VirtualTable::plan`] chose.
    fn start(&mut self, plan: c_int, arguments: Vec<Value>) -> Result<(), QueryError>;

    fn advance(&mut self) -> Result<(), QueryError>;

    /// Whether the last row has been passed.
    fn is_done(&self) -> bool;

    /// A cell of the current row.
    fn value(&self, column: usize) -> ValueRef<'_>;
}
