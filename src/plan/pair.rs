//! Which table of AFTER is which table of BEFORE, and what becomes of it on D1.
//! In: both schemas and the changed keys. Out: one [`Pair`] for every table of either.

use std::collections::BTreeSet;

use super::{After, Before, TableChanges};
use crate::schema::{Kind, Schema, Table, folded};
use crate::value::Key;

/// What the batch does with a table. Rows of `Rebuilt`, `Created` and `Dropped` tables are never compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays, perhaps with ALTERs.
    Kept,
    /// DROP and CREATE under its name, then all rows of AFTER.
    Rebuilt,
    /// New.
    Created,
    /// Gone.
    Dropped,
}

/// A table of BEFORE, of AFTER, or of both.
#[derive(Clone, Debug)]
pub(super) struct Pair<'s> {
    pub(super) old: Option<&'s Table>,
    pub(super) new: Option<&'s Table>,
    pub(super) fate: Fate,
    /// For a kept table: each written column of AFTER with its column of BEFORE, or `None` if it was added.
    pub(super) columns: Vec<(usize, Option<usize>)>,
    /// A kept table whose rows the decoder's keys do not describe under this column mapping: compare them all.
    pub(super) compare_all: bool,
    /// ALTER TABLE is used on it.
    pub(super) altered: bool,
}

impl<'s> Pair<'s> {
    fn new(old: Option<&'s Table>, new: Option<&'s Table>) -> Pair<'s> {
        let fate = match (old, new) {
            (Some(_), Some(_)) => Fate::Kept,
            (None, _) => Fate::Created,
            (_, None) => Fate::Dropped,
        };
        let mut pair = Pair { old, new, fate, columns: Vec::new(), compare_all: false, altered: false };
        pair.reset();
        pair
    }

    /// Forgets ALTERs: each column of AFTER is BEFORE's in the same place.
    pub(super) fn reset(&mut self) {
        self.columns = match (self.old, self.new) {
            (Some(_), Some(new)) => new.written().map(|i| (i, Some(i))).collect(),
            _ => Vec::new(),
        };
        self.compare_all = false;
        self.altered = false;
    }

    /// The name in AFTER, or in BEFORE if it is gone.
    pub(super) fn name(&self) -> &'s str {
        self.new.or(self.old).map_or("", |table| table.name.as_str())
    }

    /// BEFORE's and AFTER's table, if the table stays.
    pub(super) fn kept(&self) -> Option<(&'s Table, &'s Table)> {
        (self.fate == Fate::Kept).then_some(self.old.zip(self.new)).flatten()
    }

    pub(super) fn is_rename(&self) -> bool {
        self.kept().is_some_and(|(old, new)| !old.name.eq_ignore_ascii_case(&new.name))
    }

    /// The keys the decoder gave for this pair: deleted, inserted, updated.
    pub(super) fn keys<'c>(&self, changes: &'c [TableChanges]) -> [BTreeSet<&'c Key>; 3] {
        let is = |name: &Option<String>, table: Option<&Table>| match (name, table) {
            (Some(name), Some(table)) => name.eq_ignore_ascii_case(&table.name),
            _ => false,
        };
        let mut keys = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
        for change in changes {
            let (before, after) = (is(&change.before, self.old), is(&change.after, self.new));
            if before {
                keys[0].extend(&change.rows.deleted);
            }
            if after {
                keys[1].extend(&change.rows.inserted);
            }
            if before && after {
                keys[2].extend(&change.rows.updated);
            }
        }
        keys
    }
}

/// All tables, paired. Renames that D1 can do by `RENAME TO` stay pairs; the others become a rebuild, a drop and a creation.
pub(super) fn pairs<'s>(before: Before<'s>, after: After<'s>, changes: &[TableChanges]) -> Vec<Pair<'s>> {
    let (old, new) = (before.schema, after.schema);
    let renames = possible_renames(old, renames(old, new, changes));
    let mut pairs = Vec::new();
    for table in old.tables.values() {
        let name = folded(&table.name);
        let target = renames.iter().find(|(from, _)| *from == name).map_or(&name, |(_, to)| to);
        pairs.push(Pair::new(Some(table), new.tables.get(target)));
    }
    let paired: BTreeSet<&str> = pairs.iter().filter_map(|pair| Some(pair.new?.name.as_str())).collect();
    let created = new.tables.values().filter(|table| !paired.contains(table.name.as_str()));
    let created: Vec<Pair<'s>> = created.map(|table| Pair::new(None, Some(table))).collect();
    pairs.extend(created);
    for pair in &mut pairs {
        // Rows under another kind of key, or keys that the decoder gave for another pairing, cannot be compared.
        if pair.kept().is_some_and(|(old, new)| old.has_rowid() != new.has_rowid() || contradicted(old, new, changes)) {
            pair.fate = Fate::Rebuilt;
        }
    }
    pairs
}

