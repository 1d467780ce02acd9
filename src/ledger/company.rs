//! `_lf_process`: who has the database open, and who of them writes. D1's clock says how long ago.

use serde_json::Value as Json;

use super::{lease, log, sql};
use crate::d1::{Statement, StatementResult};

/// What a process does with a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It has not written for a while.
    Reads,
    /// It writes without asking, since it knows of nobody else who does.
    Alone,
    /// It asks for the lease before it writes.
    Polite,
}

/// Another process that lives, as far as D1 knows.
pub(crate) struct Other {
    pub(crate) id: String,
    /// Where it runs (`runtime::Place`).
    pub(crate) place: String,
    /// Seconds since it last noted that it writes.
    pub(crate) wrote: u64,
}

/// Notes what the process `id` at `place` does.
pub(crate) fn note(id: &str, place: &str, manner: Manner) -> Statement {
    let word = match manner {
        Manner::Reads => "reads",
        Manner::Alone => "alone",
        Manner::Polite => "polite",
    };
    Statement::with(sql::COMPANY_NOTE, [id.to_owned(), log::source(), place.to_owned(), word.to_owned()])
}

/// Asks for the others.
pub(crate) fn read(id: &str) -> Statement {
    Statement::with(sql::COMPANY_READ, [id.to_owned()])
}

/// Reads the answer to [`read`].
pub(crate) fn others_in(answer: &StatementResult) -> Vec<Other> {
    let other = |row: &Vec<Json>| {
        let text = |index: usize| Some(row.get(index)?.as_str()?.to_owned());
        // The time is the difference of two: below none when D1's clock was set back.
        let wrote = row.get(2)?.as_f64()?.max(0.0) as u64;
        Some(Other { id: text(0)?, place: text(1)?, wrote })
    };
    answer.results.rows.iter().filter_map(other).collect()
}

/// Clears away what is left of processes that ended without a word, long ago.
pub(crate) fn expire() -> [Statement; 2] {
    [Statement::new(sql::COMPANY_EXPIRE), lease::expire()]
}

/// Forgets processes that have ended, and their tickets.
pub(crate) fn remove(ids: &[String]) -> [Statement; 2] {
    let ids = serde_json::json!(ids).to_string();
    [sql::COMPANY_REMOVE, sql::LEASE_REMOVE].map(|text| Statement::with(text, [ids.clone()]))
}

/// Asks, at the end of a commit without the lease, whether others wait for it.
pub(crate) fn hear(id: &str) -> Statement {
    Statement::with(sql::COMPANY_HEAR, [id.to_owned()])
}

/// Reads the answer to [`hear`].
pub(crate) fn is_heard(answer: &StatementResult) -> bool {
    !answer.results.rows.is_empty()
}
