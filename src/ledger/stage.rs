//! Transactions that are too large for one request. Their parameters go to D1 in requests of their own, which may be sent again without
//! harm; then one small batch applies them. That batch fails unless every part is there.
//!
//! A stage has an id of its own: two plans of one transaction must not find each other's parts.

use super::{sql, txn};
use crate::d1::{Client, Refusal, Statement};
use crate::image::Txn;

/// Most bytes of parameters in one request. D1 takes 15 MB (seen on workerd); a quarter leaves room for its memory.
const REQUEST_BYTES: usize = 4_000_000;

/// Whether `body` is too large for one request.
pub(super) fn is_needed(body: &[Statement]) -> bool {
    let bytes = |statement: &Statement| statement.params.iter().map(String::len).sum::<usize>();
    body.iter().map(bytes).sum::<usize>() > REQUEST_BYTES
}

/// The parts of one batch.
pub(super) struct Stage {
    id: Txn,
    part_count: usize,
    byte_count: usize,
    /// The requests that bring them to D1. Sending one again does no harm.
    pub(super) requests: Vec<Vec<Statement>>,
    /// Bytes in the last request.
    request_bytes: usize,
}

impl Stage {
    /// Takes the parameters of `body`. Returns the statements that read them from D1.
    pub(super) fn of(body: Vec<Statement>) -> (Stage, Vec<Statement>) {
        let id = txn::random();
        let mut stage = Stage { id, part_count: 0, byte_count: 0, requests: Vec::new(), request_bytes: 0 };
        let body = body.into_iter().map(|statement| stage.take(statement)).collect();
        (stage, body)
    }

    fn take(&mut self, statement: Statement) -> Statement {
        debug_assert_eq!(statement.sql.param_count(), statement.params.len(), "each is read at one place");
        let (id, first) = (&self.id, self.part_count);
        let read = |number: usize| {
            let part = first + number - 1;
            format!("(SELECT payload FROM _lf_stage WHERE txn='{id}' AND part={part})")
        };
        let staged = Statement::new(statement.sql.reading_from(read));
        for payload in statement.params {
            self.put(payload);
        }
        staged
    }

    fn put(&mut self, payload: String) {
        if self.requests.is_empty() || self.request_bytes + payload.len() > REQUEST_BYTES {
            self.requests.push(vec![Statement::with(sql::STAGE_DATE, [self.id.to_string()])]);
            self.request_bytes = 0;
        }
        self.request_bytes += payload.len();
        self.byte_count += payload.len();
        let params = [self.id.to_string(), self.part_count.to_string(), payload];
        self.part_count += 1;
        if let Some(request) = self.requests.last_mut() {
            request.push(Statement::with(sql::STAGE_PUT, params));
        }
    }

    /// Fails unless all parts are there. Goes into the batch that applies them, before they are read.
    pub(super) fn check(&self) -> Statement {
        let expected = format!("{} {}", self.part_count, self.byte_count);
        Statement::with(sql::STAGE_CHECK, [self.id.to_string(), expected])
    }

    /// Deletes the parts. The batch that applies them does so itself.
    pub(super) fn clear(&self) -> Statement {
        Statement::with(sql::STAGE_CLEAR, [self.id.to_string()])
    }

    /// Deletes the parts of a batch that was refused, or given up: should it still arrive, it cannot happen any more. Whoever waits has
    /// waited long enough, so this is tried once; else they go by their age.
    pub(super) fn abandon(&self, client: &Client) {
        if let Err(error) = client.send_within(&[self.clear()], client.timeout / 10) {
            tracing::info!("the parts of a transaction that failed stay on D1 for a day: {error}");
        }
    }
}

/// Whether a batch was refused since parts are missing.
pub(super) fn is_incomplete(refusal: &Refusal) -> bool {
    refusal.message.contains("_lf_stage.part")
}

/// Deletes the parts of writers that died. How old they are, D1's clock says: the clocks of its clients differ.
pub(super) fn expire() -> [Statement; 2] {
    [sql::STAGE_DATE_REST, sql::STAGE_EXPIRE].map(Statement::new)
}
