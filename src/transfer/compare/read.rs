//! Reads rows from D1 for a comparison: in another way than replicas are filled, so that a mistake made there shows here.
//!
//! A cell is a text whose first letter is its type, its bytes as hex digits; a REAL is a JSON number. Cells that are larger than asked
//! for are told by their size.

use serde_json::Value as Json;

use crate::d1::{Client, Statement};
use crate::plan::insert_names;
use crate::replica::rows::{after_key, key_equals, key_order, key_param};
use crate::schema::Table;
use crate::transfer::Error;
use crate::value::Value;

/// The largest cell that comes along in any case: as hex digits it stays below half of what D1 takes for a value.
pub const MOST_INLINE: usize = 400_000;
/// Pieces of the largest value there can be (2 MB).
const PIECES: usize = 5;

/// A cell as D1 has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Its value.
    Value(Value),
    /// Too large to come along.
    Large {
        /// Text, else a blob.
        is_text: bool,
        /// Its bytes.
        size: usize,
    },
}

/// The rows after `after` (all, if `None`), at most `limit`, in the order of the key.
pub fn page(table: &Table, after: Option<&[Value]>, limit: usize, inline: usize) -> Statement {
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
    // JavaScript writes -0.0 and infinities otherwise.
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

/// Understands the rows of an answer to [`page`].
pub fn parse(table: &Table, rows: Vec<Vec<Json>>) -> Result<Vec<Vec<Cell>>, Error> {
    // A cell too few must not pass for one that is equal.
    let cells = insert_names(table).len();
    let row = |row: Vec<Json>| {
        let row = row.into_iter().map(parse_cell).collect::<Option<Vec<Cell>>>();
        row.filter(|row| row.len() == cells)
    };
    rows.into_iter().map(row).collect::<Option<_>>().ok_or_else(|| unknown(table))
}

/// An answer that has another form than asked for.
pub fn unknown(table: &Table) -> Error {
    Error::Answer { table: table.name.clone() }
}

fn parse_cell(cell: Json) -> Option<Cell> {
    let text = match cell {
        Json::Null => return Some(Cell::Value(Value::Null)),
        Json::Number(number) => return Some(Cell::Value(Value::Real(number.as_f64()?))),
        Json::String(text) => text,
        _ => return None,
    };
    let (kind, rest) = text.split_at_checked(1)?;
    Some(Cell::Value(match kind {
        "i" => Value::Integer(rest.parse().ok()?),
        "r" => Value::Real(rest.parse().ok()?),
        "t" => Value::Text(hex::decode(rest).ok()?),
        "b" => Value::Blob(hex::decode(rest).ok()?),
        ">" => return Some(Cell::Large { is_text: rest.starts_with('t'), size: rest.get(1..)?.parse().ok()? }),
        _ => return None,
    }))
}

/// The bytes of one large cell. `None`: the row is gone.
pub fn large(client: &Client, table: &Table, key: &[Value], cell: usize) -> Result<Option<Vec<u8>>, Error> {
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

/// The values of a row that identify it.
pub fn key_of(table: &Table, row: &[Value]) -> Vec<Value> {
    let names = insert_names(table);
    let at = |name: &String| names.iter().position(|other| other == name).and_then(|place| row.get(place).cloned());
    table.key_names().iter().filter_map(at).collect()
}
