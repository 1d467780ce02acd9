//! Values and keys, owned and exact.
//! Equality is by type and bits: `1` is not `1.0`, `0.0` is not `-0.0`, and text is bytes (it may be invalid UTF-8). Knows neither
//! SQLite's API nor D1's, so that the decoder, which uses it, can be fuzzed alone.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// One SQLite value.
#[derive(Clone, Debug)]
pub enum Value {
    /// `NULL`
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A double; SQLite reads NaN as `NULL`, so it only comes from damaged pages.
    Real(f64),
    /// Text, in UTF-8 unless the application stored something invalid. In a record it is still in the database's encoding.
    Text(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    /// What makes two values the same: type, then number or bits, then bytes.
    fn parts(&self) -> (u8, i64, &[u8]) {
        match self {
            Value::Null => (0, 0, &[]),
            Value::Integer(i) => (1, *i, &[]),
            Value::Real(r) => (2, r.to_bits().cast_signed(), &[]),
            Value::Text(t) => (3, 0, t),
            Value::Blob(b) => (4, 0, b),
        }
    }

    /// A value out of a record, with its text in UTF-8.
    pub fn in_utf8(self, encoding: Encoding) -> Value {
        match self {
            Value::Text(bytes) => Value::Text(encoding.to_utf8(bytes)),
            other => other,
        }
    }
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

/// What tells one row of a table from another, on D1 as in the images.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    /// The rowid; every table but a `WITHOUT ROWID` one has it, whatever primary key it declares (R5).
    Rowid(i64),
    /// The primary key of a `WITHOUT ROWID` table, in the order of its declaration.
    Primary(Vec<Value>),
}

impl Key {
    /// The key's values, as parameters or as the first cells of a row.
    pub(crate) fn values(&self) -> Vec<Value> {
        match self {
            Key::Rowid(rowid) => vec![Value::Integer(*rowid)],
            Key::Primary(values) => values.clone(),
        }
    }
}

/// How a database stores its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, the lower byte first.
    Utf16Le,
    /// UTF-16, the higher byte first.
    Utf16Be,
}

impl Encoding {
    /// By the number in the database header (file format, section 1.3, offset 56).
    pub fn numbered(number: u32) -> Encoding {
        match number {
            2 => Encoding::Utf16Le,
            3 => Encoding::Utf16Be,
            _ => Encoding::Utf8,
        }
    }

    /// Stored text as SQLite hands it out.
    fn to_utf8(self, text: Vec<u8>) -> Vec<u8> {
        let decode = |unit: fn([u8; 2]) -> u16| {
            let units: Vec<u16> = text.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
            String::from_utf16_lossy(&units).into_bytes()
        };
        match self {
            Encoding::Utf8 => text,
            Encoding::Utf16Le => decode(u16::from_le_bytes),
            Encoding::Utf16Be => decode(u16::from_be_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_text_is_read_in_every_encoding() {
        let text = "a\0é\u{1f600}";
        let units: Vec<u16> = text.encode_utf16().collect();
        let stored = |bytes: fn(u16) -> [u8; 2]| Value::Text(units.iter().flat_map(|unit| bytes(*unit)).collect());
        let wanted = Value::Text(text.as_bytes().to_vec());
        assert_eq!(stored(u16::to_le_bytes).in_utf8(Encoding::numbered(2)), wanted);
        assert_eq!(stored(u16::to_be_bytes).in_utf8(Encoding::numbered(3)), wanted);
        let broken = Value::Text(vec![0xff, 0]);
        assert_eq!(broken.clone().in_utf8(Encoding::numbered(1)), broken);
        let blob = Value::Blob(vec![1, 2]);
        assert_eq!(blob.clone().in_utf8(Encoding::Utf16Be), blob);
    }
}
