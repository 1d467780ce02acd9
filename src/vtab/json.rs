//! A row as a JSON object.
//!
//! Values are exact: integers keep all their digits, reals have a point or an exponent, infinities look as in SQLite's own JSON. Text is
//! always a string, so that an object can only be a blob: `{"hex":"00FF"}`.

use serde_json::Value as Json;

use crate::value::Value;

/// Writes one row. `names` must be distinct.
pub(crate) fn object<'v, T: 'v>(
    names: &[String],
    row: impl IntoIterator<Item = &'v T>,
    push: fn(&mut String, &T),
) -> String {
    let mut out = String::from("{");
    for (index, (name, value)) in names.iter().zip(row).enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_text(&mut out, name);
        out.push(':');
        push(&mut out, value);
    }
    out.push('}');
    out
}

pub(crate) fn push_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Integer(integer) => out.push_str(&integer.to_string()),
        Value::Real(real) if real.is_infinite() => out.push_str(if *real > 0.0 { "9.0e+999" } else { "-9.0e+999" }),
        Value::Real(real) => out.push_str(&format!("{real:?}")), // the shortest digits that read back as the same double
        Value::Text(text) => push_text(out, &String::from_utf8_lossy(text)),
        Value::Blob(bytes) => {
            out.push_str(r#"{"hex":""#);
            out.push_str(&hex::encode_upper(bytes));
            out.push_str(r#""}"#);
        }
    }
}

/// A value exactly as D1 sent it.
pub(crate) fn push_json(out: &mut String, value: &Json) {
    out.push_str(&value.to_string());
}

fn push_text(out: &mut String, text: &str) {
    // Serializing a string cannot fail.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// Makes the names distinct by numbering repeated ones, as SQLite does: `a`, `a:1`.
pub(crate) fn distinct(names: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let rename = |name: String| {
        let numbered = (1..).map(|number| format!("{name}:{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| seen.insert(name.to_ascii_lowercase()));
        free.unwrap_or(name)
    };
    names.into_iter().map(rename).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_exact() {
        let printed = |value: Value| {
            let mut out = String::new();
            push_value(&mut out, &value);
            out
        };
        let expected = [
            (Value::Integer(i64::MIN), "-9223372036854775808"),
            (Value::Real(1.0), "1.0"),
            (Value::Real(1e300), "1e300"),
            (Value::Real(0.1 + 0.2), "0.30000000000000004"),
            (Value::Real(f64::NEG_INFINITY), "-9.0e+999"),
            (Value::Text(b"a\0\"".to_vec()), r#""a\u0000\"""#),
            (Value::Blob(vec![0, 255]), r#"{"hex":"00FF"}"#),
        ];
        for (value, text) in expected {
            assert_eq!(printed(value), text);
        }
    }

    #[test]
    fn equal_names_are_numbered() {
        let names = ["a", "b", "A", "a:1", "a"].map(str::to_owned).to_vec();
        assert_eq!(distinct(names), ["a", "b", "A:1", "a:1:1", "a:2"]);
    }
}
