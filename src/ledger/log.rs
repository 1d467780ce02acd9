//! The log of commits: where it stands, what came after a place in it, and what becomes part of it.

use std::sync::OnceLock;

use serde_json::Value as Json;

use super::changes::Changes;
use super::{sql, tables, txn};
use crate::d1::{SendError, Statement, StatementResult};
use crate::image::{Position, Seq, Txn};

/// Commits kept in the log: a replica further behind hydrates anew.
const KEPT_COMMITS: u64 = 10_000;
/// Entries that are read. Each row that is written past liteflare has one; whoever is further behind reads all anew.
const MOST_ENTRIES: usize = 10_000;
/// So many commits come between two that forget what is older.
const PRUNE_INTERVAL: u64 = 256;

/// Asks for the newest commit.
pub(crate) fn newest() -> Statement {
    Statement::new(sql::LOG_NEWEST)
}

/// Reads the answer to [`newest`].
pub(crate) fn newest_in(answer: &StatementResult) -> Option<Position> {
    position(answer.results.rows.first()?)
}

/// Whether the answers to [`newest`] say that D1 is elsewhere than at `position`: further, or set back.
pub(crate) fn has_moved(
    answers: Result<Vec<StatementResult>, SendError>,
    position: &Position,
) -> Result<bool, SendError> {
    match answers {
        Err(SendError::Refused(refusal)) if tables::are_missing(&refusal) => Ok(true),
        answers => Ok(answers?.first().and_then(newest_in).as_ref() != Some(position)),
    }
}

/// Asks for the commit at `position` and those after it.
pub(crate) fn since(position: &Position) -> Statement {
    Statement::with(sql::LOG_SINCE, [position.seq.to_string()])
}

/// Reads the answer to [`since`] and adds what the commits after `position` changed. Returns the last one; `None` when `position` is not
/// in the log, or a commit after it is missing or does not name its rows, or there are too many.
pub(crate) fn read_since(answer: &StatementResult, position: &Position, changes: &mut Changes) -> Option<Position> {
    let mut rows = answer.results.rows.iter();
    // Before the first commit there is none to be found.
    if position.seq != Seq(0) && self::position(rows.next()?)? != *position {
        return None;
    }
    let mut last = position.clone();
    if rows.len() > MOST_ENTRIES {
        return None; // and there may be more of them
    }
    for row in rows {
        let next = self::position(row)?;
        if next.seq != last.seq.next() {
            return None;
        }
        last = next;
        changes.add(row.get(2)?.as_str()?)?;
    }
    Some(last)
}

/// A commit that D1 has.
pub(crate) struct Committed {
    pub(crate) position: Position,
    /// Whether others have committed after it already.
    pub(crate) has_followers: bool,
    /// The answer to the last statement of its batch, if that came back.
    pub(crate) last_answer: Option<StatementResult>,
}

/// Asks whether D1 has the commit with this id at this place, the only one it can have.
pub(super) fn find(position: &Position) -> Statement {
    Statement::with(sql::LOG_FIND, [position.txn.to_string(), position.seq.to_string()])
}

/// Reads the answer to [`find`]. `None`: D1 does not have it.
pub(super) fn found(answer: &StatementResult, txn: &Txn) -> Option<Committed> {
    let row = answer.results.rows.first()?;
    let (place, newest) = (seq(row.first()?)?, seq(row.get(1)?)?);
    let position = Position { seq: place, txn: txn.clone() };
    Some(Committed { position, has_followers: newest != place, last_answer: None })
}

/// Now and then, what goes with the commit `txn` after `base`: the oldest commits are forgotten.
pub(super) fn prune(base: Seq, txn: &Txn) -> Option<Statement> {
    let oldest = base.0.saturating_sub(KEPT_COMMITS).to_string();
    // Others write too, and may always take the places at which it would be our turn: then chance decides, about as often.
    let is_turn = base.0 % PRUNE_INTERVAL == PRUNE_INTERVAL - 1 || txn.to_string().ends_with("ff");
    is_turn.then(|| Statement::with(sql::LOG_PRUNE, [oldest]))
}

/// The entry for a change that is made on D1 and not by a replica; it goes into the same batch.
pub(crate) fn foreign_entry() -> Statement {
    Statement::with(sql::FOREIGN.as_str(), [txn::random().to_string(), source()])
}

/// A commit as people read it.
pub(crate) struct Entry {
    /// Its place.
    pub(crate) seq: Seq,
    /// When, by D1's clock.
    pub(crate) at: String,
    /// Who wrote.
    pub(crate) source: String,
    /// The tables it names; empty when it changed the schema or more rows than it names.
    pub(crate) tables: Vec<String>,
}

/// Asks for the last commits.
pub(crate) fn recent() -> Statement {
    Statement::new(sql::LOG_RECENT)
}

/// Reads the answer to [`recent`]: the newest first.
pub(crate) fn read_recent(answer: &StatementResult) -> Vec<Entry> {
    let entry = |row: &Vec<Json>| {
        let text = |index: usize| row.get(index).and_then(Json::as_str).unwrap_or_default();
        Entry {
            seq: row.first().and_then(seq).unwrap_or_default(),
            at: text(1).to_owned(),
            source: text(2).to_owned(),
            tables: serde_json::from_str(text(3)).unwrap_or_default(),
        }
    };
    answer.results.rows.iter().map(entry).collect()
}

/// A row that begins with seq and txn.
fn position(row: &[Json]) -> Option<Position> {
    Some(Position { seq: seq(row.first()?)?, txn: Txn::new(row.get(1)?.as_str()?) })
}

/// D1 sends numbers as text, which keeps all their digits.
fn seq(cell: &Json) -> Option<Seq> {
    cell.as_str()?.parse().ok().map(Seq)
}

/// Who writes, for people who read the log: host and process. (0.1.0 wrote a slash between them; the log takes none from it any more.)
pub(super) fn source() -> String {
    static HOST: OnceLock<String> = OnceLock::new();
    let host = HOST.get_or_init(|| std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default());
    format!("{}:{}", host.trim().replace('/', "-"), std::process::id()) // asked each time: a fork has another
}
