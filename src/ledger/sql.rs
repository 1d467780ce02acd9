//! The texts of `sql/`: no other file includes them. What has to be built from parts (`state`, `stage`, `changes`) is built there.
//! Their comments stay here: D1's REST API has stumbled over a `;` or a quote in one.

use std::sync::LazyLock;

/// A text as it is sent: without the line end that an editor leaves.
macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("../../sql/", $name, ".sql")).trim_ascii_end()
    };
}

/// A text with comments, each on lines of its own, as it is sent: without them.
macro_rules! commented {
    ($name:literal) => {
        LazyLock::new(|| {
            let lines = text!($name).lines().filter(|line| !line.trim_start().starts_with("--") && !line.is_empty());
            lines.collect::<Vec<_>>().join("\n")
        })
    };
}

/// Makes the tables, statement by statement.
pub(super) static BOOKKEEPING: LazyLock<String> = commented!("bookkeeping");
/// The fence and the log's entry in one. `?1`, `?2`: seq and txn of the commit it builds on, `?3`: its txn, `?4`: who writes, `?5`: what
/// changed.
pub(super) static COMMIT: LazyLock<String> = commented!("commit");
/// The log's entry for what was written past the replicas. `?1`: the txn, `?2`: who writes.
pub(super) static FOREIGN: LazyLock<String> = commented!("foreign");

/// Seq and txn of the newest commit; 0 and nothing when nobody has committed yet.
pub(super) const LOG_NEWEST: &str = text!("log_newest");
/// Seq, txn and changes of the commits from the seq in `?1` on; the first one's changes are left out.
pub(super) const LOG_SINCE: &str = text!("log_since");
/// The seq of the commit with the txn in `?1`, if D1 has it, and the newest seq.
pub(super) const LOG_FIND: &str = text!("log_find");
/// Forgets the commits before the seq in `?1`.
pub(super) const LOG_PRUNE: &str = text!("log_prune");
/// Seq, time, writer and tables of the last commits, newest first.
pub(super) const LOG_RECENT: &str = text!("log_recent");

/// All keys with their values.
pub(super) const STATE_READ: &str = text!("state_read");
/// Forgets the fields of the database header.
pub(super) const STATE_FORGET_HEADER: &str = text!("state_forget_header");
/// Says that an import has begun, and that it has ended.
pub(super) const IMPORTING: [&str; 2] = [text!("importing_begin"), text!("importing_end")];
/// Makes guarded triggers silent, and lets them speak again.
pub(super) const REPLAYING: [&str; 2] = [text!("replaying_begin"), text!("replaying_end")];

/// One part. `?1`: the stage, `?2`: its number, `?3`: the payload.
pub(super) const STAGE_PUT: &str = text!("stage_put");
/// Notes when the stage in `?1` was last added to.
pub(super) const STAGE_DATE: &str = text!("stage_date");
/// Fails (NOT NULL) unless the stage in `?1` has so many parts of so many bytes together: `?2`, with a space between the two.
pub(super) const STAGE_CHECK: &str = text!("stage_check");
/// Deletes the parts of the stage in `?1`.
pub(super) const STAGE_CLEAR: &str = text!("stage_clear");
/// Takes stages of which nobody has noted when they were made (0.1.0 does not) for new ones.
pub(super) const STAGE_DATE_REST: &str = text!("stage_date_rest");
/// Deletes the stages to which nobody has added for a day.
pub(super) const STAGE_EXPIRE: &str = text!("stage_expire");

/// Kind, name, table and text of the application's objects, in the order in which they were made.
pub(super) const SCHEMA_OBJECTS: &str = text!("schema_objects");
/// The names of the application's tables.
pub(super) const SCHEMA_TABLES: &str = text!("schema_tables");
/// Whether liteflare has been here: two rows, or none.
pub(super) const SCHEMA_LOG: &str = text!("schema_log");
/// Name and text of liteflare's own tables.
pub(super) const SCHEMA_OWN: &str = text!("schema_own");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::d1::splitter::is_kept_whole;

    #[test]
    fn nothing_of_ours_is_cut_and_no_comment_is_sent() {
        let many = BOOKKEEPING.split_inclusive(";\n").chain([COMMIT.as_str(), FOREIGN.as_str()]);
        let single = [LOG_NEWEST, LOG_SINCE, LOG_FIND, LOG_PRUNE, LOG_RECENT, STATE_READ, STATE_FORGET_HEADER];
        let stage = [STAGE_PUT, STAGE_DATE, STAGE_CHECK, STAGE_CLEAR, STAGE_DATE_REST, STAGE_EXPIRE];
        let schema = [SCHEMA_OBJECTS, SCHEMA_TABLES, SCHEMA_LOG, SCHEMA_OWN];
        let all = many.chain(single).chain(stage).chain(schema).chain(IMPORTING).chain(REPLAYING);
        for sql in all {
            assert!(is_kept_whole(sql) && !sql.contains("--") && !sql.contains("/*"), "{sql}");
        }
    }
}
