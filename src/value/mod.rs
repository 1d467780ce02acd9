//! SQLite values and row keys, owned and exact.
//! Equality is by type and bits: `1` is not `1.0`, `0.0` is not `-0.0`, and text is bytes (it may be invalid UTF-8).

pub(crate) mod from_d1;
pub(crate) mod to_d1;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

/// One SQLite value.
#[derive(Clone, Debug)]
pub enum Value {
    /// `NULL`
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A double; never NaN, which SQLite stores as `NULL`.
    Real(f64),
    /// Text as SQLite keeps it, in UTF-8 if the application stored UTF-8.
    Text(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    /// The value for SQLite's API.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Value::Null => ValueRef::Null,
            Value::Integer(i) => ValueRef::Integer(*i),
            Value::Real(r) => ValueRef::Real(*r),
            Value::Text(t) => ValueRef::Text(t),
            Value::Blob(b) => ValueRef::Blob(b),
        }
    }

    fn parts(&self) -> (u8, i64, &[u8]) {
        parts(self.as_ref())
    }
}

/// What makes two values the same: type, then number or bits, then bytes.
fn parts(value: ValueRef<'_>) -> (u8, i64, &[u8]) {
    match value {
        ValueRef::Null => (0, 0, &[]),
        ValueRef::Integer(i) => (1, i, &[]),
        ValueRef::Real(r) => (2, r.to_bits().cast_signed(), &[]),
        ValueRef::Text(t) => (3, 0, t),
        ValueRef::Blob(b) => (4, 0, b),
    }
}

/// Whether two values are the same in type and bits.
pub(crate) fn same(a: ValueRef<'_>, b: ValueRef<'_>) -> bool {
    parts(a) == parts(b)
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Value {
        match value {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(i) => Value::Integer(i),
            ValueRef::Real(r) => Value::Real(r),
            ValueRef::Text(t) => Value::Text(t.to_vec()),
            ValueRef::Blob(b) => Value::Blob(b.to_vec()),
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.as_ref()))
    }
}

/// What tells one row of a table from another, on D1 as in the images.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The rowid; every table but a `WITHOUT ROWID` one has it, whatever primary key it declares (R5).
    Rowid(i64),
    /// The primary key of a `WITHOUT ROWID` table, in the order of its declaration.
    Primary(Vec<Value>),
}

impl Key {
    /// The key's values, as parameters or as the first cells of a row.
    pub fn values(&self) -> Vec<Value> {
        match self {
            Key::Rowid(rowid) => vec![Value::Integer(*rowid)],
            Key::Primary(values) => values.clone(),
        }
    }
}
