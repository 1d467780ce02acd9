//! Rows as one JSON text parameter, and the SQL that reads them back exactly (R7-R9).
//!
//! D1's `params` are strings, so a statement's rows travel as `[[cell,…],…]` in `?1`, read by `json_each(?1) AS _lfj`.
//! A column whose cells JSON holds exactly is read with plain `json_extract`; only others pay for a longer expression.

use std::fmt::Write;

use super::Value;

/// How the cells of one column of one statement travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As JSON itself: null, integers, integral and infinite reals, valid text.
    Plain,
    /// Reals or nulls: `[m,e]` stands for `m*2^e`. D1 reads some decimals one or two ulps off (R8).
    Real,
    /// Blobs or nulls, as hex digits.
    Blob,
    /// Anything: an array is a real, `{"b":hex}` a blob, `{"t":hex}` text that is not valid UTF-8.
    Mixed,
}

impl Form {
    /// The shortest form that holds all of `cells`.
    pub(crate) fn of<'v>(cells: impl Iterator<Item = &'v Value>) -> Form {
        let (mut special, mut reals, mut blobs, mut others) = (false, false, false, false);
        for cell in cells {
            match cell {
                Value::Null => {}
                Value::Real(real) => {
                    reals = true;
                    special |= !is_plain(*real);
                }
                Value::Blob(_) => (blobs, special) = (true, true),
                Value::Text(text) => {
                    others = true;
                    special |= std::str::from_utf8(text).is_err();
                }
                Value::Integer(_) => others = true,
            }
        }
        match (special, reals, blobs, others) {
            (false, ..) => Form::Plain,
            (_, true, false, false) => Form::Real,
            (_, false, true, false) => Form::Blob,
            _ => Form::Mixed,
        }
    }

    /// The SQL that reads cell `i` of a row of `json_each(…) AS _lfj`.
    pub(crate) fn expression(self, i: usize) -> String {
        self.expression_in("_lfj.value", i)
    }

    /// The SQL that reads cell `i` of the one row that `row` stands for.
    pub(crate) fn expression_in(self, row: &str, i: usize) -> String {
        let cell = |path: &str| format!("json_extract({row},'$[{i}]{path}')");
        let real = || format!("{}*pow(2,{})", cell("[0]"), cell("[1]"));
        match self {
            Form::Plain => cell(""),
            Form::Real => real(),
            Form::Blob => format!("unhex({})", cell("")),
            Form::Mixed => format!(
                "CASE json_type({row},'$[{i}]') WHEN 'array' THEN {} WHEN 'object' THEN \
                 coalesce(unhex({}),CAST(unhex({}) AS TEXT)) ELSE {} END",
                real(),
                cell(".b"),
                cell(".t"),
                cell("")
            ),
        }
    }

    /// Appends a cell.
    pub(crate) fn write(self, out: &mut String, cell: &Value) {
        match (self, cell) {
            (_, Value::Null) => out.push_str("null"),
            (_, Value::Integer(i)) => push(out, format_args!("{i}")),
            (Form::Plain | Form::Mixed, Value::Real(real)) if is_plain(*real) => write_plain_real(out, *real),
            (_, Value::Real(real)) => write_split_real(out, *real),
            (Form::Blob, Value::Blob(bytes)) => write_hex(out, "\"", bytes, "\""),
            (_, Value::Blob(bytes)) => write_hex(out, "{\"b\":\"", bytes, "\"}"),
            (_, Value::Text(bytes)) => match std::str::from_utf8(bytes) {
                Ok(text) => push(out, format_args!("{}", serde_json::Value::from(text))),
                Err(_) => write_hex(out, "{\"t\":\"", bytes, "\"}"),
            },
        }
    }
}

/// Appends one row with the given forms.
pub(crate) fn write_row(out: &mut String, forms: &[Form], row: &[Value]) {
    out.push('[');
    for (i, (form, cell)) in forms.iter().zip(row).enumerate() {
        if i > 0 {
            out.push(',');
        }
        form.write(out, cell);
    }
    out.push(']');
}

/// Keys as one parameter, each an array of its values, which [`Form::Mixed`] reads.
pub(crate) fn keys_param<K: AsRef<[Value]>>(keys: impl IntoIterator<Item = K>) -> String {
    let mut param = String::from("[");
    for (i, key) in keys.into_iter().enumerate() {
        if i > 0 {
            param.push(',');
        }
        let key = key.as_ref();
        write_row(&mut param, &vec![Form::Mixed; key.len()], key);
    }
    param.push(']');
    param
}

/// At least the bytes a cell takes in a parameter, whatever its form.
pub(crate) fn cell_bytes(cell: &Value) -> usize {
    match cell {
        Value::Null => 5,
        Value::Integer(_) => 21,
        Value::Real(_) => 32,
        Value::Blob(bytes) => 2 * bytes.len() + 9,
        Value::Text(bytes) if std::str::from_utf8(bytes).is_err() => 2 * bytes.len() + 9,
        Value::Text(bytes) => 3 + bytes.iter().map(|byte| escaped_bytes(*byte)).sum::<usize>(),
    }
}

