//! Turns what one SQLite transaction changed into the statements of one atomic D1 batch.
//!
//! In: the database before and after (two connections that are only read), their schemas, and the keys of the rows that differ.
//! Out: a [`Plan`], in an order D1 accepts and whose effect is exactly AFTER. No I/O beyond the two connections, no clock, no chance: the same
//! transaction always gives the same batch. The rules (R1 to R17) and the case behind each stand in DECODE.md.
//!
//! ```text
//! pair ──► ddl ──► delta ──► closure ──► statements, sequence, touched
//! ```
//! `pair` says which table is which, `ddl` how the schema gets there, `delta` sorts the changed rows, `closure` adds those D1's foreign keys would
//! touch, and the rest writes SQL. The caller brackets the body with `PRAGMA defer_foreign_keys`, its commit row and the replaying mark.

mod ablation;
mod closure;
mod ddl;
mod delta;
mod error;
mod pair;
mod refuse;
mod rows;
mod sequence;
mod statements;
mod touched;
pub mod whole;

#[cfg(test)]
mod tests;

use rusqlite::Connection;

pub use error::PlanError;
pub use statements::insert_names;
pub use touched::{Touched, TouchedRows};

use crate::d1::Statement;
use crate::schema::{Schema, Table};
use crate::value::Key;
use ddl::Ddl;
use pair::{Fate, Pair};

/// Rows of one table that differ between BEFORE and AFTER. They may still be equal once read: a rewritten row that holds the same values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableChanges {
    /// Its name in BEFORE; `None` if it was created.
    pub before: Option<String>,
    /// Its name in AFTER; `None` if it was dropped.
    pub after: Option<String>,
    /// Rows only BEFORE has.
    pub deleted: Vec<Key>,
    /// Rows only AFTER has.
    pub inserted: Vec<Key>,
    /// Rows both have.
    pub updated: Vec<Key>,
}

/// How to plan once more what D1 refused.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Tables, by their name in BEFORE or AFTER, that are rebuilt instead of altered: [`Plan::altered`] of the refused plan (R15).
    pub rebuild: Vec<String>,
    /// Drop all triggers first and create them last, for one that no longer compiles and so refuses writes it would not even see (R13).
    pub recreate_triggers: bool,
}

/// The batch's body.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// In order; empty if nothing changed. Goes between `PRAGMA defer_foreign_keys=on`, commit row, replaying on and replaying off,
    /// `PRAGMA defer_foreign_keys=off` (R1, R14).
    pub statements: Vec<Statement>,
    /// What it writes, for the log.
    pub touched: Touched,
    /// Tables, by their name in AFTER, that ALTER TABLE is used on. It may depend on rows and be refused; see [`Options::rebuild`].
    pub altered: Vec<String>,
    /// Tables whose schema the batch changes; what else hangs on them on D1 (capture triggers) has to follow.
    pub reshaped: Vec<Reshaped>,
}

/// A table that was dropped, created, rebuilt, renamed or altered. A rebuild loses the table's triggers on D1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reshaped {
    /// Its name before the batch, if it was there.
    pub before: Option<String>,
    /// Its name after it, if it is there.
    pub after: Option<String>,
}

/// Plans the batch of one transaction.
pub fn plan(
    before: &Connection,
    after: &Connection,
    old: &Schema,
    new: &Schema,
    changes: &[TableChanges],
    options: &Options,
) -> Result<Plan, PlanError> {
    let same_schema = old.same(new);
    if !same_schema {
        refuse::schema(new)?;
    }
    let mut pairs = pair::pairs(old, new, changes);
    let ddl = ddl::plan(old, new, &mut pairs, options)?;
    let deltas = pairs.iter().map(|pair| delta::delta(before, after, pair, changes));
    let mut deltas = deltas.collect::<Result<Vec<_>, _>>()?;
    closure::close(before, after, old, &pairs, &mut deltas)?;
    refuse::rows(after, old, new, &pairs, &deltas)?;

    let Ddl { first, shape, last, finish } = ddl;
    let plain = |statements: Vec<String>| statements.into_iter().map(Statement::new);
    let mut statements: Vec<Statement> = plain(first).collect();
    statements.extend(rows::deletes(old, &pairs, &deltas)?);
    statements.extend(rows::empty_dropped(old, new, &pairs));
    statements.extend(plain(shape));
    statements.extend(rows::updates_and_inserts(after, new, &pairs, &deltas)?);
    statements.extend(plain(last));
    statements.extend(plain(finish));
    statements.extend(sequence::statements(before, after, (old, new), &pairs, &deltas)?);

    let name = |table: Option<&Table>| table.map(|table| table.name.clone());
    let reshaped = pairs.iter().filter(|pair| pair.fate != Fate::Kept || pair.altered);
    Ok(Plan {
        statements,
        touched: touched::touched(!same_schema, &pairs, &deltas),
        altered: pairs.iter().filter(|pair| pair.altered).map(|pair| pair.name().to_owned()).collect(),
        reshaped: reshaped.map(|pair: &Pair<'_>| Reshaped { before: name(pair.old), after: name(pair.new) }).collect(),
    })
}
