//! Result rows as the JSON text that D1 sends: SQLite's values after their way through JavaScript.
//! An INTEGER is a double, a REAL 1.0 prints as `1`, infinities are null, a BLOB is an array of its bytes, and invalid UTF-8 becomes
//! U+FFFD. All of this was observed on workerd; `tests/integration/conformance` checks it.

use rusqlite::types::ValueRef;
use serde_json::value::RawValue;

/// The two forms of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `/raw`: `{"columns": […], "rows": [[…], …]}`.
    Arrays,
    /// `/query`: `[{…}, …]`.
    Objects,
}

/// Writes the rows of one statement.
pub(super) struct RowWriter {
    format: Format,
    columns: Vec<String>,
    text: String,
    count: usize,
}

impl RowWriter {
    pub(super) fn new(format: Format, columns: Vec<String>) -> RowWriter {
        RowWriter { format, columns, text: String::new(), count: 0 }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn push(&mut self, row: &[ValueRef<'_>]) {
        if self.count > 0 {
            self.text.push(',');
        }
        self.count += 1;
        match self.format {
            Format::Arrays => self.push_array(row),
            Format::Objects => self.push_object(row),
        }
    }

    pub(super) fn finish(self) -> serde_json::Result<Box<RawValue>> {
        RawValue::from_string(match self.format {
            Format::Arrays => {
                format!(r#"{{"columns":{},"rows":[{}]}}"#, serde_json::to_string(&self.columns)?, self.text)
            }
            Format::Objects => format!("[{}]", self.text),
        })
    }

    fn push_array(&mut self, row: &[ValueRef<'_>]) {
        self.text.push('[');
        for (i, value) in row.iter().enumerate() {
            if i > 0 {
                self.text.push(',');
            }
            push_value(&mut self.text, *value);
        }
        self.text.push(']');
    }

    fn push_object(&mut self, row: &[ValueRef<'_>]) {
        self.text.push('{');
        let mut empty = true;
        for (i, value) in row.iter().enumerate() {
            if self.columns[i + 1..].contains(&self.columns[i]) {
                continue; // in an object, the last of several columns of one name wins
            }
            if !std::mem::take(&mut empty) {
                self.text.push(',');
            }
            push_string(&mut self.text, &self.columns[i]);
            self.text.push(':');
            push_value(&mut self.text, *value);
        }
        self.text.push('}');
    }
}

fn push_value(out: &mut String, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => out.push_str("null"),
        #[expect(clippy::cast_precision_loss, reason = "this is the rounding D1's clients see")]
        ValueRef::Integer(i) => push_number(out, i as f64),
        ValueRef::Real(x) => push_number(out, x),
        ValueRef::Text(bytes) => push_string(out, &String::from_utf8_lossy(bytes)),
        ValueRef::Blob(bytes) => push_bytes(out, bytes),
    }
}

/// `JSON.stringify` of a number: the shortest digits that read back as the same double, with an exponent only outside 1e-6..1e21.
fn push_number(out: &mut String, x: f64) {
    let text = match x.abs() {
        a if !a.is_finite() => "null".to_owned(),
        0.0 => "0".to_owned(), // -0 too
        a if (1e-6..1e21).contains(&a) => format!("{x}"),
        a if a >= 1e21 => format!("{x:e}").replace('e', "e+"),
        _ => format!("{x:e}"),
    };
    out.push_str(&text);
}

fn push_string(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

fn push_bytes(out: &mut String, bytes: &[u8]) {
    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
    out.push('[');
    out.push_str(&numbers.join(","));
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(value: ValueRef<'_>) -> String {
        let mut out = String::new();
        push_value(&mut out, value);
        out
    }

    #[test]
    fn numbers_print_as_javascript_prints_them() {
        let expected = [
            (1.0, "1"),
            (-0.0, "0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1e-6, "0.000001"),
            (-1e-7, "-1e-7"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "null"),
        ];
        for (x, text) in expected {
            assert_eq!(printed(ValueRef::Real(x)), text);
        }
        assert_eq!(printed(ValueRef::Integer(i64::MAX)), "9223372036854776000");
        assert_eq!(printed(ValueRef::Integer(9_007_199_254_740_993)), "9007199254740992");
    }

    #[test]
    fn broken_text_and_blobs_print_as_javascript_prints_them() {
        assert_eq!(printed(ValueRef::Text(b"a\0b")), r#""a\u0000b""#);
        assert_eq!(printed(ValueRef::Text(b"\xe2\x9a")), "\"\u{fffd}\"");
        assert_eq!(printed(ValueRef::Text(b"\xed\xa0\x80")), "\"\u{fffd}\u{fffd}\u{fffd}\"");
        assert_eq!(printed(ValueRef::Blob(b"\x00\xff")), "[0,255]");
    }
}
