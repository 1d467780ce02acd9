//! Reads rows from D1 for a comparison. It does not share the code that fills replicas, so that a mistake there shows here.
//!
//! D1 sends a cell as a text: a letter for the type, then the value, bytes as hex digits. A REAL is a JSON number. Of cells larger than the
//! limit only the size is sent.

use serde_json::Value as Json;

use crate::d1::{Client, Statement};
use crate::plan::insert_names;
use crate::replica::rows::{after_key, key_equals, key_order, key_param};
use crate::schema::Table;
use crate::transfer::Error;
use crate::value::Value;

/// The largest cell ever sent with its row: as hex digits it is less than half of D1's limit for a value.
pub(crate) const MOST_INLINE: usize = 400_000;
/// How many pieces the largest possible value (2 MB) has.
const PIECES: usize = 5;

/// A cell as D1 sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum D1Cell {
    Value(Value),
    /// Too large to be sent with its row.
    Large {
        /// Otherwise a blob.
        is_text: bool,
        /// In bytes.
        size: usize,
    },
}

/// Reads at most `limit` rows in the order of the key, from the first one after `after`. `inline`: the largest cell to send.
pub(crate) fn page(table: &Table, after: Option<&[Value]>, limit: usize, inline: usize) -> Statement {
    let start = if after.is_some() { format!(" WHERE {}", after_key(table)) } else { String::new() };
    let sql = format!(
        "SELECT {} FROM {}{start} ORDER BY {} LIMIT {limit}",
        list(table, inline),
        table.quoted(),
        key_order(table)
    );
    Statement::with(sql, after.map(key_param))
}

fn list(table: &Table, inline: usize) -> String {
    let cells = insert_names(table).into_iter().enumerate();
    let cells =
        cells.map(|(index, name)| format!("{} AS c{index}", cell(&format!("{}.{name}", table.quoted()), inline)));
    cells.collect::<Vec<_>>().join(",")
}

fn cell(name: &str, inline: usize) -> String {
    // JavaScript would turn -0.0 into 0 and infinities into null.
    let real = format!(
        "CASE WHEN {name}=0 THEN CASE WHEN atan2({name},-1)<0 THEN 'r-0.0' ELSE 'r0.0' END \
         WHEN abs({name})>1.7976931348623157e308 THEN 'r'||CASE WHEN {name}>0 THEN 'inf' ELSE '-inf' END ELSE {name} END"
    );
    let bytes = format!("CAST({name} AS BLOB)");
    format!(
        "CASE typeof({name}) WHEN 'null' THEN NULL WHEN 'integer' THEN 'i'||{name} WHEN 'real' THEN {real} \
         ELSE CASE WHEN length({bytes})>{inline} THEN '>'||substr(typeof({name}),1,1)||length({bytes}) \
         ELSE substr(typeof({name}),1,1)||hex({bytes}) END END"
    )
}

/// Parses the answer to [`page`].
pub(crate) fn parse(table: &Table, rows: Vec<Vec<Json>>) -> Result<Vec<Vec<D1Cell>>, Error> {
    // A missing cell must not pass for an equal one.
    let cells = insert_names(table).len();
    let row = |row: Vec<Json>| {
        let row = row.into_iter().map(parse_cell).collect::<Option<Vec<D1Cell>>>();
        row.filter(|row| row.len() == cells)
    };
    rows.into_iter().map(row).collect::<Option<_>>().ok_or_else(|| unknown(table))
}

/// The answer does not have the form that was asked for.
pub(crate) fn unknown(table: &Table) -> Error {
    Error::Answer { table: table.name.clone() }
}

fn parse_cell(cell: Json) -> Option<D1Cell> {
    let text = match cell {
        Json::Null => return Some(D1Cell::Value(Value::Null)),
        Json::Number(number) => return Some(D1Cell::Value(Value::Real(number.as_f64()?))),
        Json::String(text) => text,
        _ => return None,
    };
    let (kind, rest) = text.split_at_checked(1)?;
    Some(D1Cell::Value(match kind {
        "i" => Value::Integer(rest.parse().ok()?),
        "r" => Value::Real(rest.parse().ok()?),
        "t" => Value::Text(hex::decode(rest).ok()?),
        "b" => Value::Blob(hex::decode(rest).ok()?),
        ">" => return Some(D1Cell::Large { is_text: rest.starts_with('t'), size: rest.get(1..)?.parse().ok()? }),
        _ => return None,
    }))
}

/// Reads the bytes of a large cell. `None`: the row is gone.
pub(crate) fn large(client: &Client, table: &Table, key: &[Value], cell: usize) -> Result<Option<Vec<u8>>, Error> {
    let name = insert_names(table).swap_remove(cell);
    let pieces = (0..PIECES).map(|piece| {
        format!("hex(substr(CAST({name} AS BLOB),{},{MOST_INLINE})) AS p{piece}", piece * MOST_INLINE + 1)
    });
    let pieces = pieces.collect::<Vec<_>>().join(",");
    let sql = format!("SELECT {pieces} FROM {} WHERE {}", table.quoted(), key_equals(table));
    let answer = client.send_idempotent(&[Statement::with(sql, [key_param(key)])])?;
    let Some(row) = answer.first().and_then(|answer| answer.results.rows.first()) else { return Ok(None) };
    let digits: Vec<&str> = row.iter().filter_map(Json::as_str).collect();
    hex::decode(digits.concat()).map(Some).map_err(|_| unknown(table))
}

/// The values of a row's key.
pub(crate) fn key_of(table: &Table, row: &[Value]) -> Vec<Value> {
    let names = insert_names(table);
    let at = |name: &String| names.iter().position(|other| other == name).and_then(|place| row.get(place).cloned());
    table.key_names().iter().filter_map(at).collect()
}
