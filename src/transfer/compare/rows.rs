//! Compares a table that differs row by row: which rows only one side has, and which have other values.

use std::ops::ControlFlow;

use rusqlite::{OptionalExtension, Row, params_from_iter};

use super::read::{self, D1Cell};
use super::{D1Comparison, Differences, ONLY_ON_D1, only_in};
use crate::d1::Statement;
use crate::plan::insert_cells;
use crate::replica::rows::key_among;
use crate::schema::{Identity, Table};
use crate::transfer::Error;
use crate::transfer::check::each_row;
use crate::value::Value;
use crate::value::to_d1::keys_param;

/// Rows of one page from D1.
const PAGE_ROWS: usize = 100;
/// Cells up to this size are sent with their row. Larger ones cost a request each, if both sides have the same size.
const INLINE: usize = 8_000;
/// Keys looked up in one request.
const KEYS: usize = 500;

impl D1Comparison<'_> {
    /// Reports the differences of `table`.
    pub(super) fn compare_rows(&self, table: &Table, found: &mut Differences) -> Result<(), Error> {
        self.compare_d1_rows(table, found)?;
        self.find_missing(table, found)
    }

    /// Walks over D1's rows: finds those that only D1 has, and those with other values.
    fn compare_d1_rows(&self, table: &Table, found: &mut Differences) -> Result<(), Error> {
        let columns = insert_cells(table);
        let names: Vec<String> = columns.iter().map(|column| column.sql(table)).collect();
        let terms = table.key_terms("");
        let matches = terms.iter().enumerate().map(|(index, term)| format!("{term}=?{}", index + 1));
        let matches = matches.collect::<Vec<_>>().join(" AND ");
        let sql = format!("SELECT {} FROM main.{} WHERE {matches}", names.join(","), table.quoted());
        let mut by_key = self.local.prepare(&sql)?;
        let mut after: Option<Vec<Value>> = None;
        loop {
            let mut answers = self.ask(vec![read::page(table, after.as_deref(), PAGE_ROWS, INLINE)])?;
            let rows = read::parse(table, answers.swap_remove(0).results.rows)?;
            let is_last = rows.len() < PAGE_ROWS;
            for row in rows {
                let key = self.d1_key(table, &row)?;
                let cells = |row: &Row<'_>| (0..names.len()).map(|cell| Ok(row.get_ref(cell)?.into())).collect();
                let local: Option<Vec<Value>> = by_key.query_row(params_from_iter(&key), cells).optional()?;
                match local {
                    None => found.add(place(table, &key), ONLY_ON_D1.to_owned()),
                    Some(local) => {
                        if let Some(cell) = self.different_cell(table, &row, &local)? {
                            found.add(
                                place(table, &key),
                                other_value(columns[cell].name(table), &row[cell], &local[cell]),
                            );
                        }
                    }
                }
                after = Some(key);
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn d1_key(&self, table: &Table, row: &[D1Cell]) -> Result<Vec<Value>, Error> {
        let values = row.iter().map(|cell| match cell {
            D1Cell::Value(value) => value.clone(),
            D1Cell::Large { .. } => Value::Null,
        });
        let key = read::key_of(table, &values.collect::<Vec<_>>());
        // The key is larger than `INLINE`, so that the row cannot be identified.
        if key.contains(&Value::Null) { Err(read::unknown(table)) } else { Ok(key) }
    }

    /// Walks over the local rows: finds those that D1 does not have.
    fn find_missing(&self, table: &Table, found: &mut Differences) -> Result<(), Error> {
        let mut keys: Vec<Vec<Value>> = Vec::new();
        each_row(self.local, table, |row| {
            keys.push(read::key_of(table, &row));
            if keys.len() == KEYS {
                self.find_missing_among(table, &std::mem::take(&mut keys), found)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.find_missing_among(table, &keys, found)
    }

    fn find_missing_among(&self, table: &Table, keys: &[Vec<Value>], found: &mut Differences) -> Result<(), Error> {
        if keys.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "SELECT CAST(_lfk.key AS TEXT) AS missing FROM json_each(?1) AS _lfk WHERE NOT EXISTS \
             (SELECT 1 FROM {} WHERE {})",
            table.quoted(),
            key_among(table, "'['||_lfk.value||']'")
        );
        let answers = self.ask(vec![Statement::with(sql, [keys_param(keys)])])?;
        for row in answers.iter().flat_map(|answer| &answer.results.rows) {
            let index = row.first().and_then(|cell| cell.as_str()?.parse::<usize>().ok());
            let key = index.and_then(|index| keys.get(index)).ok_or_else(|| read::unknown(table))?;
            found.add(place(table, key), only_in(self.local_name));
        }
        Ok(())
    }
}

fn place(table: &Table, key: &[Value]) -> String {
    let value = |value: &Value| match value {
        Value::Integer(number) => number.to_string(),
        Value::Text(bytes) => {
            let text: String = String::from_utf8_lossy(bytes).chars().take(60).collect();
            format!("{text:?}")
        }
        _ => "…".to_owned(),
    };
    let key: Vec<String> = key.iter().map(value).collect();
    let what = if matches!(table.identity, Identity::Primary(_)) { "key" } else { "rowid" };
    format!("table {}, {what} {}", table.name, key.join(", "))
}

/// Types and sizes only: values do not belong into a log.
fn other_value(column: &str, d1: &D1Cell, local: &Value) -> String {
    let kind = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(_) => "an integer".to_owned(),
        Value::Real(_) => "a real".to_owned(),
        Value::Text(bytes) => format!("text of {} bytes", bytes.len()),
        Value::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
    };
    let on_d1 = match d1 {
        D1Cell::Value(value) => kind(value),
        D1Cell::Large { is_text: true, size } => format!("text of {size} bytes"),
        D1Cell::Large { size, .. } => format!("a blob of {size} bytes"),
    };
    let here = kind(local);
    let what = if on_d1 == here {
        format!("another value ({here} on both sides)")
    } else {
        format!("{on_d1} on D1, {here} here")
    };
    format!("column {column}: {what}")
}
