//! How large an answer may be, from what was asked.

use super::statement::Statement;
use crate::cloudflare::Oversized;

/// An answer with rows. D1 documents 50 MB; workerd gives twice as much.
pub(super) const ROWS: Oversized = Oversized { most: 128 << 20, what: "an answer of D1" };

/// One row as JSON: not more than D1 gives in an answer.
pub(super) const ROW: Oversized = Oversized { most: 64 << 20, what: "a row of D1's" };

/// An answer without its rows: the columns' names, whose texts come from a statement of at most 100 KB, and D1's account.
pub(super) const AROUND: Oversized = Oversized { most: 2 << 20, what: "what D1 says beside the rows" };

/// Arrays and objects within each other: an answer has five around its rows, and a row two more for a blob.
pub(super) const DEPTH: Oversized = Oversized { most: 64, what: "the depth of D1's JSON" };

/// A page of databases.
pub(super) const LISTING: Oversized = Oversized { most: 4 << 20, what: "a list of databases" };

/// What D1 says of a statement that gives no rows, and around all of them.
const ACCOUNT_BYTES: u64 = 4 << 10;
const FRAME_BYTES: u64 = 1 << 20;

/// The answer to a batch.
pub(super) fn of(statements: &[Statement]) -> Oversized {
    if statements.iter().any(Statement::may_give_rows) {
        return ROWS;
    }
    let most = FRAME_BYTES + statements.len() as u64 * ACCOUNT_BYTES;
    Oversized { most: most.min(ROWS.most), what: "D1's answer to statements that give no rows" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_writes_and_does_not_tell_of_it_gives_no_rows() {
        for sql in ["INSERT INTO t VALUES (1)", " delete FROM t", "REPLACE INTO t VALUES (1)", "CREATE TABLE t(a)"] {
            assert!(of(&[Statement::new(sql)]).most < 2 << 20, "{sql}");
        }
        for sql in [
            "SELECT 1",
            "-- x\nSELECT 1",
            "PRAGMA x",
            "WITH a AS (SELECT 1) DELETE FROM t",
            "UPDATE t SET a=1 Returning a",
        ] {
            assert_eq!(of(&[Statement::new("DELETE FROM t"), Statement::new(sql)]), ROWS, "{sql}");
        }
    }
}
