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
/// The fence and the log's entry in one. `?1`, `?2`: seq and txn of the commit it builds on, `?3`: its txn, `?4`: what changed.
pub(super) static COMMIT: LazyLock<String> = commented!("commit");
/// From here on triggers speak again. `?1`: who writes, `?2`: how many rows have been written since, the log's included; empty: any. Fails
/// (NOT NULL) unless it were so many.
pub(super) const COMMIT_END: &str = text!("commit_end");
/// The log's entry for what was written past the replicas. `?1`: the txn, `?2`: who writes.
pub(super) static FOREIGN: LazyLock<String> = commented!("foreign");

/// Seq and txn of the newest commit; 0 and nothing when nobody has committed yet.
pub(super) const LOG_NEWEST: &str = text!("log_newest");
/// Seq, txn and changes of the commits from the seq in `?1` on; the first one's changes are left out.
pub(super) const LOG_SINCE: &str = text!("log_since");
/// The seq of the commit with the txn in `?1` at the seq in `?2`, if D1 has it, and the newest seq.
pub(super) const LOG_FIND: &str = text!("log_find");
/// Forgets the commits before the seq in `?1`.
pub(super) const LOG_PRUNE: &str = text!("log_prune");
/// Seq, time, writer and tables of the last commits, newest first.
pub(super) const LOG_RECENT: &str = text!("log_recent");

/// All keys with their values, but for the schema.
pub(super) const STATE_READ: &str = text!("state_read");
/// Forgets the fields of the database header.
pub(super) const STATE_FORGET_HEADER: &str = text!("state_forget_header");
/// Forgets what only format 1 has.
pub(super) const STATE_FORGET_FORMAT_1: &str = text!("state_forget_format_1");
/// Says that an import has begun, and that it has ended.
pub(super) const IMPORTING: [&str; 2] = [text!("importing_begin"), text!("importing_end")];
/// Makes a database of format 1 (0.1.0) one of format 2, statement by statement: before the log is made anew, and after. Fails (NOT NULL)
/// where somebody has done so meanwhile. The log loses an index, and its sources a letter by which those of 0.1.0 are known from then on.
pub(super) const UPGRADE: [&str; 2] =
    [include_str!("../../sql/upgrade.sql"), include_str!("../../sql/upgrade_end.sql")];

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

/// Notes a process. `?1`: its id, `?2`: who that is, for people, `?3`: where it runs, `?4`: `reads`, `alone` or `polite`.
pub(super) const COMPANY_NOTE: &str = text!("company_note");
/// Id and place of the other processes that live, and the seconds since each wrote.
pub(super) const COMPANY_READ: &str = text!("company_read");
/// Forgets processes of which nobody has heard for long.
pub(super) const COMPANY_EXPIRE: &str = text!("company_expire");
/// Forgets the processes in the list `?1`.
pub(super) const COMPANY_REMOVE: &str = text!("company_remove");
/// A row if others wait for the lease; the process in `?1`, which wrote without it, is not alone any more then.
pub(super) const COMPANY_HEAR: &str = text!("company_hear");

/// Gives the process in `?1` a ticket, or prolongs the one it has. `?2`: the commits it will probably make in its turn.
pub(super) const LEASE_ASK: &str = text!("lease_ask");
/// The commits that are to come before the turn of the process in `?1`, and the milliseconds (or less than none) for which somebody
/// may still write who does not know that others do.
pub(super) const LEASE_PLACE: &str = text!("lease_place");
/// Gives back the lease, or the ticket, of the process in `?1`.
pub(super) const LEASE_GIVE: &str = text!("lease_give");
/// Notes one commit of the turn of the process in `?1`, which keeps the lease.
pub(super) const LEASE_SPEND: &str = text!("lease_spend");
/// Prolongs it.
pub(super) const LEASE_RENEW: &str = text!("lease_renew");
/// Takes the tickets of the processes in the list `?1` away.
pub(super) const LEASE_REMOVE: &str = text!("lease_remove");
/// Clears away tickets that expired long ago.
pub(super) const LEASE_EXPIRE: &str = text!("lease_expire");

/// Kind, name, table and text of the application's objects, in the order in which they were made.
pub(super) const SCHEMA_OBJECTS: &str = text!("schema_objects");
/// The names of the application's tables.
pub(super) const SCHEMA_TABLES: &str = text!("schema_tables");
/// Whether liteflare has been here: two rows, or none.
pub(super) const SCHEMA_LOG: &str = text!("schema_log");
/// Whether the schema is what it was when liteflare last looked after it: 1, else 0.
pub(super) const SCHEMA_SEEN: &str = text!("schema_seen");
/// If it is not: the schema, in hex.
pub(super) const SCHEMA_UNSEEN: &str = text!("schema_unseen");
/// Fails (NOT NULL) unless the schema, in hex, is `?1`.
pub(super) const SCHEMA_CHECK: &str = text!("schema_check");
/// Notes that liteflare has looked after the schema.
pub(super) const SCHEMA_NOTE: &str = text!("schema_note");
/// The names of the triggers that note what is written past liteflare.
pub(super) const CAPTURE_NAMES: &str = text!("capture_names");
/// Name and text of liteflare's own tables.
pub(super) const SCHEMA_OWN: &str = text!("schema_own");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::d1::splitter::is_kept_whole;

    #[test]
    fn nothing_of_ours_is_cut_and_no_comment_is_sent() {
        let many = BOOKKEEPING.split_inclusive(";\n").chain([COMMIT.as_str(), FOREIGN.as_str()]);
        let single = [
            COMMIT_END,
            LOG_NEWEST,
            LOG_SINCE,
            LOG_FIND,
            LOG_PRUNE,
            LOG_RECENT,
            STATE_READ,
            STATE_FORGET_HEADER,
            STATE_FORGET_FORMAT_1,
            STAGE_PUT,
            STAGE_DATE,
            STAGE_CHECK,
            STAGE_CLEAR,
            STAGE_DATE_REST,
            STAGE_EXPIRE,
            COMPANY_NOTE,
            COMPANY_READ,
            COMPANY_EXPIRE,
            COMPANY_REMOVE,
            COMPANY_HEAR,
            LEASE_ASK,
            LEASE_PLACE,
            LEASE_GIVE,
            LEASE_SPEND,
            LEASE_RENEW,
            LEASE_REMOVE,
            LEASE_EXPIRE,
            SCHEMA_OBJECTS,
            SCHEMA_TABLES,
            SCHEMA_LOG,
            SCHEMA_SEEN,
            SCHEMA_UNSEEN,
            SCHEMA_CHECK,
            SCHEMA_NOTE,
            CAPTURE_NAMES,
            SCHEMA_OWN,
        ];
        let upgrade = UPGRADE.iter().flat_map(|text| text.split_inclusive(";\n"));
        let all = many.chain(single).chain(upgrade).chain(IMPORTING);
        for sql in all {
            assert!(is_kept_whole(sql) && !sql.contains("--") && !sql.contains("/*"), "{sql}");
        }
    }
}
