//! The statements of one commit, as one request or, when they are too large for that, staged by several.

use super::Statement;
use crate::image::Seq;

/// Largest sum of parameters sent in one request. D1 takes 15 MB (seen on workerd); a quarter leaves room for its memory.
pub const REQUEST_BYTES: usize = 4_000_000;
/// Commits kept in the log: a replica further behind hydrates anew.
const KEPT_COMMITS: u64 = 10_000;

/// A commit's identity and place.
pub struct Fence<'a> {
    /// The seq it builds on.
    pub base: Seq,
    /// Its random id, which survives retries.
    pub txn: &'a str,
    /// Who writes: for people reading the log.
    pub source: &'a str,
    /// What it changes, for replicas that are behind; JSON.
    pub changes: &'a str,
}

/// A commit ready to be sent.
pub struct Batch {
    /// Requests that put parts into `_lf_stage`; none for most commits. Sending one again does no harm.
    pub stage: Vec<Vec<Statement>>,
    /// The request that makes the commit: all or nothing.
    pub apply: Vec<Statement>,
}

impl Batch {
    /// Brackets `body` (`DECODE.md`, R1 and R14). `replays`: some table has triggers, which must stay silent meanwhile.
    pub fn new(fence: &Fence<'_>, body: Vec<Statement>, replays: bool) -> Batch {
        let total: usize = body.iter().flat_map(|statement| &statement.params).map(String::len).sum();
        let (stage, body) = if total > REQUEST_BYTES { staged(fence.txn, body) } else { (Vec::new(), body) };
        let mut apply = vec![Statement::new("PRAGMA defer_foreign_keys=on"), fence_row(fence)];
        if replays {
            apply.push(replaying(1));
        }
        apply.extend(body);
        if replays {
            apply.push(replaying(0));
        }
        if !stage.is_empty() {
            apply.push(Statement::with("DELETE FROM _lf_stage WHERE txn=?1", [fence.txn.to_string()]));
        }
        if fence.base.0 % 256 == 255 {
            let oldest = fence.base.0.saturating_sub(KEPT_COMMITS).to_string();
            apply.push(Statement::with("DELETE FROM _lf_commit WHERE seq<CAST(?1 AS INTEGER)", [oldest]));
        }
        // Off, not only "no longer on": it resets the count of dangling references. What the application's own SQLite has
        // accepted, with foreign keys on or off, D1 must accept too (R1).
        apply.push(Statement::new("PRAGMA defer_foreign_keys=off"));
        Batch { stage, apply }
    }
}

fn fence_row(fence: &Fence<'_>) -> Statement {
    let params = [&fence.base.to_string(), fence.txn, fence.source, fence.changes].map(String::from);
    Statement::with(include_str!("../../sql/commit.sql"), params)
}

fn replaying(on: u8) -> Statement {
    Statement::new(format!("UPDATE _lf_state SET value={on} WHERE key='replaying'"))
}

/// Moves the parameters of `body` into `_lf_stage`.
fn staged(txn: &str, body: Vec<Statement>) -> (Vec<Vec<Statement>>, Vec<Statement>) {
    let (mut requests, mut request, mut request_bytes, mut part) = (Vec::new(), Vec::new(), 0, 0_u64);
    let mut apply = Vec::with_capacity(body.len());
    for statement in body {
        let first_part = part;
        for payload in statement.params {
            if request_bytes + payload.len() > REQUEST_BYTES && !request.is_empty() {
                requests.push(std::mem::take(&mut request));
                request_bytes = 0;
            }
            request_bytes += payload.len();
            request.push(Statement::with(
                "INSERT OR REPLACE INTO _lf_stage(txn, part, payload) VALUES (?1, CAST(?2 AS INTEGER), ?3)",
                [txn.to_string(), part.to_string(), payload],
            ));
            part += 1;
        }
        let staged = |parameter: u64| {
            format!("(SELECT payload FROM _lf_stage WHERE txn='{txn}' AND part={})", first_part + parameter - 1)
        };
        apply.push(Statement::new(replace_parameters(&statement.sql, staged)));
    }
    requests.push(request);
    (requests, apply)
}

/// Replaces each `?N` that is not part of a quoted name or string.
fn replace_parameters(sql: &str, with: impl Fn(u64) -> String) -> String {
    let mut out = String::with_capacity(sql.len() + 64);
    let mut quote = None;
    let mut rest = sql.chars().peekable();
    while let Some(c) = rest.next() {
        if quote.is_none() && c == '?' {
            let mut number = 0;
            while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                number = number * 10 + u64::from(digit.to_digit(10).unwrap_or(0));
            }
            out.push_str(&with(number));
            continue;
        }
        if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && (c == '"' || c == '\'') {
            quote = Some(c);
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_transaction_is_staged_and_its_statements_keep_their_meaning() {
        let params = ["a".repeat(3_000_000), "b".repeat(3_000_000)];
        let body = vec![
            Statement::new("CREATE TABLE \"a?1\"(x DEFAULT '?2')"),
            Statement::with("INSERT INTO \"a?1\" SELECT ?1||?2, '$[?1]' FROM x", params),
        ];
        let fence = Fence { base: Seq(4), txn: "t", source: "", changes: "" };
        let batch = Batch::new(&fence, body, false);
        assert_eq!(batch.stage.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
        let sql: Vec<&str> = batch.apply.iter().map(|statement| statement.sql.as_str()).collect();
        assert_eq!(sql[2], "CREATE TABLE \"a?1\"(x DEFAULT '?2')");
        let part = |n| format!("(SELECT payload FROM _lf_stage WHERE txn='t' AND part={n})");
        assert_eq!(sql[3], format!("INSERT INTO \"a?1\" SELECT {}||{}, '$[?1]' FROM x", part(0), part(1)));
        assert!(batch.apply.iter().skip(2).all(|statement| statement.params.len() < 2));
    }
}
