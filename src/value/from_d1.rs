//! One value on its way from D1, exactly typed.
//!
//! D1's answers are JSON made by JavaScript: large integers are rounded, `1.0` and `1` look the same, invalid text is mended.
//! So each cell arrives in a form that says what it is: null; a number for a REAL; an array of bytes for a large blob; else text
//! whose first letter is the type.

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::Value as Json;

use super::Value;

/// Bytes above which a value does not travel as hex digits: those must stay below D1's 2 MB for a value.
const LARGE_BYTES: usize = 900_000;

/// The SQL for a table's column `name`. `exact`: text as hex, for text that is not valid UTF-8. What is large is only announced, and
/// fetched by itself, in pieces.
pub(crate) fn stored(name: &str, exact: bool) -> String {
    let text = if exact {
        format!("'x'||hex({name})")
    } else {
        // JavaScript gets text with a NUL whole, but nothing promises it: such text travels as hex.
        format!("CASE WHEN instr({name},char(0)) THEN 'x'||hex({name}) ELSE 't'||{name} END")
    };
    let text = format!("CASE WHEN length(CAST({name} AS BLOB))>{LARGE_BYTES} THEN '>' ELSE {text} END");
    typed(name, &text, &format!("CASE WHEN length({name})>{LARGE_BYTES} THEN '>' ELSE 'b'||hex({name}) END"))
}

/// The SQL for the column `name` of any query, of which nothing can be fetched later: what is large comes as it is. A blob then
/// arrives as an array of its bytes, and text with the letters that JavaScript gives it.
pub(crate) fn computed(name: &str) -> String {
    // U+FFFD that is really there travels as hex, so that one that arrives is JavaScript's mending.
    let is_special = format!("instr({name},char(0)) OR instr({name},char(65533))");
    let text = format!(
        "CASE WHEN ({is_special}) AND length(CAST({name} AS BLOB))<={LARGE_BYTES} THEN 'x'||hex({name}) ELSE 't'||{name} END"
    );
    typed(name, &text, &format!("CASE WHEN length({name})>{LARGE_BYTES} THEN {name} ELSE 'b'||hex({name}) END"))
}

fn typed(name: &str, text: &str, blob: &str) -> String {
    format!(
        "CASE typeof({name}) WHEN 'integer' THEN 'i'||{name} \
         WHEN 'real' THEN CASE {name} WHEN 9e999 THEN 'r+' WHEN -9e999 THEN 'r-' \
         WHEN 0 THEN CASE WHEN atan2({name},-1)<0 THEN 'r0' ELSE {name} END ELSE {name} END \
         WHEN 'text' THEN {text} WHEN 'blob' THEN {blob} END"
    )
}

/// A cell of [`stored`]. `None`: of an unknown form; `Some(None)`: a large value that is fetched by itself.
pub(crate) fn parse_stored(cell: Json, is_doubtful: &mut bool) -> Option<Option<Value>> {
    Some(match cell {
        Json::Null => Some(Value::Null),
        Json::Number(number) => Some(Value::Real(number.as_f64()?)),
        Json::String(text) if text == ">" => None,
        Json::String(text) => Some(parse_text(text, is_doubtful)?),
        _ => return None,
    })
}

fn parse_text(mut text: String, is_doubtful: &mut bool) -> Option<Value> {
    let (kind, rest) = text.split_at_checked(1)?;
    Some(match kind {
        "i" => Value::Integer(rest.parse().ok()?),
        // JavaScript has numbers for none of them: it writes -0.0 as 0.
        "r" => Value::Real(match rest {
            "+" => f64::INFINITY,
            "0" => -0.0,
            _ => f64::NEG_INFINITY,
        }),
        "t" => {
            *is_doubtful |= rest.contains(char::REPLACEMENT_CHARACTER);
            text.remove(0); // the text stays where it is, and a page of rows is not in memory twice
            Value::Text(text.into_bytes())
        }
        "x" => Value::Text(hex::decode(rest).ok()?),
        "b" => Value::Blob(hex::decode(rest).ok()?),
        _ => return None,
    })
}

/// A cell of [`computed`], read from JSON without a detour: a blob of 2 MB would be 2 million JSON values.
pub(crate) struct Computed {
    /// The value.
    pub value: Value,
    /// Whether it is a text that was mended on the way.
    pub is_mended: bool,
}

impl<'de> Deserialize<'de> for Computed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Computed, D::Error> {
        from.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl CellVisitor {
    fn good<E>(value: Value) -> Result<Computed, E> {
        Ok(Computed { value, is_mended: false })
    }
}

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Computed;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a cell")
    }

    fn visit_unit<E>(self) -> Result<Computed, E> {
        CellVisitor::good(Value::Null)
    }

    fn visit_f64<E>(self, real: f64) -> Result<Computed, E> {
        CellVisitor::good(Value::Real(real))
    }

    #[expect(clippy::cast_precision_loss, reason = "it was a double before it was printed")]
    fn visit_i64<E>(self, real: i64) -> Result<Computed, E> {
        CellVisitor::good(Value::Real(real as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "it was a double before it was printed")]
    fn visit_u64<E>(self, real: u64) -> Result<Computed, E> {
        CellVisitor::good(Value::Real(real as f64))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Computed, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Computed, E> {
        let mut is_mended = false;
        let value = parse_text(text, &mut is_mended).ok_or_else(|| E::custom("a value of an unknown form"))?;
        Ok(Computed { value, is_mended })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Computed, A::Error> {
        let mut blob = Vec::new();
        while let Some(byte) = bytes.next_element()? {
            blob.push(byte);
        }
        CellVisitor::good(Value::Blob(blob))
    }
}
