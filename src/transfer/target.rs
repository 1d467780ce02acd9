//! What the D1 database holds before an import. Reading it changes nothing.

use super::Error;
use super::compare::schema::{DeclaredObject, objects_of};
use crate::d1::{Client, Statement};
use crate::image::Position;
use crate::ledger::state;
use crate::ledger::tables::{self, Standing};
use crate::plan::whole;
use crate::schema::{Kind, Schema, quoted};
use crate::vfs::inner::{Task, empty};

/// What a D1 database holds.
pub(crate) struct Target {
    /// The application's objects, as it wrote them: without liteflare's, Cloudflare's and SQLite's own.
    pub(crate) objects: Vec<DeclaredObject>,
    /// The newest commit; `None`: liteflare has never written here.
    pub(crate) position: Option<Position>,
    /// Whether an import was started and not finished.
    pub(crate) importing: bool,
    /// `user_version` and the like.
    pub(crate) fields: Vec<(String, i64)>,
}

impl Target {
    /// Asks D1.
    pub(crate) fn read(client: &Client) -> Result<Target, Error> {
        let Standing { position, state, objects, .. } = tables::look(client).map_err(crate::error::Error::from)?;
        let objects = objects.into_iter().map(DeclaredObject::from).collect();
        let fields = state.fields().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Target { objects, position, importing: state.is_importing(), fields })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.fields.is_empty() && !self.importing
    }

    /// Describes the content, for a message.
    pub(crate) fn describe(&self) -> String {
        let tables: Vec<&str> = self
            .objects
            .iter()
            .filter(|object| object.kind == Kind::Table.word())
            .map(|object| object.name.as_str())
            .collect();
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
        let texts = empty(Task::Rehearse)?;
        for object in self.objects.iter().filter(|object| object.kind != Kind::Index.word()) {
            // What cannot be created here does not matter, and is dropped by its name.
            let _ = object.create(&texts);
        }
        let known = Schema::read(&texts)?;
        let mut statements = whole::drop_all(&known);
        let is_known = |object: &&DeclaredObject| {
            objects_of(&texts).is_ok_and(|made| made.iter().any(|other| other.name == object.name))
        };
        let others = self.objects.iter().filter(|object| !is_known(object));
        let others = others.filter_map(|object| Some((Kind::of(&object.kind)?, object)));
        let others = others.filter(|(kind, _)| *kind != Kind::Index);
        statements.splice(
            0..0,
            others.map(|(kind, object)| {
                Statement::new(format!("DROP {} IF EXISTS {}", kind.keyword(), quoted(&object.name)))
            }),
        );
        statements.push(state::forget_fields());
        Ok(statements)
    }
}
