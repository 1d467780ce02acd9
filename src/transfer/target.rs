//! What the D1 database holds before an import. Asking changes nothing there.

use rusqlite::Connection;

use super::Error;
use super::compare::schema::{Object, objects_of};
use crate::d1::{Client, Statement};
use crate::image::Seq;
use crate::ledger::state;
use crate::ledger::tables::{self, Standing};
use crate::plan::whole;
use crate::schema::{Schema, quoted};

/// What a D1 database holds.
pub struct Target {
    /// Its objects without liteflare's, Cloudflare's and SQLite's own; triggers as the application wrote them.
    pub objects: Vec<Object>,
    /// The newest commit; `None`: liteflare has never been here.
    pub seq: Option<Seq>,
    /// Whether an import was begun and not finished.
    pub importing: bool,
    /// `user_version` and the like.
    pub fields: Vec<(String, i64)>,
}

impl Target {
    /// Asks D1.
    pub fn read(client: &Client) -> Result<Target, Error> {
        let Standing { seq, state, objects } = tables::look(client).map_err(crate::error::Error::from)?;
        let objects = objects.into_iter().map(Object::from).collect();
        let fields = state.fields().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Target { objects, seq, importing: state.is_importing(), fields })
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.fields.is_empty() && !self.importing
    }

    /// For a message: what is there.
    pub fn describe(&self) -> String {
        let tables: Vec<&str> =
            self.objects.iter().filter(|object| object.kind == "table").map(|object| object.name.as_str()).collect();
        match tables.as_slice() {
            [] if self.importing => "it holds the beginning of another import".to_owned(),
            [] => format!("it holds {} objects", self.objects.len() + self.fields.len()),
            [only] => format!("it has the table {only}"),
            [first, rest @ ..] => format!("it has the table {first} and {} more", rest.len()),
        }
    }

    /// The statements that delete all of it.
    pub fn clear(&self) -> Result<Vec<Statement>, Error> {
        // Children before parents: for that the tables are made here, empty.
        let texts = Connection::open_in_memory()?;
        for object in self.objects.iter().filter(|object| object.kind != "index") {
            // A view of something that is gone cannot be made, and need not.
            let _ = texts.execute_batch(&object.sql);
        }
        let known = Schema::read(&texts)?;
        let mut statements = whole::drop_all(&known);
        let is_known =
            |object: &&Object| objects_of(&texts).is_ok_and(|made| made.iter().any(|other| other.name == object.name));
        let others = self.objects.iter().filter(|object| object.kind != "index" && !is_known(object));
        statements.splice(
            0..0,
            others.map(|object| {
                Statement::new(format!("DROP {} IF EXISTS {}", object.kind.to_uppercase(), quoted(&object.name)))
            }),
        );
        statements.push(state::forget_fields());
        Ok(statements)
    }
}
