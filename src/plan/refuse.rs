//! What D1, or writing to it exactly, does not allow. Checked before anything is planned, so that the message names the object.

use super::ablation::{Rule, holds};
use super::delta::Delta;
use super::pair::{Fate, Pair};
use super::{After, Before, PlanError};
use crate::d1::limits;
use crate::schema::{ForeignKey, Identity, Kind, OWN_PREFIX, Object, Schema, Table, folded};

/// Refuses objects that D1 cannot hold. For the AFTER of a transaction that changed the schema.
pub(super) fn schema(after: After<'_>) -> Result<(), PlanError> {
    after.schema.objects.values().try_for_each(name)?;
    after.schema.tables.values().try_for_each(table)
}

fn unsupported(object: String, problem: String, advice: &'static str) -> Result<(), PlanError> {
    Err(PlanError::Unsupported { object, problem, advice })
}

fn name(object: &Object) -> Result<(), PlanError> {
    let name = folded(&object.name);
    let advice = "give it another name";
    if name.starts_with(OWN_PREFIX) {
        return unsupported(object.label(), format!("names that begin with {OWN_PREFIX} are liteflare's own"), advice);
    }
    if name.starts_with("_cf_") {
        return unsupported(object.label(), "names that begin with _cf_ are Cloudflare's own on D1".to_owned(), advice);
    }
    if matches!(object.kind, Kind::Table | Kind::View) && name == "json_each" {
        let problem = "it hides the function json_each, with which rows are written to D1".to_owned();
        return unsupported(object.label(), problem, advice);
    }
    Ok(())
}

fn table(table: &Table) -> Result<(), PlanError> {
    let label = format!("table {}", table.name);
    if table.is_virtual {
        let problem = "D1 does not let clients write virtual tables' data".to_owned();
        return unsupported(label, problem, "keep full-text and spatial indexes in a local database file");
    }
    let count = table.columns.len();
    if count > limits::COLUMNS {
        let problem = format!("it has {count} columns, D1 allows {}", limits::COLUMNS);
        return unsupported(label, problem, "move some of them to a second table");
    }
    match table.identity {
        Identity::Unnamed => unsupported(
            label,
            "its columns use all names of the rowid (rowid, _rowid_, oid)".to_owned(),
            "rename one of these columns or add an INTEGER PRIMARY KEY",
        ),
        // The rowid is written as one more column.
        Identity::Rowid(_) if count == limits::COLUMNS => unsupported(
            label,
            format!("with {count} columns there is no room for its rowid on D1"),
            "drop a column or make one the INTEGER PRIMARY KEY",
        ),
        _ => Ok(()),
    }
}

/// Refuses row changes that D1's always active foreign keys cannot compile, with a message that names the key.
pub(super) fn rows(before: Before<'_>, after: After<'_>, deltas: &[Delta<'_>]) -> Result<(), PlanError> {
    if !holds(Rule::ForeignKeys) {
        return Ok(());
    }
    for delta in deltas {
        let pair = &delta.pair;
        if let Some(table) = pair.old.filter(|_| !delta.deleted.is_empty()) {
            Keys { schema: before.schema, also: None }.check_row(table)?;
        }
        let Some(table) = pair.new else { continue };
        // Tables that go are dropped last: until then they are parents.
        let keys = Keys { schema: after.schema, also: Some((before, deltas)) };
        let all_inserted = matches!(pair.fate, Fate::Created | Fate::Rebuilt) && has_rows(after, table)?;
        if all_inserted || !delta.inserted.is_empty() {
            keys.check_row(table)?;
        }
        for changed in delta.updated.values() {
            let touches = |key: &&ForeignKey| {
                key.from.iter().filter_map(|name| table.column(name)).any(|column| changed.contains(&column))
            };
            table.foreign_keys.iter().filter(touches).try_for_each(|key| keys.check(table, key))?;
        }
    }
    Ok(())
}

/// Refuses a table's foreign keys, and those that refer to it, that SQLite cannot compile.
pub(super) fn keys_of(schema: &Schema, table: &Table) -> Result<(), PlanError> {
    Keys { schema, also: None }.check_row(table)
}

fn has_rows(after: After<'_>, table: &Table) -> Result<bool, PlanError> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM main.{})", table.quoted());
    Ok(after.connection.prepare_cached(&sql)?.query_row([], |row| row.get(0))?)
}

/// The foreign keys of one moment of the batch.
struct Keys<'a> {
    schema: &'a Schema,
    /// Where dropped tables still stand.
    also: Option<(Before<'a>, &'a [Delta<'a>])>,
}

impl Keys<'_> {
    /// Whether a row can be inserted or deleted: as a child, and as a parent.
    fn check_row(&self, table: &Table) -> Result<(), PlanError> {
        table.foreign_keys.iter().try_for_each(|key| self.check(table, key))?;
        let mut children = self.schema.children(&table.name);
        children.try_for_each(|(child, key)| self.check(child, key))
    }

    fn check(&self, child: &Table, key: &ForeignKey) -> Result<(), PlanError> {
        let error = |problem| PlanError::ForeignKey { table: child.name.clone(), parent: key.parent.clone(), problem };
        if self.schema.table(&key.parent).is_none() {
            let is_leaving = self.also.is_some_and(|(before, deltas)| {
                let pair_goes =
                    |pair: &Pair<'_>| pair.fate == Fate::Dropped && pair.name().eq_ignore_ascii_case(&key.parent);
                before.schema.table(&key.parent).is_some() && deltas.iter().any(|delta| pair_goes(&delta.pair))
            });
            return if is_leaving { Ok(()) } else { Err(error("there is no such table")) };
        }
        if resolves(self.schema, key) {
            Ok(())
        } else {
            Err(error("the referenced columns are not there or not unique"))
        }
    }
}

/// Whether a foreign key refers to a table, and there to its primary key or to columns with a unique index.
pub(super) fn resolves(schema: &Schema, key: &ForeignKey) -> bool {
    let Some((parent, mut to)) = schema.parent_columns(key) else { return false };
    to.sort_unstable();
    let is_key = |columns: &[usize]| {
        let mut columns = columns.to_vec();
        columns.sort_unstable();
        columns == to
    };
    let mut unique = parent.unique.iter().filter(|unique| !unique.partial);
    is_key(&parent.primary) || unique.any(|unique| unique.columns.as_deref().is_some_and(is_key))
}
