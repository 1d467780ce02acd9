//! D1's limits, from Cloudflare's documentation ("Limits"), each also seen on workerd.

/// Bound parameters in one statement.
pub const PARAMS: usize = 100;
/// Bytes of one statement's SQL text.
pub const SQL_BYTES: usize = 100_000;
/// Bytes of one string, blob or row.
pub const VALUE_BYTES: usize = 2_000_000;
/// Columns of one table or one result.
pub const COLUMNS: usize = 100;
