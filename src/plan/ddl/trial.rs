//! An empty copy of a schema in memory, on which schema statements are tried before D1 sees them (R15).

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::plan::PlanError;
use crate::schema::folded;
use crate::schema::guard::{self, guard};
use crate::schema::{Kind, Object, Schema};

/// Name, table and text of what a schema holds, by kind and folded name.
pub(super) type Texts = BTreeMap<(Kind, String), (String, String, String)>;

/// The copy.
pub(super) struct Trial(Connection);

impl Trial {
    /// D1's schema as it is before the batch: the application's, with guarded triggers.
    pub(super) fn of(schema: &Schema) -> Result<Trial, PlanError> {
        let connection = Connection::open_in_memory()?;
        // What guards read must be there: ALTER TABLE resolves every trigger.
        let read = format!("CREATE TABLE {}(key TEXT PRIMARY KEY,value)", guard::TABLE);
        connection.execute_batch(&format!("PRAGMA foreign_keys=off; {read}"))?;
        let trial = Trial(connection);
        // By kind: tables, indexes, views, then the triggers on all of them.
        for object in schema.objects.values() {
            trial.create(object)?;
        }
        Ok(trial)
    }

    /// Runs a CREATE of the application's. What SQLite refuses here, D1 refuses too.
    pub(super) fn create(&self, object: &Object) -> Result<(), PlanError> {
        self.run(&text(object)?).map_err(|error| PlanError::Unsupported {
            object: object.label(),
            problem: format!("D1 cannot create it ({error})"),
            advice: "use only SQLite's built-in functions, collations and modules in it",
        })
    }

    /// Runs one statement.
    pub(super) fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.0.execute_batch(sql)
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
        self.run("ROLLBACK TO attempt; RELEASE attempt")?;
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
    if object.kind == Kind::Trigger { Ok(guard(&object.sql)?) } else { Ok(object.sql.clone()) }
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
