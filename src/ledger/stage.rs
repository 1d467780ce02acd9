//! A commit too large for one request: its parameters go to D1 before it, and its statements read them there.

use std::time::Duration;

use super::sql;
use super::txn::Txn;
use crate::d1::Statement;

/// Most bytes of parameters in one request. D1 takes 15 MB (seen on workerd); a quarter leaves room for its memory.
const REQUEST_BYTES: usize = 4_000_000;
/// What is staged and as old as this belongs to a writer that died.
const EXPIRY: Duration = Duration::from_secs(24 * 3600);

/// Whether `body` is too large for one request.
pub(super) fn is_needed(body: &[Statement]) -> bool {
    let bytes = |statement: &Statement| statement.params.iter().map(String::len).sum::<usize>();
    body.iter().map(bytes).sum::<usize>() > REQUEST_BYTES
}

/// The requests that stage the parameters of `body`, and its statements without any.
pub(super) fn stage(txn: Txn, body: Vec<Statement>) -> (Vec<Vec<Statement>>, Vec<Statement>) {
    let mut parts = Parts { txn, count: 0, requests: Vec::new(), bytes: 0 };
    let body = body.into_iter().map(|statement| parts.take(statement)).collect();
    (parts.requests, body)
}

/// The parts staged so far.
struct Parts {
    txn: Txn,
    count: usize,
    requests: Vec<Vec<Statement>>,
    /// Bytes in the last request.
    bytes: usize,
}

impl Parts {
    /// Stages a statement's parameters. Returns the statement that reads them.
    fn take(&mut self, statement: Statement) -> Statement {
        debug_assert_eq!(statement.sql.param_count(), statement.params.len(), "each is read at one place");
        let (txn, first) = (self.txn, self.count);
        let read = |number: usize| {
            let part = first + number - 1;
            format!("(SELECT payload FROM _lf_stage WHERE txn='{txn}' AND part={part})")
        };
        let staged = Statement::new(statement.sql.reading_from(read));
        for payload in statement.params {
            self.put(payload);
        }
        staged
    }

    fn put(&mut self, payload: String) {
        if self.requests.is_empty() || self.bytes + payload.len() > REQUEST_BYTES {
            self.requests.push(Vec::new());
            self.bytes = 0;
        }
        self.bytes += payload.len();
        let params = [self.txn.to_string(), self.count.to_string(), payload];
        self.count += 1;
        if let Some(request) = self.requests.last_mut() {
            request.push(Statement::with(sql::STAGE_PUT, params));
        }
    }
}

/// Deletes a commit's parts, in its own batch.
pub(super) fn clear(txn: Txn) -> Statement {
    Statement::with(sql::STAGE_CLEAR, [txn.to_string()])
}

/// Deletes the parts of writers that died.
pub(super) fn expire() -> Statement {
    Statement::with(sql::STAGE_EXPIRE, [Txn::of_age(EXPIRY).to_string()])
}
