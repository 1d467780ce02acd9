//! The DELETE, UPDATE and INSERT statements for given rows, split so that each stays within D1's limits.
//! In: rows. Out: statements whose data are parameters, each `?N` used once. Knows nothing of why a row is written.

use super::PlanError;
use crate::d1::{Sql, Statement, limits};
use crate::schema::{CellName, Identity, Table};
use crate::value::to_d1::{Form, cell_bytes, write_row};
use crate::value::{Key, Value};

/// Where a parameter is full: statements of this size keep memory and D1's time per statement low.
const TARGET_BYTES: usize = 1_000_000;
/// What one parameter may have: the limit on a row, less what stands beside it where large commits are staged.
const PARAM_BYTES: usize = limits::VALUE_BYTES - 50_000;

/// What a statement does with its rows. A row's cells are its key (for INSERT only a rowid) and then its columns.
enum Verb {
    Delete,
    Update { columns: Vec<String> },
    Insert { columns: Vec<String> },
}

/// Collects the rows of one kind of statement on one table.
pub(super) struct StatementWriter<'t> {
    table: &'t Table,
    verb: Verb,
    /// What a row's cells belong to.
    cells: Vec<CellName>,
    rows: Vec<Vec<Value>>,
    bytes: usize,
    done: Vec<Statement>,
}

