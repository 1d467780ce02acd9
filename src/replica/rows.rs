//! Rows on their way from D1 into the database behind a connection, exactly typed (`value::from_d1`), and the terms that name them.

use rusqlite::types::ToSqlOutput;
use rusqlite::{CachedStatement, Connection, ToSql};
use serde_json::Value as Json;

use crate::d1::{Client, ResultSet as Answer, Statement};
use crate::error::Error;
use crate::ledger::changes::logged;
use crate::plan::insert_names;
use crate::schema::{Identity, Table};
use crate::value::Value;
use crate::value::from_d1;
use crate::value::to_d1::{Form, keys_param};
use crate::vfs::inner::told;

/// A value too large to come along with its row is fetched in pieces of so many bytes.
const PIECE_BYTES: usize = 400_000;
/// Pieces of the largest value D1 can hold (2 MB).
const PIECES: usize = 5;

/// One row: the cells that its INSERT needs, in the order of `insert_names`.
pub(crate) struct Row {
    /// The values; those too large to come along are missing until [`Row::complete`] has fetched them.
    cells: Vec<Option<Value>>,
}

/// The rows of a table as D1 answered them.
pub(crate) struct Fetched {
    /// The rows.
    pub rows: Vec<Row>,
    /// Whether some text may not be what D1 holds, since it has U+FFFD: to be read again with `exact`.
    pub is_doubtful: bool,
}

/// The result columns of a SELECT of rows of `table`. `exact`: text comes as hex, for text that is not valid UTF-8.
pub(crate) fn select_list(table: &Table, exact: bool) -> String {
    // Short names of our own: a Worker's binding loses columns of equal names, and repeats the names in every row.
    let columns = insert_names(table).into_iter().enumerate();
    let cells = columns
        .map(|(index, name)| format!("{} AS c{index}", from_d1::stored(&format!("{}.{name}", table.quoted()), exact)));
    cells.collect::<Vec<_>>().join(",")
}

/// Understands the rows of an answer to a SELECT of [`select_list`].
pub(crate) fn parse(table: &Table, answer: Answer) -> Result<Fetched, Error> {
    let mut fetched = Fetched { rows: Vec::with_capacity(answer.rows.len()), is_doubtful: false };
    for row in answer.rows {
        let cells = row
            .into_iter()
            .map(|cell| from_d1::parse_stored(cell, &mut fetched.is_doubtful))
            .collect::<Option<Vec<_>>>();
        let cells = cells.ok_or_else(|| hydrate_error(table, "D1's answer has a value of an unknown form"))?;
        fetched.rows.push(Row { cells });
    }
    Ok(fetched)
}

fn hydrate_error(table: &Table, reason: &str) -> Error {
    Error::Hydrate { table: table.name.clone(), reason: reason.to_string() }
}

impl Row {
    /// Whether no value is missing.
    pub(crate) fn is_complete(&self) -> bool {
        self.cells.iter().all(Option::is_some)
    }

    /// Fetches the values that are missing. `false`: the row is no longer there.
    pub(crate) fn complete(&mut self, client: &Client, table: &Table) -> Result<bool, Error> {
        let names = insert_names(table);
        for (index, name) in names.iter().enumerate() {
            if self.cells.get(index).is_none_or(Option::is_some) {
                continue;
            }
            let pieces = (0..PIECES).map(|piece| {
                let start = piece * PIECE_BYTES + 1;
                format!("hex(substr(CAST({} AS BLOB),{start},{PIECE_BYTES})) AS p{piece}", name)
            });
            let sql = format!(
                "SELECT typeof({}),{} FROM {} WHERE {}",
                name,
                pieces.collect::<Vec<_>>().join(","),
                table.quoted(),
                key_equals(table)
            );
            let key = self.key(table).ok_or_else(|| hydrate_error(table, "a key of more than 900 KB"))?;
            let answer = client.send_idempotent(&[Statement::with(sql, [key_param(&key)])])?;
            let Some(row) = answer.first().and_then(|answer| answer.results.rows.first()) else { return Ok(false) };
            let digits: Vec<&str> = row.iter().skip(1).filter_map(Json::as_str).collect();
            let bytes = hex::decode(digits.concat()).map_err(|_| hydrate_error(table, "a value that is no hex"))?;
            let is_text = row.first().and_then(Json::as_str) == Some("text");
            self.cells[index] = Some(if is_text { Value::Text(bytes) } else { Value::Blob(bytes) });
        }
        Ok(true)
    }

    /// The values that identify the row.
    pub(crate) fn key(&self, table: &Table) -> Option<Vec<Value>> {
        let names = insert_names(table);
        let at = |name: &String| self.cells.get(names.iter().position(|other| other == name)?)?.clone();
        table.key_names().iter().map(at).collect()
    }
}

/// Writes rows of one table into the database behind a connection.
pub(crate) struct Inserts<'c, 't> {
    statement: CachedStatement<'c>,
    table: &'t Table,
}

