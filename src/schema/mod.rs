//! A database's schema: tables in detail, everything else by its SQL text.
//! In: a connection (`read`). Out: plain data, equal for equal schemas. SQLite's own objects (`sqlite_…`) are left out.

pub(crate) mod checked;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub(crate) mod guard;
mod keys;
mod lexer;
mod read;
mod respell;

use std::collections::BTreeMap;

pub(crate) use error::SchemaError;
pub(crate) use keys::CellName;
pub(crate) use lexer::quoted;
pub(crate) use lexer::{Token, folded, tokens};
pub(crate) use respell::stored;

/// What the names of liteflare's own tables on D1 begin with; the ledger keeps them.
pub(crate) const OWN_PREFIX: &str = "_lf_";

/// The kinds of schema objects. Names are unique within a kind only: a trigger may be called like its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A table, virtual ones included.
    Table,
    /// An index with a text of its own, so none of those that a constraint makes.
    Index,
    /// A view.
    View,
    /// A trigger.
    Trigger,
}

impl Kind {
    /// What `sqlite_schema.type` calls it.
    pub(crate) fn of(name: &str) -> Option<Kind> {
        match name {
            "table" => Some(Kind::Table),
            "index" => Some(Kind::Index),
            "view" => Some(Kind::View),
            "trigger" => Some(Kind::Trigger),
            _ => None,
        }
    }

    /// As `sqlite_schema.type` has it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Table => "table",
            Kind::Index => "index",
            Kind::View => "view",
            Kind::Trigger => "trigger",
        }
    }

    /// As SQL spells it.
    pub fn keyword(self) -> &'static str {
        match self {
            Kind::Table => "TABLE",
            Kind::Index => "INDEX",
            Kind::View => "VIEW",
            Kind::Trigger => "TRIGGER",
        }
    }
}

/// One row of `sqlite_schema`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its name as written.
    pub name: String,
    /// The table or view it belongs to.
    pub table: String,
    /// Its text.
    pub sql: String,
    /// Root page; 0 for views and triggers.
    pub root: i64,
    /// Its row in `sqlite_schema`, which a rename keeps.
    pub place: i64,
}

impl Object {
    /// Whether both stand for the same text; where they are stored does not count.
    pub fn same(&self, other: &Object) -> bool {
        (self.kind, &self.name, &self.table, &self.sql) == (other.kind, &other.name, &other.table, &other.sql)
    }

    /// For messages: `table notes`.
    pub(crate) fn label(&self) -> String {
        format!("{} {}", self.kind.word(), self.name)
    }
}

/// How a column gets its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    /// It is written.
    No,
    /// Computed when read; not stored.
    Virtual,
    /// Computed when written, and stored.
    Stored,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name as written.
    pub name: String,
    /// Computed or written.
    pub generated: Generated,
}

/// One column of a `WITHOUT ROWID` table's primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimaryColumn {
    /// Index into the table's columns.
    pub column: usize,
    /// The collation to name when looking a key up; `None` where the column's own is the key's.
    pub collation: Option<String>,
}

/// What identifies a table's rows (R5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The rowid under the name of an `INTEGER PRIMARY KEY` column: its index.
    Alias(usize),
    /// The rowid under the first of its names that no column has taken.
    Rowid(&'static str),
    /// A `WITHOUT ROWID` table's primary key.
    Primary(Vec<PrimaryColumn>),
    /// A rowid that cannot be named, since columns took all of its names.
    Unnamed,
}

/// A unique index, with a text of its own or made by a constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unique {
    /// The index's name.
    pub name: String,
    /// Its columns' indexes; `None` when one of its terms is an expression.
    pub columns: Option<Vec<usize>>,
    /// The collation of each of its columns.
    pub collations: Vec<String>,
    /// It has a WHERE clause.
    pub partial: bool,
}

/// What D1 does to a child row when its parent row is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    /// NO ACTION or RESTRICT: nothing, while foreign keys are deferred (rule R2).
    Nothing,
    /// CASCADE, SET NULL, SET DEFAULT: the child row is deleted or changed at once.
    Acts,
}

/// A foreign key of a child table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// The parent's name as written.
    pub parent: String,
    /// Columns of the child.
    pub from: Vec<String>,
    /// Columns of the parent; empty when the key names none and means its primary key.
    pub to: Vec<String>,
    /// Its action.
    pub on_delete: OnDelete,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name as written.
    pub name: String,
    /// All columns in order, generated ones included.
    pub columns: Vec<Column>,
    /// What identifies its rows.
    pub identity: Identity,
    /// The declared primary key's columns, in the key's order.
    pub primary: Vec<usize>,
    /// Unique indexes, but not the rowid or the key of a `WITHOUT ROWID` table.
    pub unique: Vec<Unique>,
    /// Its foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// Declared STRICT.
    pub strict: bool,
    /// Declared AUTOINCREMENT.
    pub autoincrement: bool,
    /// A virtual table, or one of those that a virtual table keeps its data in.
    pub is_virtual: bool,
}

impl Table {
    /// The name as an identifier.
    pub fn quoted(&self) -> String {
        quoted(&self.name)
    }

    /// Index of a column by name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Indexes of the columns that are written: all but the generated ones.
    pub fn written(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.columns.len()).filter(|&i| self.columns[i].generated == Generated::No)
    }
}

/// A whole schema. Tables and objects are found by their folded names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// `sqlite_schema` without SQLite's own objects, by kind and folded name.
    pub objects: BTreeMap<(Kind, String), Object>,
    /// The tables among them, by folded name.
    pub tables: BTreeMap<String, Table>,
}

impl Schema {
    /// A table by its name in any case.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(&folded(name))
    }

    /// An object by its name in any case.
    pub fn object(&self, kind: Kind, name: &str) -> Option<&Object> {
        self.objects.get(&(kind, folded(name)))
    }

    /// Whether both have the same objects with the same texts.
    pub fn same(&self, other: &Schema) -> bool {
        // The caller hands in the same schema twice as long as nothing changed it.
        std::ptr::eq(self, other)
            || self.objects.len() == other.objects.len()
                && self.objects.values().zip(other.objects.values()).all(|(a, b)| a.same(b))
    }
}