impl<'t> StatementWriter<'t> {
    fn new(table: &'t Table, verb: Verb, cells: Vec<CellName>) -> StatementWriter<'t> {
        StatementWriter { table, verb, cells, rows: Vec::new(), bytes: 0, done: Vec::new() }
    }

    /// Deletes rows; a row's cells are its key.
    pub(super) fn delete(table: &'t Table) -> StatementWriter<'t> {
        StatementWriter::new(table, Verb::Delete, table.key_cells())
    }

    /// Sets `columns`; a row's cells are its key and their values.
    pub(super) fn update(table: &'t Table, columns: &[usize]) -> StatementWriter<'t> {
        let set = columns.iter().map(|&column| CellName::Column(column));
        let columns = set.clone().map(|cell| cell.sql(table)).collect();
        StatementWriter::new(table, Verb::Update { columns }, table.key_cells().into_iter().chain(set).collect())
    }

    /// Inserts rows whose cells are those of [`insert_names`].
    pub(super) fn insert(table: &'t Table) -> StatementWriter<'t> {
        StatementWriter::new(table, Verb::Insert { columns: insert_names(table) }, insert_cells(table))
    }

    /// Takes one row.
    pub(super) fn push(&mut self, row: Vec<Value>) -> Result<(), PlanError> {
        check(self.table, &self.cells, &row)?;
        let bytes = row.iter().map(cell_bytes).sum::<usize>() + 3;
        if self.bytes + bytes > TARGET_BYTES {
            self.flush()?;
        }
        if bytes + 2 > PARAM_BYTES {
            return self.push_in_pieces(row, bytes + 2);
        }
        self.bytes += bytes;
        self.rows.push(row);
        Ok(())
    }

    /// The statements for all rows taken.
    pub(super) fn finish(mut self) -> Result<Vec<Statement>, PlanError> {
        self.flush()?;
        Ok(self.done)
    }

    fn flush(&mut self) -> Result<(), PlanError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let forms: Vec<Form> =
            (0..self.cells.len()).map(|i| Form::of(rows.iter().filter_map(|row| row.get(i)))).collect();
        // Rowids alone need no array around each: shorter, and json_each gives integers exactly.
        let bare = matches!(self.verb, Verb::Delete) && self.table.has_rowid();
        let mut payload = String::from("[");
        for (i, row) in rows.iter().enumerate() {
            if i > 0 {
                payload.push(',');
            }
            match row.first() {
                Some(key) if bare => Form::Plain.write(&mut payload, key),
                _ => write_row(&mut payload, &forms, row),
            }
        }
        payload.push(']');
        let expressions = if bare {
            vec![Sql::from("_lfj.value")]
        } else {
            forms.iter().enumerate().map(|(i, form)| form.expression(i).into()).collect()
        };
        self.emit(expressions, vec![payload])
    }

    /// A row that no single parameter holds: its largest cells travel in parameters of their own, in pieces.
    fn push_in_pieces(&mut self, mut row: Vec<Value>, mut bytes: usize) -> Result<(), PlanError> {
        let mut pieces: Vec<Option<Sql>> = vec![None; row.len()];
        let mut params = vec![String::new()];
        while bytes > PARAM_BYTES {
            let largest = (0..row.len()).max_by_key(|&i| cell_bytes(&row[i])).unwrap_or_default();
            let cell = std::mem::replace(&mut row[largest], Value::Null);
            bytes -= cell_bytes(&cell);
            pieces[largest] = Some(in_pieces(&cell, &mut params));
        }
        let forms: Vec<Form> = row.iter().map(|cell| Form::of(std::iter::once(cell))).collect();
        let mut payload = String::from("[");
        write_row(&mut payload, &forms, &row);
        payload.push(']');
        params[0] = payload;
        let expressions = pieces
            .into_iter()
            .zip(&forms)
            .enumerate()
            .map(|(i, (piece, form))| piece.unwrap_or_else(|| form.expression(i).into()))
            .collect();
        self.emit(expressions, params)
    }

    fn emit(&mut self, expressions: Vec<Sql>, params: Vec<String>) -> Result<(), PlanError> {
        let sql = self.sql(expressions);
        let len = sql.text().len();
        if len > limits::SQL_BYTES {
            return Err(PlanError::StatementTooLong { object: format!("table {}", self.table.name), len });
        }
        self.done.push(Statement { sql, params });
        Ok(())
    }

    /// `expressions`: one for each cell.
    fn sql(&self, mut expressions: Vec<Sql>) -> Sql {
        let name = self.table.quoted();
        let rows = Sql::from(" FROM json_each(").then(Sql::param(1)).then(") AS _lfj");
        match &self.verb {
            Verb::Delete => {
                let terms = self.table.key_terms("");
                let left = if terms.len() == 1 { terms.join("") } else { format!("({})", terms.join(",")) };
                let sql = Sql::from(format!("DELETE FROM {name} WHERE {left} IN (SELECT "));
                sql.then(Sql::join(expressions, ",")).then(rows).then(")")
            }
            Verb::Update { columns } => {
                let terms = self.table.key_terms(&format!("{name}."));
                let values = expressions.split_off(terms.len());
                let equal = |(term, value): (&String, Sql)| Sql::from(format!("{term}=")).then(value);
                let sets = Sql::join(columns.iter().zip(values).map(equal), ",");
                let matches = Sql::join(terms.iter().zip(expressions).map(equal), " AND ");
                Sql::from(format!("UPDATE {name} SET ")).then(sets).then(rows).then(" WHERE ").then(matches)
            }
            // OR ABORT: a declared ON CONFLICT IGNORE or REPLACE would hide that D1 differs (R6).
            Verb::Insert { columns } => {
                let sql = Sql::from(format!("INSERT OR ABORT INTO {name}({}) SELECT ", columns.join(",")));
                sql.then(Sql::join(expressions, ",")).then(rows)
            }
        }
    }
}

/// D1's limits on one value and one row. `cells`: what its values belong to.
pub(super) fn check(table: &Table, cells: &[CellName], row: &[Value]) -> Result<(), PlanError> {
    for (value, cell) in row.iter().zip(cells) {
        let (Value::Text(bytes) | Value::Blob(bytes)) = value else { continue };
        if bytes.len() > limits::VALUE_BYTES {
            let column = cell.name(table).to_owned();
            return Err(PlanError::ValueTooBig { table: table.name.clone(), column, len: bytes.len() });
        }
    }
    let len = record_bytes(row);
    if len > limits::VALUE_BYTES {
        return Err(PlanError::RowTooBig { table: table.name.clone(), len });
    }
    Ok(())
}

/// What the cells of an inserted row belong to: a rowid that no column stands for, then all columns that are written.
pub(crate) fn insert_cells(table: &Table) -> Vec<CellName> {
    let rowid = match table.identity {
        Identity::Rowid(name) => Some(CellName::Rowid(name)),
        _ => None,
    };
    rowid.into_iter().chain(table.written().map(CellName::Column)).collect()
}

/// The SQL names of the cells of an inserted row.
pub(crate) fn insert_names(table: &Table) -> Vec<String> {
    insert_cells(table).into_iter().map(|cell| cell.sql(table)).collect()
}

/// A delete for keys.
pub(super) fn delete<'k>(table: &Table, keys: impl Iterator<Item = &'k Key>) -> Result<Vec<Statement>, PlanError> {
    let mut writer = StatementWriter::delete(table);
    for key in keys {
        writer.push(key.values())?;
    }
    writer.finish()
}

/// The expression for a cell whose bytes are appended to `params` in pieces.
fn in_pieces(cell: &Value, params: &mut Vec<String>) -> Sql {
    let mut pieces: Vec<Sql> = Vec::new();
    let mut add = |piece: String, is_hex: bool| {
        params.push(piece);
        let piece = Sql::param(params.len());
        pieces.push(if is_hex { Sql::from("unhex(").then(piece).then(")") } else { piece });
    };
    match cell {
        Value::Text(bytes) | Value::Blob(bytes) => {
            let readable = if matches!(cell, Value::Text(_)) && !bytes.contains(&0) {
                std::str::from_utf8(bytes).ok()
            } else {
                None
            };
            match readable {
                Some(text) => text_pieces(text).for_each(|piece| add(piece.to_owned(), false)),
                None => bytes.chunks(PARAM_BYTES / 2).for_each(|piece| add(hex::encode(piece), true)),
            }
        }
        _ => {}
    }
    // `||` makes text of blobs too, with the same bytes, so each result needs its type.
    let cast = |kind: &str| Sql::from("CAST(").then(Sql::join(pieces, "||")).then(format!(" AS {kind})"));
    match cell {
        Value::Text(_) => cast("TEXT"),
        Value::Blob(_) => cast("BLOB"),
        _ => "NULL".into(),
    }
}

/// Parts of at most [`PARAM_BYTES`], cut between characters.
fn text_pieces(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let end = text.floor_char_boundary(PARAM_BYTES);
        let (piece, rest) = text.split_at(end);
        text = rest;
        Some(piece)
    })
}

/// The bytes of the record SQLite makes of a row, to within the few of its header's length.
fn record_bytes(row: &[Value]) -> usize {
    let varint = |n: usize| match n {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    };
    let cell = |cell: &Value| match cell {
        Value::Text(bytes) | Value::Blob(bytes) => bytes.len() + varint(2 * bytes.len() + 13),
        Value::Null => 1,
        Value::Integer(_) | Value::Real(_) => 2,
    };
    row.iter().map(cell).sum::<usize>() + 1
}