impl<'c, 't> Inserts<'c, 't> {
    /// Compiles the statement, once for all rows.
    pub(crate) fn into(connection: &'c Connection, table: &'t Table) -> Result<Inserts<'c, 't>, Error> {
        let names = insert_names(table);
        let places = vec!["?"; names.len()].join(",");
        // REPLACE: pages are read one after another, and meanwhile a unique value may move from a row read earlier to one read now.
        // Both rows have changed then, so `catch_up` reads both again.
        let sql = format!("INSERT OR REPLACE INTO {}({}) VALUES ({places})", table.quoted(), names.join(","));
        let statement = connection.prepare_cached(&sql).map_err(|error| cannot_write(table, &error))?;
        Ok(Inserts { statement, table })
    }

    /// Writes one row.
    pub(crate) fn insert(&mut self, row: &Row) -> Result<(), Error> {
        let cells = row.cells.iter().map(|cell| Param(cell.as_ref().unwrap_or(&Value::Null)));
        let inserted = self.statement.execute(rusqlite::params_from_iter(cells));
        inserted.map(drop).map_err(|error| cannot_write(self.table, &error))
    }
}

/// Writing a row computes what the schema wants computed: stored columns, keys of indexes.
fn cannot_write(table: &Table, error: &rusqlite::Error) -> Error {
    let reason = format!("a row cannot be written ({}); look at its generated columns and indexes on D1", told(error));
    hydrate_error(table, &reason)
}

struct Param<'a>(&'a Value);

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0.as_ref()))
    }
}

/// A key as the JSON parameter of [`key_equals`] and [`after_key`].
pub(crate) fn key_param(key: &[Value]) -> String {
    keys_param([key])
}

fn key_expressions(table: &Table) -> Vec<String> {
    (0..table.key_names().len()).map(|index| Form::Mixed.expression(index)).collect()
}

fn tuple(terms: &[String]) -> String {
    if let [term] = terms { term.clone() } else { format!("({})", terms.join(",")) }
}

/// A WHERE term for the row whose key is `?1`.
pub(crate) fn key_equals(table: &Table) -> String {
    key_among(table, "?1")
}

/// A WHERE term for the rows whose keys are in the JSON array that `array` is the expression for.
pub(crate) fn key_among(table: &Table, array: &str) -> String {
    let key = tuple(&table.key_terms(""));
    format!("{key} IN (SELECT {} FROM json_each({array}) AS _lfj)", key_expressions(table).join(","))
}

/// A WHERE term for the rows after the key in `?1`, in the order of [`key_order`].
pub(crate) fn after_key(table: &Table) -> String {
    let key = tuple(&table.key_terms(""));
    format!("{key}>(SELECT {} FROM json_each(?1) AS _lfj)", key_expressions(table).join(","))
}

/// ORDER BY terms for a table's key.
pub(crate) fn key_order(table: &Table) -> String {
    table.key_terms("").join(",")
}

/// A SELECT of the rows that the JSON array in `?1` names: runs of rowids, or keys (`ledger::changes`).
pub(crate) fn select_changed(table: &Table, exact: bool) -> String {
    let list = select_list(table, exact);
    format!("SELECT {list} FROM json_each(?1) AS _lfj CROSS JOIN {} WHERE {}", table.quoted(), is_changed(table))
}

/// A SELECT of the rows that commits after the seq in `?1` name, as D1's log is at that moment; `?2` is the table's name.
pub(crate) fn select_logged(table: &Table, exact: bool) -> String {
    let name = table.quoted();
    let (log, is_logged) = logged(table);
    let keys = tuple(&table.key_terms(""));
    let selected = table.key_terms(&format!("{name}.")).join(",");
    format!(
        "SELECT {} FROM {name} WHERE {keys} IN (SELECT {selected} FROM {log} CROSS JOIN {name} \
         WHERE {is_logged} AND {})",
        select_list(table, exact),
        is_changed(table)
    )
}

/// A DELETE of the rows of [`select_changed`], for the replica.
pub(crate) fn delete_changed(table: &Table) -> String {
    let name = table.quoted();
    let keys = tuple(&table.key_terms(""));
    let selected = table.key_terms(&format!("{name}.")).join(",");
    let found = format!("SELECT {selected} FROM json_each(?1) AS _lfj CROSS JOIN {name} WHERE {}", is_changed(table));
    format!("DELETE FROM {name} WHERE {keys} IN ({found})")
}

fn is_changed(table: &Table) -> String {
    let terms = table.key_terms(&format!("{}.", table.quoted()));
    match table.identity {
        Identity::Primary(_) => {
            let matches = terms.iter().zip(key_expressions(table)).map(|(term, value)| format!("{term}={value}"));
            matches.collect::<Vec<_>>().join(" AND ")
        }
        _ => format!("{} BETWEEN json_extract(_lfj.value,'$[0]') AND json_extract(_lfj.value,'$[1]')", terms.join("")),
    }
}
