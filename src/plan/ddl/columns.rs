//! Which ALTERs may lead from one table's columns to another's: RENAME COLUMN, DROP COLUMN, ADD COLUMN.
//! Only candidates: `ddl` tries them (`trial`), and takes none whose text differs from AFTER's.

use sqlite3_parser::dialect::TokenType;

use crate::plan::PlanError;
use crate::schema::{Generated, Table, Token, quoted, tokens};

/// Statements for one table, and what they make of its columns.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) statements: Vec<String>,
    /// For each column of AFTER, its column of BEFORE.
    pub(super) columns: Vec<Option<usize>>,
}

impl Candidate {
    /// Whether a row that both images store in the same bytes means the same in both: each column kept its place in the record, and added
    /// ones lie beyond BEFORE's. Otherwise the decoder's keys, found by those bytes, say nothing about the columns.
    pub(super) fn keeps_places(&self, old: &Table, new: &Table) -> bool {
        let (old_places, new_places) = (places(old), places(new));
        let stored = old_places.iter().flatten().count();
        self.columns.iter().zip(&new_places).all(|(from, place)| match (from, place) {
            (_, None) => true,
            (Some(from), place) => old_places[*from] == *place,
            (None, Some(place)) => *place >= stored,
        })
    }
}

/// Each column's place in the record; virtual columns have none.
fn places(table: &Table) -> Vec<Option<usize>> {
    let mut next = 0..;
    let place = |column: &crate::schema::Column| {
        if column.generated == Generated::Virtual { None } else { next.next() }
    };
    table.columns.iter().map(place).collect()
}

/// Candidates in the order in which they should be tried; none if the columns have the same names in the same places.
/// `name` is the table's name on D1 by then, `sql` its text in AFTER.
pub(super) fn candidates(name: &str, old: &Table, new: &Table, sql: &str) -> Result<Vec<Candidate>, PlanError> {
    let names = |table: &Table| table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    if names(old) == names(new) {
        return Ok(Vec::new());
    }
    let definitions = definitions(sql, new)?;
    let exact = |column: usize| definitions.get(column).map_or("", |definition| definition.name);
    let quote = |column: usize| quoted(&new.columns[column].name);
    let renamed = align(old, new, true);
    let replaced = align(old, new, false);
    let mut found = vec![candidate(name, old, new, &renamed, &definitions, |column| exact(column).to_owned())];
    // The text shows how the name was written in its definition; elsewhere SQLite may have kept quotes.
    if renamed != replaced || names(old).len() == names(new).len() {
        found.push(candidate(name, old, new, &renamed, &definitions, quote));
    }
    if renamed != replaced {
        found.push(candidate(name, old, new, &replaced, &definitions, quote));
    }
    Ok(found)
}

fn candidate(
    name: &str,
    old: &Table,
    new: &Table,
    columns: &[Option<usize>],
    definitions: &[Definition<'_>],
    spelled: impl Fn(usize) -> String,
) -> Candidate {
    let alter = format!("ALTER TABLE {}", quoted(name));
    let mut statements = Vec::new();
    for (column, from) in columns.iter().enumerate() {
        if let Some(from) = from
            && old.columns[*from].name != new.columns[column].name
        {
            let from = quoted(&old.columns[*from].name);
            statements.push(format!("{alter} RENAME COLUMN {from} TO {}", spelled(column)));
        }
    }
    for dropped in (0..old.columns.len()).filter(|column| !columns.contains(&Some(*column))) {
        statements.push(format!("{alter} DROP COLUMN {}", quoted(&old.columns[dropped].name)));
    }
    for (column, _) in columns.iter().enumerate().filter(|(_, from)| from.is_none()) {
        let definition = definitions.get(column).map_or("", |definition| definition.text);
        statements.push(format!("{alter} ADD COLUMN {definition}"));
    }
    Candidate { statements, columns: columns.to_vec() }
}

/// For each column of AFTER the column of BEFORE with its name, or, where `rename` allows it, the one that stood in its place: columns
/// without a partner between the same partners are taken to be renamed in order.
fn align(old: &Table, new: &Table, rename: bool) -> Vec<Option<usize>> {
    let mut columns: Vec<Option<usize>> = new.columns.iter().map(|column| old.column(&column.name)).collect();
    if !rename {
        return columns;
    }
    let kept: Vec<usize> = columns.iter().flatten().copied().collect();
    // The next column of BEFORE that a nameless one of AFTER may be.
    let mut next = 0;
    for column in &mut columns {
        match *column {
            Some(from) => next = from + 1,
            None if next < old.columns.len() && !kept.contains(&next) => {
                *column = Some(next);
                next += 1;
            }
            None => {}
        }
    }
    columns
}

/// One column's definition in a CREATE TABLE text.
struct Definition<'s> {
    /// From its name to before the comma.
    text: &'s str,
    /// The name as spelled there, quotes included.
    name: &'s str,
}

/// The definitions of the table's columns, in order.
fn definitions<'s>(sql: &'s str, table: &Table) -> Result<Vec<Definition<'s>>, PlanError> {
    let tokens = tokens(sql, &format!("table {}", table.name))?;
    let mut found = Vec::new();
    let mut depth = 0;
    let mut current: Option<(Token, usize)> = None;
    for token in tokens {
        match token.kind {
            TokenType::TK_LP => depth += 1,
            TokenType::TK_RP => depth -= 1,
            _ => {}
        }
        let ends = (depth == 1 && token.kind == TokenType::TK_COMMA) || depth == 0;
        match &mut current {
            Some((first, end)) if ends => {
                found.push(Definition { text: &sql[first.start..*end], name: &sql[first.start..first.end] });
                current = None;
            }
            Some((_, end)) => *end = token.end,
            // The opening parenthesis itself, and the commas, begin nothing.
            None if depth == 1 && !matches!(token.kind, TokenType::TK_LP | TokenType::TK_COMMA) => {
                current = Some((token, token.end));
            }
            None => {}
        }
    }
    found.truncate(table.columns.len());
    Ok(found)
}