/// Bytes of one byte of text inside a JSON string.
fn escaped_bytes(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..=0x1f => 6,
        _ => 1,
    }
}

/// Digits of up to 2^53 are read exactly everywhere, and so is `9e999`.
fn is_plain(real: f64) -> bool {
    real.is_infinite() || (real.fract() == 0.0 && real.abs() < 9_007_199_254_740_992.0)
}

fn write_plain_real(out: &mut String, real: f64) {
    match real {
        f64::INFINITY => out.push_str("9e999"),
        f64::NEG_INFINITY => out.push_str("-9e999"),
        _ => push(out, format_args!("{real:.1}")),
    }
}

/// `m*2^e` with an integral `m` below 2^53: exact, since `pow(2,e)` is, and so is the product.
fn write_split_real(out: &mut String, real: f64) {
    const FRACTION: u64 = (1 << 52) - 1;
    if real == 0.0 || real.is_infinite() {
        // 1*2^1024 is infinite; -0.0 has no integral mantissa that keeps its sign.
        let mantissa = if real == 0.0 { real } else { real.signum() };
        return push(out, format_args!("[{mantissa:.1},{}]", if real == 0.0 { 0 } else { 1024 }));
    }
    let bits = real.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i64;
    let fraction = bits & FRACTION;
    // Subnormal numbers have no leading 1, and the exponent of the smallest normal ones.
    let (mut mantissa, mut power) =
        if exponent == 0 { (fraction, -1074) } else { (fraction | (1 << 52), exponent - 1075) };
    let zeros = mantissa.trailing_zeros();
    // 1.5 is [3,-1], not [6755399441055744,-52].
    mantissa >>= zeros;
    power += i64::from(zeros);
    let sign = if real.is_sign_negative() { "-" } else { "" };
    push(out, format_args!("[{sign}{mantissa},{power}]"));
}

fn write_hex(out: &mut String, before: &str, bytes: &[u8], after: &str) {
    out.push_str(before);
    out.push_str(&hex::encode(bytes));
    out.push_str(after);
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    fn through_sqlite(values: &[Value]) -> Vec<Value> {
        let form = Form::of(values.iter());
        let rows: Vec<String> = values
            .iter()
            .map(|value| {
                let mut row = String::new();
                write_row(&mut row, &[form], std::slice::from_ref(value));
                assert!(row.len() <= cell_bytes(value) + 2, "{row} is longer than promised");
                row
            })
            .collect();
        let db = Connection::open_in_memory().unwrap();
        let sql = format!("SELECT {} FROM json_each(?1) AS _lfj", form.expression(0));
        let mut statement = db.prepare(&sql).unwrap();
        let found = statement.query_map([format!("[{}]", rows.join(","))], |row| Ok(Value::from(row.get_ref(0)?)));
        found.unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn every_value_arrives_in_type_and_bits() {
        let reals = [0.0, 1.0, -1.0, 0.1 + 0.2, 1e300, 5e-324, f64::MAX, f64::MIN_POSITIVE, 2.5e-310, 1e15, 9e15, 1e16];
        let reals: Vec<Value> = reals.iter().flat_map(|r| [Value::Real(*r), Value::Real(-*r)]).collect();
        let infinite = vec![Value::Real(f64::INFINITY), Value::Real(f64::NEG_INFINITY)];
        let integers = vec![Value::Integer(i64::MIN), Value::Integer(i64::MAX), Value::Integer((1 << 53) + 1)];
        let texts = ["", "a\0b", "\"\\\n\u{1}\u{7f}", "ä\u{1f600}\u{2028}"];
        let texts: Vec<Value> = texts.iter().map(|t| Value::Text(t.as_bytes().to_vec())).collect();
        let broken = vec![Value::Text(vec![0xff, 0, 0xfe]), Value::Text(vec![0xed, 0xa0, 0x80])];
        let blobs = vec![Value::Blob(vec![]), Value::Blob(vec![0, 255]), Value::Null];
        let all = [&reals, &infinite, &integers, &texts, &broken, &blobs];
        for values in all {
            assert_eq!(&through_sqlite(values), values);
        }
        let together: Vec<Value> = all.into_iter().flatten().cloned().collect();
        assert_eq!(through_sqlite(&together), together);
        assert_eq!(through_sqlite(&[&reals[..], &infinite].concat()), [&reals[..], &infinite].concat());
    }

    proptest::proptest! {
        #[test]
        fn every_double_arrives(bits: u64) {
            let real = f64::from_bits(bits);
            if !real.is_nan() {
                proptest::prop_assert_eq!(through_sqlite(&[Value::Real(real)]), vec![Value::Real(real)]);
            }
        }
    }
}
