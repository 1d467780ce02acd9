//! The setting of the log.

use super::source::{Source, in_environment};
use super::table;

/// `LITEFLARE_LOG`, a `tracing` filter.
pub fn log_filter() -> String {
    match in_environment(&table::LOG) {
        Some(found) => found.text,
        None => Source::read_all().need(&table::LOG).unwrap_or_default(), // any text is a filter
    }
}
