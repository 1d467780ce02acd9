//! Keys: what identifies a row, and which tables refer to which.

use super::{ForeignKey, Identity, Schema, Table, quoted};

/// What one cell of a row that is read or written belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellName {
    /// The rowid, under a name that no column has taken.
    Rowid(&'static str),
    /// A column, by its index.
    Column(usize),
}

impl CellName {
    /// Its name as an identifier of SQL.
    pub(crate) fn sql(self, table: &Table) -> String {
        match self {
            CellName::Rowid(name) => name.to_owned(),
            CellName::Column(column) => quoted(&table.columns[column].name),
        }
    }

    /// Its name as a person writes it.
    pub(crate) fn name(self, table: &Table) -> &str {
        match self {
            CellName::Rowid(name) => name,
            CellName::Column(column) => &table.columns[column].name,
        }
    }
}

impl Table {
    /// The parts of the key, in the order of [`crate::value::Key::values`].
    pub(crate) fn key_cells(&self) -> Vec<CellName> {
        match &self.identity {
            Identity::Alias(column) => vec![CellName::Column(*column)],
            Identity::Rowid(name) => vec![CellName::Rowid(name)],
            Identity::Primary(key) => key.iter().map(|part| CellName::Column(part.column)).collect(),
            Identity::Unnamed => vec![CellName::Rowid("rowid")],
        }
    }

    /// The SQL names of the key's parts.
    pub fn key_names(&self) -> Vec<String> {
        self.key_cells().into_iter().map(|cell| cell.sql(self)).collect()
    }

    /// The key's parts for a comparison: qualified, and with the key's collation where it is not the column's.
    pub(crate) fn key_terms(&self, qualifier: &str) -> Vec<String> {
        let mut terms: Vec<String> = self.key_names().iter().map(|name| format!("{qualifier}{name}")).collect();
        if let Identity::Primary(key) = &self.identity {
            for (term, part) in terms.iter_mut().zip(key) {
                if let Some(collation) = &part.collation {
                    term.push_str(&format!(" COLLATE {}", quoted(collation)));
                }
            }
        }
        terms
    }

    /// `WHERE` terms that find a key bound as `?1`, `?2`, ….
    pub(crate) fn key_match(&self, qualifier: &str) -> String {
        let terms = self.key_terms(qualifier);
        let terms: Vec<String> = terms.iter().enumerate().map(|(i, term)| format!("{term}=?{}", i + 1)).collect();
        terms.join(" AND ")
    }

    /// Whether the table has rowids.
    pub fn has_rowid(&self) -> bool {
        !matches!(self.identity, Identity::Primary(_))
    }
}

impl Schema {
    /// The columns of its parent that a foreign key refers to; `None` if there are none of that name.
    pub(crate) fn parent_columns(&self, key: &ForeignKey) -> Option<(&Table, Vec<usize>)> {
        let parent = self.table(&key.parent)?;
        let columns = match key.to.as_slice() {
            [] => parent.primary.clone(),
            names => names.iter().map(|name| parent.column(name)).collect::<Option<Vec<_>>>()?,
        };
        (columns.len() == key.from.len()).then_some((parent, columns))
    }

    /// Children with a foreign key to `parent`, with that key, in the order of their names.
    pub(crate) fn children<'a>(&'a self, parent: &'a str) -> impl Iterator<Item = (&'a Table, &'a ForeignKey)> {
        self.tables
            .values()
            .flat_map(|table| table.foreign_keys.iter().map(move |key| (table, key)))
            .filter(move |(_, key)| key.parent.eq_ignore_ascii_case(parent))
    }

    /// Tables in an order in which children come before their parents; in a cycle, the first comes first.
    pub(crate) fn children_first<'a>(&self, mut tables: Vec<&'a Table>) -> Vec<&'a Table> {
        let mut ordered = Vec::with_capacity(tables.len());
        while !tables.is_empty() {
            let has_child = |parent: &Table| {
                let mut children = self.children(&parent.name).filter(|(child, _)| child.name != parent.name);
                children.any(|(child, _)| tables.iter().any(|table| table.name == child.name))
            };
            let next = tables.iter().position(|table| !has_child(table)).unwrap_or(0);
            ordered.push(tables.remove(next));
        }
        ordered
    }
}
