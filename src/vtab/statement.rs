//! Splits an SQL text for D1 into tokens, to learn what the statement does and to bind its parameters.
//!
//! D1's API binds only strings. So the values travel as one JSON text in `?1`, and each parameter of the statement becomes an
//! expression that reads its value from there, with its type and all its digits.

use std::collections::HashMap;

use serde_json::Value as Json;
use sqlite3_parser::dialect::TokenType;

use super::error::QueryError;
use crate::d1::Statement;
use crate::schema::{Token, tokens};
use crate::value::Value;
use crate::value::to_d1::{Form, write_row};

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatementKind {
    /// SELECT, VALUES, or WITH followed by one of them. It can be a subquery, which lets us ask for exact values.
    Select,
    /// PRAGMA and EXPLAIN: they only read, but cannot be a subquery.
    Report,
    /// Everything else: it may write.
    Change,
}

/// One statement for D1.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) kind: StatementKind,
    /// Without surrounding comments and the final semicolon.
    sql: String,
    /// The values of all its parameters, as JSON; `None` if it has none.
    params: Option<String>,
}

impl Query {
    /// `who`: the function or module, for messages.
    pub(crate) fn parse(who: &'static str, sql: &str, params: Option<&str>) -> Result<Query, QueryError> {
        let problem = |problem: String| QueryError::Sql { who, problem };
        let Ok(tokens) = tokens(sql, "the statement") else {
            // A character that SQL does not have: D1 has the best message for that.
            return Ok(Query { kind: StatementKind::Change, sql: sql.to_owned(), params: None });
        };
        let end = tokens.iter().rposition(|token| token.kind != TokenType::TK_SEMI).map_or(0, |last| last + 1);
        let tokens = &tokens[..end];
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
            return Err(problem("the SQL text holds no statement".into()));
        };
        let is_one = !tokens.iter().any(|token| token.kind == TokenType::TK_SEMI);
        // The statements in a trigger's body end in semicolons as well.
        if !is_one && first.kind != TokenType::TK_CREATE {
            return Err(problem("the SQL text holds several statements; give one".into()));
        }
        let kind = kind(tokens);
        if kind == StatementKind::Select && !is_balanced(tokens) {
            return Err(problem("the parentheses of the SQL text do not match".into()));
        }
        let variables = variables(sql, tokens);
        let values = params.map_or(Ok(Vec::new()), values)?;
        let count = variables.iter().map(|(number, _)| *number).max().unwrap_or(0);
        if count != values.len() {
            let (wanted, given) = (counted(count, "parameter"), counted(values.len(), "value"));
            return Err(QueryError::Params(format!("gives {given}, the statement has {wanted}")));
        }
        let (sql, params) = bound(sql, first.start..last.end, &variables, &values);
        Ok(Query { kind, sql, params })
    }

    /// The statement as it is, with its parameters bound.
    pub(crate) fn as_is(&self) -> Statement {
        Statement::with(self.sql.clone(), self.params.clone())
    }

    /// A query that returns the column names and no rows. SQLite numbers repeated names (`a`, `a:1`).
    pub(crate) fn names(&self) -> Statement {
        Statement::with(format!("SELECT * FROM (\n{}\n) LIMIT 0", self.sql), self.params.clone())
    }

    /// A query for all rows, or the first `limit`, with each column wrapped by `as_cell`.
    ///
    /// `LIMIT -1` inside keeps SQLite from flattening the subquery, which would compute a column again for each mention of its name.
    /// The text begins with SELECT, by which the gateway recognizes a read.
    pub(crate) fn rows(&self, count: usize, as_cell: fn(&str) -> String, limit: Option<i64>) -> Statement {
        let names: Vec<String> = (0..count).map(|column| format!("c{column}")).collect();
        let cells: Vec<String> = names.iter().map(|name| format!("{} AS {name}", as_cell(name))).collect();
        let sql = format!(
            "SELECT {} FROM (WITH _lfq({}) AS (\n{}\n) SELECT * FROM _lfq LIMIT -1) LIMIT {}",
            cells.join(","),
            names.join(","),
            self.sql,
            limit.unwrap_or(-1)
        );
        Statement::with(sql, self.params.clone())
    }

    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The verb follows WITH and its queries, which all stand in parentheses.
