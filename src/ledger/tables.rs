//! Which tables on D1 are liteflare's own, and what else is there.

use rusqlite::Connection;
use serde_json::Value as Json;

use super::state::State;
use super::{log, sql, stage};
use crate::d1::{Client, Refusal, SendError, Statement, StatementResult};
use crate::image::Position;
use crate::schema::checked::CheckedText;
use crate::schema::{Kind, SchemaError, guard};

/// An object of the application in the form in which D1 has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredObject {
    /// `table`, `index`, `view` or `trigger`.
    pub(crate) kind: String,
    /// Its name.
    pub(crate) name: String,
    /// The table or view it belongs to.
    pub(crate) table: String,
    /// Its text; a trigger's has a guard.
    pub(crate) sql: String,
}

impl StoredObject {
    /// The text as the application wrote it.
    pub(crate) fn declared(&self) -> String {
        if self.kind == Kind::Trigger.word() { guard::strip(&self.sql) } else { self.sql.clone() }
    }

    /// Makes it, as the application wrote it, in the database behind `connection`.
    pub(crate) fn create(&self, connection: &Connection) -> Result<(), SchemaError> {
        CheckedText::new(&self.kind, &self.name, &self.table, &self.declared())?.create(connection)
    }
}

/// What D1 holds besides rows, at one moment.
pub(crate) struct Standing {
    /// The newest commit; `None`: liteflare has never been here.
    pub(crate) position: Option<Position>,
    /// What it remembers.
    pub(crate) state: State,
    /// The application's objects.
    pub(crate) objects: Vec<StoredObject>,
}

/// Statements that travel with a request which is made anyway, and their answers.
#[derive(Default)]
pub(crate) struct Beside {
    pub(crate) statements: Vec<Statement>,
    pub(crate) answers: Vec<StatementResult>,
}

/// Makes liteflare's own tables where they are missing, and reads what D1 holds. Clears away what writers that died have staged. The
/// statements beside it are the caller's, and their answers too.
pub(crate) fn open(client: &Client, beside: &mut Beside) -> Result<Standing, SendError> {
    let mut statements = bookkeeping();
    let cleared = stage::expire();
    let done_count = statements.len() + cleared.len();
    statements.extend(cleared.into_iter().chain([log::newest(), State::ask(), objects()]));
    statements.extend(beside.statements.iter().cloned());
    let mut answers = client.send_idempotent(&statements)?.split_off(done_count);
    beside.answers = answers.split_off(3);
    Ok(Standing {
        position: log::newest_in(&answers[0]),
        state: State::read(&answers[1]),
        objects: read_objects(&answers[2]),
    })
}

/// Reads what D1 holds, and changes nothing there.
pub(crate) fn look(client: &Client) -> Result<Standing, SendError> {
    let answers = client.send_idempotent(&[has_log(), objects()])?;
    let objects = read_objects(&answers[1]);
    if !read_has_log(&answers[0]) {
        return Ok(Standing { position: None, state: State::default(), objects });
    }
    let answers = client.send_idempotent(&[log::newest(), State::ask()])?;
    Ok(Standing { position: log::newest_in(&answers[0]), state: State::read(&answers[1]), objects })
}

/// Whether what D1 refused needs a table of liteflare's that is gone: somebody dropped it, or D1 was set back to before it was made.
pub(super) fn are_missing(refusal: &Refusal) -> bool {
    ["no such table: _lf_", "no such table: main._lf_"].iter().any(|text| refusal.message.contains(text))
}

/// Makes liteflare's own tables where they are missing.
pub(super) fn bookkeeping() -> Vec<Statement> {
    sql::BOOKKEEPING.split_inclusive(";\n").map(Statement::new).collect()
}

/// Asks for the application's objects.
fn objects() -> Statement {
    Statement::new(sql::SCHEMA_OBJECTS)
}

fn read_objects(answer: &StatementResult) -> Vec<StoredObject> {
    let object = |row: &Vec<Json>| {
        let text = |index: usize| row.get(index).and_then(Json::as_str).unwrap_or_default().to_owned();
        StoredObject { kind: text(0), name: text(1), table: text(2), sql: text(3) }
    };
    answer.results.rows.iter().map(object).collect()
}

/// Asks for the names of the application's tables, in their order.
pub(crate) fn names() -> Statement {
    Statement::new(sql::SCHEMA_TABLES)
}

/// Reads the answer to [`names`].
pub(crate) fn read_names(answer: &StatementResult) -> Vec<String> {
    let name = |row: &Vec<Json>| Some(row.first()?.as_str()?.to_owned());
    answer.results.rows.iter().filter_map(name).collect()
}

/// Asks whether liteflare has been here.
pub(crate) fn has_log() -> Statement {
    Statement::new(sql::SCHEMA_LOG)
}

/// Reads the answer to [`has_log`].
pub(crate) fn read_has_log(answer: &StatementResult) -> bool {
    answer.results.rows.len() == 2
}

/// Asks for the names and texts of liteflare's own tables.
pub(crate) fn own() -> Statement {
    Statement::new(sql::SCHEMA_OWN)
}

/// The names and texts of liteflare's own tables as this version makes them.
pub(crate) fn own_texts() -> Vec<(&'static str, &'static str)> {
    let table = |statement: &'static str| {
        let (_, sql) = statement.split_once("CREATE TABLE IF NOT EXISTS ")?;
        Some((sql.split_once('(')?.0, sql))
    };
    sql::BOOKKEEPING.split(";\n").filter_map(table).collect()
}

/// A name for a table that `doctor` makes and drops: nobody else has it, and no application sees it.
pub(crate) fn scratch_name() -> String {
    format!("_lf_doctor_{}", uuid::Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::OWN_PREFIX;

    #[test]
    fn the_tables_are_found_in_their_sql() {
        let names: Vec<&str> = own_texts().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["_lf_commit", "_lf_state", "_lf_stage", "_lf_process", "_lf_lease"]);
        assert!(names.contains(&guard::TABLE) && names.iter().all(|name| name.starts_with(OWN_PREFIX)));
    }
}