/// Whether the decoder paired one of the two with another table, as in a rename swap.
fn contradicted(old: &Table, new: &Table, changes: &[TableChanges]) -> bool {
    let is = |name: &Option<String>, table: &Table| name.as_ref().map(|name| name.eq_ignore_ascii_case(&table.name));
    changes.iter().any(|change| {
        let (before, after) = (is(&change.before, old), is(&change.after, new));
        (before == Some(true) && after == Some(false)) || (before == Some(false) && after == Some(true))
    })
}

/// Renames by folded name: those the decoder saw, then tables that kept their root page and their row of `sqlite_schema`.
fn renames(old: &Schema, new: &Schema, changes: &[TableChanges]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for change in changes {
        if let (Some(before), Some(after)) = (&change.before, &change.after)
            && !before.eq_ignore_ascii_case(after)
            && old.table(before).is_some()
            && new.table(after).is_some()
        {
            found.push((folded(before), folded(after)));
        }
    }
    let place =
        |schema: &Schema, name: &str| schema.object(Kind::Table, name).map(|object| (object.root, object.place));
    let gone = |name: &str| {
        changes.iter().any(|c| c.after.is_none() && c.before.as_deref().is_some_and(|b| folded(b) == name))
    };
    let made = |name: &str| {
        changes.iter().any(|c| c.before.is_none() && c.after.as_deref().is_some_and(|a| folded(a) == name))
    };
    for from in old.tables.keys().filter(|name| !new.tables.contains_key(*name) && !gone(name)) {
        let to = new
            .tables
            .keys()
            .find(|to| !old.tables.contains_key(*to) && !made(to) && place(old, from) == place(new, to));
        if let Some(to) = to
            && !found.iter().any(|(f, t)| f == from || t == to)
        {
            found.push((from.clone(), to.clone()));
        }
    }
    found
}

/// Drops the renames whose new name is not free when their turn comes: a swap, or the name of a table that goes last.
fn possible_renames(old: &Schema, mut wanted: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut present: BTreeSet<String> = old.tables.keys().cloned().collect();
    let mut ordered = Vec::new();
    while let Some(next) = wanted.iter().position(|(_, to)| !present.contains(to)) {
        let (from, to) = wanted.remove(next);
        present.remove(&from);
        present.insert(to.clone());
        ordered.push((from, to));
    }
    ordered
}

/// The order in which renames find their new names free.
pub(super) fn rename_order(old: &Schema, pairs: &[Pair<'_>]) -> Vec<usize> {
    let name = |table: Option<&Table>| table.map(|table| folded(&table.name)).unwrap_or_default();
    let wanted = pairs.iter().filter(|pair| pair.is_rename()).map(|pair| (name(pair.old), name(pair.new))).collect();
    let ordered = possible_renames(old, wanted);
    ordered.iter().filter_map(|(from, _)| pairs.iter().position(|pair| name(pair.old) == *from)).collect()
}

/// Turns a kept table into a rebuilt one. A renamed one is dropped and created: `RENAME TO` and a rebuild do not mix.
pub(super) fn rebuild(pairs: &mut Vec<Pair<'_>>, index: usize) {
    let pair = pairs[index].clone();
    if !pair.is_rename() {
        pairs[index].fate = Fate::Rebuilt;
        return;
    }
    pairs[index] = Pair::new(pair.old, None);
    let same_name = |other: &Pair<'_>| {
        other.new.is_none() && other.old.is_some_and(|old| old.name.eq_ignore_ascii_case(pair.name()))
    };
    match pairs.iter().position(same_name) {
        Some(other) => {
            pairs[other] = Pair { fate: Fate::Rebuilt, ..Pair::new(pairs[other].old, pair.new) };
        }
        None => pairs.push(Pair::new(None, pair.new)),
    }
}
