//! The statements of one commit, as one request or, when they are too large for that, staged by several.

use crate::d1::{Batch, Statement};
use crate::image::Seq;
use crate::plan::{PlanError, with_sources};

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

/// Brackets `body` (`DECODE.md`, R1 and R14). `replays`: some table has triggers, which must stay silent meanwhile.
pub fn batch(fence: &Fence<'_>, body: Vec<Statement>, replays: bool) -> Result<Batch, PlanError> {
    let total: usize = body.iter().flat_map(|statement| &statement.params).map(String::len).sum();
    let (stage, body) = if total > REQUEST_BYTES { staged(fence.txn, body)? } else { (Vec::new(), body) };
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
    Ok(Batch { stage, apply })
}

fn fence_row(fence: &Fence<'_>) -> Statement {
    let params = [&fence.base.to_string(), fence.txn, fence.source, fence.changes].map(String::from);
    Statement::with(include_str!("../../sql/commit.sql"), params)
}

fn replaying(on: u8) -> Statement {
    Statement::new(format!("UPDATE _lf_state SET value={on} WHERE key='replaying'"))
}

/// Moves the parameters of `body` into `_lf_stage`.
fn staged(txn: &str, body: Vec<Statement>) -> Result<(Vec<Vec<Statement>>, Vec<Statement>), PlanError> {
    let (mut requests, mut request, mut request_bytes, mut part) = (Vec::new(), Vec::new(), 0, 0_u64);
    let mut apply = Vec::with_capacity(body.len());
    for mut statement in body {
        let first_part = part;
        for payload in std::mem::take(&mut statement.params) {
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
        let staged = |parameter: usize| {
            let part = first_part + parameter as u64 - 1;
            format!("(SELECT payload FROM _lf_stage WHERE txn='{txn}' AND part={part})")
        };
        apply.push(Statement::new(with_sources(&statement, staged)?));
    }
    requests.push(request);
    Ok((requests, apply))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Options, TableChanges, plan};
    use crate::schema::Schema;
    use crate::value::Key;

    #[test]
    fn a_large_transaction_is_staged_and_its_statements_keep_their_meaning() {
        let params = ["a".repeat(3_000_000), "b".repeat(3_000_000)];
        let body = vec![
            Statement::new("CREATE TABLE \"a?1\"(x DEFAULT '?2')"),
            Statement::with("INSERT INTO \"a?1\" SELECT ?1||?2, '$[?1]' FROM x", params),
        ];
        let fence = Fence { base: Seq(4), txn: "t", source: "", changes: "" };
        let batch = super::batch(&fence, body, false).unwrap();
        assert_eq!(batch.stage.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
        let sql: Vec<&str> = batch.apply.iter().map(|statement| statement.sql.as_str()).collect();
        assert_eq!(sql[2], "CREATE TABLE \"a?1\"(x DEFAULT '?2')");
        let part = |n| format!("(SELECT payload FROM _lf_stage WHERE txn='t' AND part={n})");
        assert_eq!(sql[3], format!("INSERT INTO \"a?1\" SELECT {}||{}, '$[?1]' FROM x", part(0), part(1)));
        assert!(batch.apply.iter().skip(2).all(|statement| statement.params.len() < 2));
    }

    /// One transaction with a row of 1.96 MB, which travels in pieces, and the counter of its table.
    fn body() -> Vec<Statement> {
        let [before, after] = [(); 2].map(|()| rusqlite::Connection::open_in_memory().unwrap());
        let sql = "CREATE TABLE \"a?1\"(id INTEGER PRIMARY KEY AUTOINCREMENT, \"b?2\", c)";
        before.execute_batch(sql).unwrap();
        before.execute_batch("INSERT INTO \"a?1\" VALUES (1,'?1',1.5),(2,'x',x'')").unwrap();
        after.execute_batch(sql).unwrap();
        let text = "t".repeat(1_960_000);
        after.execute("INSERT INTO \"a?1\" VALUES (2,'y',2),(3,?1,NULL),(4,?1,x'00')", [text]).unwrap();
        after.execute_batch("UPDATE sqlite_sequence SET seq=9").unwrap();
        let [old, new] = [&before, &after].map(|connection| Schema::read(connection).unwrap());
        let changes = TableChanges {
            before: Some("a?1".to_owned()),
            after: Some("a?1".to_owned()),
            deleted: vec![Key::Rowid(1)],
            inserted: vec![Key::Rowid(3), Key::Rowid(4)],
            updated: vec![Key::Rowid(2)],
        };
        plan(&before, &after, &old, &new, &[changes], &Options::default()).unwrap().statements
    }

    fn told(title: &str, statements: &[Statement]) -> String {
        let param = |text: &String| match text.len() {
            0..300 => text.clone(),
            len => format!("{}… {len} bytes", &text[..20]),
        };
        let mut told = format!("{title}\n");
        for statement in statements {
            let params: Vec<String> = statement.params.iter().map(param).collect();
            told += &format!("{}  <{}>\n", statement.sql, params.join("> <"));
        }
        told
    }

    /// In `wire.txt`: what D1 is sent changes only on purpose.
    #[test]
    fn the_text_of_a_batch_is_what_it_was() {
        let fence = Fence { base: Seq(255), txn: "T", source: "S", changes: "C" };
        let small = batch(&fence, body(), true).unwrap();
        let mut text = told("-- small", &small.apply);
        let field = "INSERT OR REPLACE INTO _lf_state(key, value) VALUES (?1, CAST(?2 AS INTEGER))";
        let field = Statement::with(field, ["user_version".to_owned(), "7".to_owned()]);
        let large = [body(), body(), vec![field]].concat();
        let large = batch(&fence, large, true).unwrap();
        for request in &large.stage {
            text += &told("-- stage", request);
        }
        text += &told("-- large", &large.apply);
        assert!(small.stage.is_empty());
        assert!(text == include_str!("wire.txt"), "the batches are now:\n{text}");
    }
}
