//! What the D1 database holds before an import. Reading it changes nothing.

use rusqlite::Connection;
use serde_json::Value as Json;

use super::Error;
use super::compare::schema::{Object, objects_of};
use crate::d1::{Client, Rows, Statement};
use crate::image::Seq;
use crate::plan::load;
use crate::replica::load::{IMPORTING, forget_header_fields};
use crate::schema::{Schema, guard};

/// What a D1 database holds.
pub(crate) struct Target {
    /// The application's objects, as it wrote them: without liteflare's, Cloudflare's and SQLite's own.
    pub(crate) objects: Vec<Object>,
    /// The newest commit; `None`: liteflare has never written here.
    pub(crate) seq: Option<Seq>,
    /// Whether an import was started and not finished.
    pub(crate) importing: bool,
    /// `user_version` and the like.
    pub(crate) fields: Vec<(String, i64)>,
}

impl Target {
    /// Asks D1.
    pub(crate) fn read(client: &Client) -> Result<Target, Error> {
        let answers = client.send_idempotent(&[
            Statement::new("SELECT name FROM sqlite_schema WHERE name IN ('_lf_commit','_lf_state')"),
            objects_query(),
        ])?;
        let known = answers.first().map_or(0, |answer| answer.results.rows.len()) == 2;
        let objects = answers.get(1).map(objects).unwrap_or_default();
        if !known {
            return Ok(Target { objects, seq: None, importing: false, fields: Vec::new() });
        }
        let answers = client.send_idempotent(&[
            Statement::new("SELECT CAST(coalesce(max(seq),0) AS TEXT) FROM _lf_commit"),
            Statement::new("SELECT key,CAST(value AS TEXT) FROM _lf_state"),
        ])?;
        let rows = |index: usize| answers.get(index).map_or(&[][..], |answer| &answer.results.rows);
        let seq = rows(0).first().and_then(|row| row.first()?.as_str()?.parse().ok()).map(Seq);
        let state: Vec<(String, i64)> =
            rows(1).iter().filter_map(|row| Some((text(row, 0), text(row, 1).parse().ok()?))).collect();
        let importing = state.iter().any(|(key, _)| key == IMPORTING);
        let fields = state.into_iter().filter(|(key, _)| key != IMPORTING && key != "replaying").collect();
        Ok(Target { objects, seq, importing, fields })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.fields.is_empty() && !self.importing
    }

    /// Describes the content, for a message.
    pub(crate) fn describe(&self) -> String {
        let tables: Vec<&str> =
            self.objects.iter().filter(|object| object.kind == "table").map(|object| object.name.as_str()).collect();
        match tables.as_slice() {
            [] if self.importing => "it holds the beginning of another import".to_owned(),
            [] => format!("it holds {} objects", self.objects.len() + self.fields.len()),
            [only] => format!("it has the table {only}"),
            [first, rest @ ..] => format!("it has the table {first} and {} more", rest.len()),
        }
    }

    /// The statements that delete everything.
    pub(crate) fn clear(&self) -> Result<Vec<Statement>, Error> {
        // Children must go before parents. To find that order, the schema is recreated here, without rows.
        let texts = Connection::open_in_memory()?;
        for object in self.objects.iter().filter(|object| object.kind != "index") {
            // A broken view cannot be created, and does not matter here.
            let _ = texts.execute_batch(&object.sql);
        }
        let known = Schema::read(&texts)?;
        let mut statements = load::drop_all(&known);
        let is_known =
            |object: &&Object| objects_of(&texts).is_ok_and(|made| made.iter().any(|other| other.name == object.name));
        let others = self.objects.iter().filter(|object| object.kind != "index" && !is_known(object));
        statements.splice(
            0..0,
            others.map(|object| {
                Statement::new(format!(
                    "DROP {} IF EXISTS {}",
                    object.kind.to_uppercase(),
                    crate::schema::quoted(&object.name)
                ))
            }),
        );
        statements.push(forget_header_fields());
        Ok(statements)
    }
}

/// The objects of the application.
pub(crate) fn objects_query() -> Statement {
    Statement::new(
        "SELECT type,name,tbl_name,sql FROM sqlite_schema WHERE sql IS NOT NULL \
         AND substr(name,1,4) NOT IN ('_cf_','_lf_') AND substr(name,1,7)<>'sqlite_' ORDER BY rowid",
    )
}

/// The answer to [`objects_query`].
pub(crate) fn objects(answer: &Rows) -> Vec<Object> {
    let object = |row: &Vec<Json>| Object {
        kind: text(row, 0),
        name: text(row, 1),
        table: text(row, 2),
        sql: guard::strip(&text(row, 3)),
    };
    answer.results.rows.iter().map(object).collect()
}

fn text(row: &[Json], index: usize) -> String {
    row.get(index).and_then(Json::as_str).unwrap_or_default().to_owned()
}
