//! Which tables on D1 are liteflare's own, and what else is there.

use rusqlite::Connection;
use serde_json::Value as Json;

use super::batch::Batch;
use super::send::{CommitError, send};
use super::state::State;
use super::{capture, log, sql, stage};
use crate::d1::{Client, Refusal, SendError, Statement, StatementResult};
use crate::error::Error;
use crate::image::Position;
use crate::schema::checked::CheckedText;
use crate::schema::{Kind, Schema, SchemaError, guard};

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
    /// What somebody has done to the schema past liteflare, if anybody has.
    pub(crate) unseen: Option<Unseen>,
}

/// A schema that liteflare has not looked after yet.
pub(crate) struct Unseen {
    /// All of it, in hex.
    schema: String,
    /// The names of capture triggers in it.
    captures: Vec<String>,
}

/// A database on D1, before anything is made there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum There {
    /// liteflare has its tables there.
    Prepared,
    /// Only others have made something.
    Foreign,
}

/// Whether D1 holds a database. Changes nothing.
pub(crate) fn is_there(client: &Client) -> Result<Option<There>, SendError> {
    let answers = client.send_idempotent(&[has_log(), names()])?;
    Ok(match (read_has_log(&answers[0]), read_names(&answers[1]).is_empty()) {
        (true, _) => Some(There::Prepared),
        (false, false) => Some(There::Foreign),
        (false, true) => None,
    })
}

/// Statements that travel with a request which is made anyway, and their answers.
#[derive(Default)]
pub(crate) struct Beside {
    pub(crate) statements: Vec<Statement>,
    pub(crate) answers: Vec<StatementResult>,
}

/// How often others may get in between while a database of format 1 is brought up to date.
const ATTEMPTS: usize = 5;

/// Makes liteflare's own tables where they are missing, and reads what D1 holds. Brings a database of format 1 up to date. Clears away what
/// writers that died have staged. The statements beside it are the caller's, and their answers too.
pub(crate) fn open(client: &Client, beside: &mut Beside) -> Result<Standing, Error> {
    for _ in 0..ATTEMPTS {
        let standing = open_any(client, beside)?;
        if !standing.state.is_of_format_1() {
            return Ok(standing);
        }
        match client.send_idempotent(&upgrade()) {
            // Somebody else has done it; or it came through, and its answer did not.
            Err(SendError::Refused(refusal)) if is_refused_by_state(&refusal) => {}
            done => {
                done?;
                tracing::warn!(
                    "liteflare's tables on D1 are now of format 2: liteflare 0.1.0 is refused there from now on"
                );
            }
        }
    }
    Err(Error::Unreachable("liteflare's tables on D1 cannot be brought up to date: look at _lf_state".into()))
}

fn open_any(client: &Client, beside: &mut Beside) -> Result<Standing, Error> {
    let mut statements = bookkeeping();
    let cleared = stage::expire();
    let done_count = statements.len() + cleared.len();
    let asked = [log::newest(), State::ask(), objects(), Statement::new(sql::SCHEMA_UNSEEN), capture::names()];
    statements.extend(cleared.into_iter().chain(asked));
    let asked_count = statements.len() - done_count;
    statements.extend(beside.statements.iter().cloned());
    let mut answers = match client.send_idempotent(&statements) {
        Err(SendError::Refused(refusal)) if is_refused_by_state(&refusal) => return Err(Error::NewerFormat),
        answers => answers?.split_off(done_count),
    };
    beside.answers = answers.split_off(asked_count);
    let unseen = texts(&answers[3]).into_iter().next();
    Ok(Standing {
        position: log::newest_in(&answers[0]),
        state: State::read(&answers[1]),
        objects: read_objects(&answers[2]),
        unseen: unseen.map(|schema| Unseen { schema, captures: texts(&answers[4]) }),
    })
}

/// Whether what was refused is a row without a key: what `sql/bookkeeping.sql`, `sql/upgrade.sql` and `sql/schema_check.sql` fail with.
fn is_refused_by_state(refusal: &Refusal) -> bool {
    refusal.message.contains("_lf_state.key")
}

/// The log is made anew between both parts, as a new database gets it.
fn upgrade() -> Vec<Statement> {
    let [begin, end] = sql::UPGRADE.map(|text| text.split_inclusive(";\n").map(Statement::new));
    begin.chain(bookkeeping()).chain(end).collect()
}

/// Looks after a schema that somebody else has changed, as a commit of its own: `guards` are its triggers' and `schema` its tables. From
/// then on what is written past liteflare is noted.
pub(crate) fn adopt(
    client: &Client,
    position: &Position,
    unseen: &Unseen,
    guards: Vec<Statement>,
    schema: &Schema,
) -> Result<(), CommitError> {
    let dropped = unseen.captures.iter().map(|name| capture::drop(name));
    let body = guards.into_iter().chain(dropped).chain(capture::create_all(schema)).collect();
    send(client, &Batch::adopting(position, &unseen.schema, body)).map(|_| ())
}

/// Asks whether the schema is what it was when liteflare last looked after it.
pub(crate) fn seen() -> Statement {
    Statement::new(sql::SCHEMA_SEEN)
}

/// Reads the answer to [`seen`].
pub(crate) fn is_seen(answer: &StatementResult) -> bool {
    answer.results.rows.first().and_then(|row| row.first()?.as_u64()) == Some(1)
}

/// Notes that liteflare has looked after the schema. Ends a batch that changes it.
pub(crate) fn note() -> Statement {
    Statement::new(sql::SCHEMA_NOTE)
}

/// Fails unless the schema, in hex, is this.
pub(super) fn check(schema: &str) -> Statement {
    Statement::with(sql::SCHEMA_CHECK, [schema.to_owned()])
}

fn texts(answer: &StatementResult) -> Vec<String> {
    answer.results.rows.iter().filter_map(|row| Some(row.first()?.as_str()?.to_owned())).collect()
}

/// Reads what D1 holds, and changes nothing there.
pub(crate) fn look(client: &Client) -> Result<Standing, SendError> {
    let answers = client.send_idempotent(&[has_log(), objects()])?;
    let objects = read_objects(&answers[1]);
    if !read_has_log(&answers[0]) {
        return Ok(Standing { position: None, state: State::default(), objects, unseen: None });
    }
    let answers = client.send_idempotent(&[log::newest(), State::ask()])?;
    Ok(Standing { position: log::newest_in(&answers[0]), state: State::read(&answers[1]), objects, unseen: None })
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
    texts(answer)
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
        let sql = sql.trim_end_matches(';'); // the last one's; D1 keeps none
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
        assert_eq!(names, ["_lf_state", "_lf_commit", "_lf_stage", "_lf_process", "_lf_lease"]);
        assert!(own_texts().iter().all(|(_, sql)| !sql.contains(';')), "as D1 keeps them");
        assert!(names.contains(&guard::TABLE) && names.iter().all(|name| name.starts_with(OWN_PREFIX)));
    }
}
