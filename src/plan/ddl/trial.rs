//! An empty copy of a schema in memory, on which schema statements are tried before D1 sees them (R15).

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::plan::PlanError;
use crate::schema::checked::CheckedText;
use crate::schema::folded;
use crate::schema::guard;
use crate::schema::{Kind, Object, Schema, SchemaError, stored};
use crate::vfs::inner::{Task, empty, told};

/// Name, table and text of what a schema holds, by kind and folded name.
pub(super) type Texts = BTreeMap<(Kind, String), (String, String, String)>;

/// The copy.
pub(super) struct Trial(Connection);

impl Trial {
    /// D1's schema as it is before the batch: the application's, with guarded triggers.
    pub(super) fn of(schema: &Schema) -> Result<Trial, PlanError> {
        let trial = Trial(empty(Task::Rehearse)?);
        // What guards read must be there: ALTER TABLE resolves every trigger.
        trial.run(&format!("CREATE TABLE {}(seq INTEGER PRIMARY KEY,source)", guard::TABLE))?;
        // By kind: tables, indexes, views, then the triggers on all of them.
        for object in schema.objects.values() {
            trial.create(object)?;
        }
        Ok(trial)
    }

    /// Runs a CREATE of the application's. What SQLite refuses here, D1 refuses too.
    pub(super) fn create(&self, object: &Object) -> Result<(), PlanError> {
        let text = text(object)?;
        let checked = CheckedText::new(object.kind.word(), &object.name, &object.table, &text)?;
        checked.create(&self.0).map_err(|error| match error {
            SchemaError::Refused { object, error } => PlanError::Unsupported {
                object,
                problem: format!("D1 cannot create it ({})", told(&error)),
                advice: "use only SQLite's built-in functions, collations and modules in it",
            },
            error => error.into(),
        })
    }

    /// Runs one statement: parts of it are the application's or D1's.
    pub(super) fn run(&self, sql: &str) -> rusqlite::Result<()> {
        let mut statement = self.0.prepare(sql)?;
        let mut rows = statement.query([])?; // ALTER TABLE may give rows
        while rows.next()?.is_some() {}
        Ok(())
    }

    /// Runs statements, or none of them.
    pub(super) fn try_all(&self, statements: &[String]) -> rusqlite::Result<()> {
        self.run("SAVEPOINT tried")?;
        let result = statements.iter().try_for_each(|sql| self.run(sql));
        if result.is_err() {
            self.run("ROLLBACK TO tried")?;
        }
        self.run("RELEASE tried")?;
        result
    }

    /// The text of a table after running statements that are then undone.
    pub(super) fn would_be(&self, statements: &[String], table: &str) -> rusqlite::Result<String> {
        self.run("SAVEPOINT attempt")?;
        let result = statements.iter().try_for_each(|sql| self.run(sql)).and_then(|()| self.table_text(table));
        self.run("ROLLBACK TO attempt")?;
        self.run("RELEASE attempt")?;
        result
    }

    /// The text of a table.
    pub(super) fn table_text(&self, table: &str) -> rusqlite::Result<String> {
        let sql = "SELECT sql FROM sqlite_schema WHERE type='table' AND name=?1 COLLATE NOCASE";
        self.0.query_row(sql, [table], |row| row.get(0))
    }

    /// What it holds now.
    pub(super) fn texts(&self) -> Result<Texts, PlanError> {
        let schema = Schema::objects(&self.0)?;
        let objects = schema.objects.into_iter().filter(|(_, object)| object.name != guard::TABLE);
        Ok(objects.map(|(key, object)| (key, (object.name, object.table, object.sql))).collect())
    }
}

/// The text an object has on D1.
pub(super) fn text(object: &Object) -> Result<String, PlanError> {
    Ok(stored(object)?)
}

/// What D1 must hold after the batch.
pub(super) fn wanted(schema: &Schema) -> Result<Texts, PlanError> {
    let objects = schema.objects.values();
    objects
        .map(|object| {
            let key = (object.kind, folded(&object.name));
            Ok((key, (object.name.clone(), object.table.clone(), text(object)?)))
        })
        .collect()
}