fn kind(tokens: &[Token]) -> StatementKind {
    let mut depth = 0_i32;
    for token in tokens {
        match token.kind {
            TokenType::TK_LP => depth += 1,
            TokenType::TK_RP => depth -= 1,
            _ if depth != 0 => {}
            TokenType::TK_SELECT | TokenType::TK_VALUES => return StatementKind::Select,
            TokenType::TK_PRAGMA | TokenType::TK_EXPLAIN => return StatementKind::Report,
            TokenType::TK_INSERT | TokenType::TK_UPDATE | TokenType::TK_DELETE | TokenType::TK_REPLACE => break,
            _ if tokens.first().is_some_and(|first| first.kind == TokenType::TK_WITH) => {}
            _ => break,
        }
    }
    StatementKind::Change
}

/// Whether the text stays one unit when parentheses are put around it.
fn is_balanced(tokens: &[Token]) -> bool {
    let mut depth = 0_i32;
    for token in tokens {
        match token.kind {
            TokenType::TK_LP => depth += 1,
            TokenType::TK_RP => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

/// The parameters, numbered as SQLite does it: `?` and a new name get the largest number so far plus one.
fn variables<'t>(sql: &str, tokens: &'t [Token]) -> Vec<(usize, &'t Token)> {
    let mut names: HashMap<&str, usize> = HashMap::new();
    let mut largest = 0;
    let mut found = Vec::new();
    for token in tokens.iter().filter(|token| token.kind == TokenType::TK_VARIABLE) {
        // Taken from the SQL text, first character included: `?`, `?12`, `:name`, `@name` or `$name`.
        let text = sql[..token.end].get(token.start..).unwrap_or_default();
        let number = match text.strip_prefix('?') {
            Some("") => largest + 1,
            Some(digits) => digits.parse().unwrap_or(usize::MAX),
            None => names.get(text).copied().unwrap_or(largest + 1),
        };
        if !text.starts_with('?') {
            names.insert(text, number);
        }
        largest = largest.max(number);
        found.push((number, token));
    }
    found
}

fn bound(
    sql: &str,
    span: std::ops::Range<usize>,
    variables: &[(usize, &Token)],
    values: &[Value],
) -> (String, Option<String>) {
    if variables.is_empty() {
        return (sql[span].to_owned(), None);
    }
    let forms: Vec<Form> = values.iter().map(|value| Form::of(std::iter::once(value))).collect();
    let (mut text, mut at) = (String::new(), span.start);
    for (number, token) in variables {
        text.push_str(&sql[at..token.start]);
        let value = forms.get(number.wrapping_sub(1)).map(|form| form.expression_in("?1", number - 1));
        text.push_str(&value.unwrap_or_default());
        at = token.end;
    }
    text.push_str(&sql[at..span.end]);
    let mut params = String::new();
    write_row(&mut params, &forms, values);
    (text, Some(params))
}

/// The values of `params_json`. A blob is written as in the rows of `d1_query`: `{"hex":"00ff"}`.
fn values(text: &str) -> Result<Vec<Value>, QueryError> {
    let wrong = |problem: String| QueryError::Params(problem);
    let values: Vec<Json> = serde_json::from_str(text).map_err(|error| wrong(format!("is no JSON array: {error}")))?;
    let value = |(index, value): (usize, Json)| {
        let wrong = |problem: &str| wrong(format!("value {}: {problem}", index + 1));
        Ok(match value {
            Json::Null => Value::Null,
            Json::Bool(truth) => Value::Integer(i64::from(truth)),
            Json::String(text) => Value::Text(text.into_bytes()),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Value::Integer(integer),
                (None, Some(real)) if number.is_f64() => Value::Real(real),
                _ => return Err(wrong("an integer beyond 64 bits; write it as a real, with a point, or as a string")),
            },
            Json::Object(object) => match (object.len(), object.get("hex").and_then(Json::as_str).map(hex::decode)) {
                (1, Some(Ok(bytes))) => Value::Blob(bytes),
                _ => return Err(wrong("an object must be a blob, as {\"hex\":\"00ff\"}; pass JSON as a string")),
            },
            Json::Array(_) => return Err(wrong("an array; pass JSON as a string")),
        })
    };
    values.into_iter().enumerate().map(value).collect()
}
