//! Turns what one SQLite transaction changed into the statements of one atomic D1 batch.
//!
//! In: [`Before`] and [`After`], two images that are only read, and the keys of the rows that differ. Out: a [`Plan`], in an order that
//! D1 accepts and whose effect is exactly AFTER. No I/O beyond the two connections, no clock, no chance: the same transaction always
//! gives the same batch. The rules (R1 to R17), each with the case that needs it, stand in `docs/DECODING.md`.
//!
//! ```text
//! pair ──► ddl ──► delta ──► closure ──► rows (statements), sequence, touched
//! ```
//! `pair` says which table is which, `ddl` how the schema gets there, `delta` sorts the changed rows, `closure` adds those that D1's
//! foreign keys would touch, `refuse` names what D1 cannot hold, and the rest writes SQL. The caller puts the statements between
//! `PRAGMA defer_foreign_keys`, and its commit row and the end of that.

mod ablation;
mod closure;
mod ddl;
mod delta;
mod error;
mod pair;
mod refuse;
mod rows;
mod sequence;
mod side;
mod statements;
mod touched;
pub(crate) mod whole;

#[cfg(test)]
mod tests;

pub(crate) use error::PlanError;
pub(crate) use side::{After, Before, Side};
pub(crate) use statements::{insert_cells, insert_names};
pub(crate) use touched::{Touched, TouchedRows};

use crate::d1::Statement;
use crate::decode::diff::RowDiff;
use ddl::Ddl;
use delta::Delta;

/// Rows of one table that differ between BEFORE and AFTER. They may still be equal once read: a rewritten row that holds the same values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableChanges {
    /// Its name in BEFORE; `None` if it was created.
    pub before: Option<String>,
    /// Its name in AFTER; `None` if it was dropped.
    pub after: Option<String>,
    /// The rows' keys.
    pub rows: RowDiff,
}

/// How to plan once more what D1 refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Tables, by their name in BEFORE or AFTER, that are rebuilt instead of altered: [`Plan::altered`] of the refused plan (R15).
    pub rebuild: Vec<String>,
    /// Drop all triggers first and create them last, for one that no longer compiles and so refuses writes it would not even see (R13).
    pub recreate_triggers: bool,
}

/// The batch's body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// In order; empty if nothing changed. Goes between `PRAGMA defer_foreign_keys=on`, the commit row and its end,
    /// `PRAGMA defer_foreign_keys=off` (R1, R14).
    pub statements: Vec<Statement>,
    /// What comes after them, for the counters of AUTOINCREMENT tables.
    pub counters: Vec<Statement>,
    /// How many rows `statements` write; `None`: they change the schema too, and nobody has counted.
    pub row_count: Option<usize>,
    /// What it writes, for the log.
    pub touched: Touched,
    /// Tables, by their name in AFTER, that ALTER TABLE is used on. It may depend on rows and be refused; see [`Options::rebuild`].
    pub altered: Vec<String>,
}

/// Plans the batch of one transaction.
pub(crate) fn plan(
    before: Before<'_>,
    after: After<'_>,
    changes: &[TableChanges],
    options: &Options,
) -> Result<Plan, PlanError> {
    let same_schema = before.schema.same(after.schema);
    if !same_schema {
        refuse::schema(after)?;
    }
    let mut pairs = pair::pairs(before, after, changes);
    let Ddl { first, shape, last, finish } = ddl::plan(before, after, &mut pairs, options)?;
    let has_ddl = [&first, &shape, &last, &finish].iter().any(|part| !part.is_empty());
    let deltas = pairs.into_iter().map(|pair| Delta::of(before, after, pair, changes));
    let mut deltas = deltas.collect::<Result<Vec<_>, _>>()?;
    closure::close(before, after, &mut deltas)?;
    refuse::rows(before, after, &deltas)?;

    // The order is R14's.
    let plain = |statements: Vec<String>| statements.into_iter().map(Statement::new);
    let mut statements: Vec<Statement> = plain(first).collect();
    statements.extend(rows::deletes(before, &deltas)?);
    statements.extend(rows::empty_dropped(before, after, &deltas));
    statements.extend(plain(shape));
    statements.extend(rows::updates_and_inserts(after, &deltas)?);
    statements.extend(plain(last));
    statements.extend(plain(finish));
    let counters = sequence::statements(before, after, &deltas)?;

    let row_count = (!has_ddl).then(|| deltas.iter().map(Delta::row_count).sum());
    let altered = deltas.iter().filter(|delta| delta.pair.altered).map(|delta| delta.pair.name().to_owned()).collect();
    let touched = touched::touched(!same_schema, &deltas);
    Ok(Plan { statements, counters, row_count, touched, altered })
}
