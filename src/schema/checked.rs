//! A schema text that came from outside: from D1, or from a root folder's database. It runs only as a [`CheckedText`], and only here.
//!
//! Three checks, each of which would do: by its tokens it is one CREATE of a table, an index, a view or a trigger; SQLite finds one
//! statement in it, on a connection that may do little else (`vfs::inner`); and afterwards `sqlite_schema` has the one new row that was
//! announced.

use rusqlite::Connection;
use sqlite3_parser::dialect::TokenType;

use super::lexer::{Token, tokens};
use super::{Kind, SchemaError};

/// The table-valued functions in liteflare's own statements. A table or view of such a name would be read instead.
const OUR_FUNCTIONS: [&str; 8] = [
    "json_each",
    "pragma_table_list",
    "pragma_table_info",
    "pragma_table_xinfo",
    "pragma_index_list",
    "pragma_index_xinfo",
    "pragma_foreign_key_list",
    "pragma_foreign_key_check",
];

/// One CREATE statement, with the object that it is said to make.
#[derive(Clone, Debug)]
pub(crate) struct CheckedText<'a> {
    kind: Kind,
    name: &'a str,
    table: &'a str,
    sql: &'a str,
}

impl<'a> CheckedText<'a> {
    /// `kind`, `name` and `table` are the columns `type`, `name` and `tbl_name` of the row that `sql` comes from.
    pub(crate) fn new(kind: &str, name: &'a str, table: &'a str, sql: &'a str) -> Result<CheckedText<'a>, SchemaError> {
        let label = format!("{kind} {name}");
        let error = |problem: &str, advice| SchemaError::Unreadable {
            object: label.clone(),
            problem: problem.to_owned(),
            advice,
        };
        let odd = |problem: &str| error(problem, "drop it and create it with an ordinary CREATE statement");
        let kind = Kind::of(kind).ok_or_else(|| odd("it is no table, index, view or trigger"))?;
        if sql.contains('\0') || name.contains('\0') {
            return Err(odd("there is a NUL character in it"));
        }
        let tokens = tokens(sql, &label)?;
        let kinds: Vec<TokenType> = tokens.iter().map(|token| token.kind).collect();
        if !is_create(kind, &kinds) {
            return Err(odd("its text is not the CREATE statement of such an object"));
        }
        if !is_one_statement(kind, &kinds) {
            return Err(odd("its text has more than one statement"));
        }
        let hides = OUR_FUNCTIONS.iter().any(|function| function.eq_ignore_ascii_case(name));
        if matches!(kind, Kind::Table | Kind::View) && hides {
            return Err(error("it hides a function of SQLite's that liteflare needs", "give it another name"));
        }
        Ok(CheckedText { kind, name, table, sql })
    }

    /// Runs it. An error of SQLite's is [`SchemaError::Refused`].
    pub(crate) fn create(&self, connection: &Connection) -> Result<(), SchemaError> {
        let before = last_row(connection)?;
        let refused = |error| SchemaError::Refused { object: self.label(), error };
        // `prepare` takes one statement only.
        connection.prepare(self.sql).and_then(|mut statement| statement.execute([])).map_err(refused)?;
        self.check_rows_after(connection, before)
    }

    fn check_rows_after(&self, connection: &Connection, before: i64) -> Result<(), SchemaError> {
        let mut statement = connection.prepare_cached(
            "SELECT type, name, tbl_name, sql IS NULL FROM main.sqlite_schema WHERE rowid>?1 ORDER BY rowid",
        )?;
        let mut rows = statement.query([before])?;
        let mut announced = 0;
        while let Some(row) = rows.next()? {
            let (kind, name, table): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let is_key = kind == "index" && row.get(3)? && table == self.table && name.starts_with("sqlite_autoindex_");
            let is_counter = kind == "table" && name == "sqlite_sequence";
            if Kind::of(&kind) == Some(self.kind) && name == self.name && table == self.table {
                announced += 1;
            } else if self.kind != Kind::Table || !(is_key || is_counter) {
                return Err(self.other(&format!("its text makes the {kind} {name}")));
            }
        }
        if announced == 1 { Ok(()) } else { Err(self.other("its text does not make it")) }
    }

    fn label(&self) -> String {
        format!("{} {}", self.kind.word(), self.name)
    }

    fn other(&self, problem: &str) -> SchemaError {
        let advice = "drop it and create it with an ordinary CREATE statement";
        SchemaError::Unreadable { object: self.label(), problem: problem.to_owned(), advice }
    }
}

/// The last row of `sqlite_schema`. A new one gets the next number.
fn last_row(connection: &Connection) -> Result<i64, SchemaError> {
    let mut statement = connection.prepare_cached("SELECT coalesce(max(rowid),0) FROM main.sqlite_schema")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Whether the first tokens are those with which SQLite keeps an object's text: no TEMP, no schema's name, no IF NOT EXISTS, and no
/// `AS SELECT` after a table's name.
fn is_create(kind: Kind, tokens: &[TokenType]) -> bool {
    use TokenType::{TK_AS, TK_CREATE, TK_DOT, TK_INDEX, TK_LP, TK_ON, TK_TABLE, TK_TRIGGER, TK_UNIQUE, TK_VIEW};
    match (kind, tokens) {
        (Kind::Table, [TK_CREATE, TK_TABLE, _, TK_LP, ..])
        | (Kind::Index, [TK_CREATE, TK_INDEX, _, TK_ON, ..] | [TK_CREATE, TK_UNIQUE, TK_INDEX, _, TK_ON, ..])
        | (Kind::View, [TK_CREATE, TK_VIEW, _, TK_LP | TK_AS, ..]) => true,
        (Kind::Trigger, [TK_CREATE, TK_TRIGGER, _, next, ..]) => *next != TK_DOT,
        _ => false,
    }
}

/// Only a trigger has semicolons: one after each statement of its body, the last of them before its END, with which it ends.
fn is_one_statement(kind: Kind, tokens: &[TokenType]) -> bool {
    use TokenType::{TK_END, TK_SEMI};
    match kind {
        Kind::Trigger => {
            let end = tokens.windows(2).position(|pair| pair == [TK_SEMI, TK_END]);
            end.is_some_and(|end| end + 2 == tokens.len())
        }
        _ => !tokens.contains(&TK_SEMI),
    }
}

/// The texts of `tokens`.
pub(super) fn spelled<'s>(sql: &'s str, tokens: &[Token]) -> Vec<&'s str> {
    tokens.iter().map(|token| &sql[token.start..token.end]).collect()
}

#[cfg(test)]
mod tests;
