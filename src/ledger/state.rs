//! What D1 remembers besides rows and the log: marks of what is going on, and the fields of the database header that it does not keep.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::sql;
use crate::d1::{Sql, Statement, StatementResult};

/// There while an import is going on.
const IMPORTING: &str = "importing";
/// The number of the format of all this.
const FORMAT: &str = "format";
/// What there was instead in format 1.
const OF_FORMAT_1: &str = "replaying";

/// All that is remembered.
#[derive(Clone, Debug, Default)]
pub(crate) struct State(BTreeMap<String, i64>);

impl State {
    /// Asks for all of it.
    pub(crate) fn ask() -> Statement {
        Statement::new(sql::STATE_READ)
    }

    /// Reads the answer to [`State::ask`].
    pub(crate) fn read(answer: &StatementResult) -> State {
        let pair = |row: &Vec<Json>| Some((row.first()?.as_str()?.to_owned(), row.get(1)?.as_str()?.parse().ok()?));
        State(answer.results.rows.iter().filter_map(pair).collect())
    }

    /// Whether an import has begun and not ended: D1 holds a part of a database.
    pub(crate) fn is_importing(&self) -> bool {
        self.0.contains_key(IMPORTING)
    }

    /// Whether it is that of a database which only 0.1.0 has written to.
    pub(super) fn is_of_format_1(&self) -> bool {
        !self.0.contains_key(FORMAT)
    }

    /// One field of the database header.
    pub(crate) fn field(&self, name: &str) -> Option<i64> {
        self.0.get(name).copied()
    }

    /// All fields, without the marks.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, i64)> {
        let fields = self.0.iter().filter(|(key, _)| ![FORMAT, IMPORTING, OF_FORMAT_1].contains(&key.as_str()));
        fields.map(|(name, value)| (name.as_str(), *value))
    }
}

/// Remembers a field of the database header. Part of a commit, so its parameters may be staged.
pub(crate) fn set_field(name: &str, value: i64) -> Statement {
    let text = Sql::from("INSERT OR REPLACE INTO _lf_state(key, value) VALUES (").then(Sql::param(1));
    let text = text.then(", CAST(").then(Sql::param(2)).then(" AS INTEGER))");
    Statement::with(text, [name.to_owned(), value.to_string()])
}

/// Forgets all fields of the database header.
pub(crate) fn forget_fields() -> Statement {
    Statement::new(sql::STATE_FORGET_HEADER)
}

/// Says that an import has begun. Part of its first batch: from then on nobody takes a part of a database for the whole.
pub(crate) fn begin_import() -> Statement {
    Statement::new(sql::IMPORTING[0])
}

/// Says that it has ended. Part of its last batch.
pub(crate) fn end_import() -> Statement {
    Statement::new(sql::IMPORTING[1])
}

/// Forgets what only format 1 has. Guards of that format read it, so it stays until these are gone.
pub(super) fn forget_format_1() -> Statement {
    Statement::new(sql::STATE_FORGET_FORMAT_1)
}
