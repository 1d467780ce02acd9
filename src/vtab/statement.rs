//! What an SQL text for D1 is: what it does, and where its parameters are.
//!
//! D1's API binds strings only. So the values travel as one JSON text in `?1`, and each parameter of the statement becomes an
//! expression that reads its value from there, with its type and all digits.

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
pub enum Kind {
    /// SELECT, VALUES, or WITH and one of these: its values can be asked for exactly.
    Select,
    /// PRAGMA and EXPLAIN: reads, but is no part of another statement.
    Report,
    /// Everything else may change something.
    Change,
}

/// One statement for D1.
#[derive(Debug)]
pub struct Query {
    /// What it does.
    pub kind: Kind,
    /// Its text, without comments around it and without the last semicolon.
    sql: String,
    /// All values of its parameters; empty if it has none.
    params: Option<String>,
}

impl Query {
    /// Understands a text. `who` is for the messages.
    pub fn parse(who: &'static str, sql: &str, params: Option<&str>) -> Result<Query, QueryError> {
        let problem = |problem: String| QueryError::Sql { who, problem };
        let Ok(tokens) = tokens(sql, "the statement") else {
            // A letter SQL does not know: D1 says it best.
            return Ok(Query { kind: Kind::Change, sql: sql.to_owned(), params: None });
        };
        let end = tokens.iter().rposition(|token| token.kind != TokenType::TK_SEMI).map_or(0, |last| last + 1);
        let tokens = &tokens[..end];
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
            return Err(problem("the SQL text holds no statement".into()));
        };
        let is_one = !tokens.iter().any(|token| token.kind == TokenType::TK_SEMI);
        // The statements of a trigger are separated, too.
        if !is_one && first.kind != TokenType::TK_CREATE {
            return Err(problem("the SQL text holds several statements; give one".into()));
        }
        let kind = kind(tokens);
        if kind == Kind::Select && !is_balanced(tokens) {
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

    /// The statement as it came, for D1.
    pub fn as_is(&self) -> Statement {
        Statement::with(self.sql.clone(), self.params.clone())
    }

    /// The names of the columns, and no row: SQLite numbers those that are not unique (`a`, `a:1`).
    pub fn names(&self) -> Statement {
        Statement::with(format!("SELECT * FROM (\n{}\n) LIMIT 0", self.sql), self.params.clone())
    }

    /// All rows, or the first `limit`, each cell `as_cell`.
    ///
    /// The LIMIT inside, where another is outside, keeps SQLite from merging the two queries: it would compute a column anew for
    /// each mention of its name. The text begins with SELECT, by which the gateway sees that it only reads.
    pub fn rows(&self, count: usize, as_cell: fn(&str) -> String, limit: Option<i64>) -> Statement {
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

    /// The text itself.
    pub fn sql(&self) -> &str {
        &self.sql
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// After WITH and its queries, which are all in parentheses, comes the verb.
fn kind(tokens: &[Token]) -> Kind {
    let mut depth = 0_i32;
    for token in tokens {
        match token.kind {
            TokenType::TK_LP => depth += 1,
            TokenType::TK_RP => depth -= 1,
            _ if depth != 0 => {}
            TokenType::TK_SELECT | TokenType::TK_VALUES => return Kind::Select,
            TokenType::TK_PRAGMA | TokenType::TK_EXPLAIN => return Kind::Report,
            TokenType::TK_INSERT | TokenType::TK_UPDATE | TokenType::TK_DELETE | TokenType::TK_REPLACE => break,
            _ if tokens.first().is_some_and(|first| first.kind == TokenType::TK_WITH) => {}
            _ => break,
        }
    }
    Kind::Change
}

/// Whether the text can stand between parentheses.
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

/// The parameters with their numbers, as SQLite counts: `?` is one more than the largest so far, as is a name that is new.
fn variables<'t>(sql: &str, tokens: &'t [Token]) -> Vec<(usize, &'t Token)> {
    let mut names: HashMap<&str, usize> = HashMap::new();
    let mut largest = 0;
    let mut found = Vec::new();
    for token in tokens.iter().filter(|token| token.kind == TokenType::TK_VARIABLE) {
        // Whatever the tokenizer makes of the first letter: `?`, `?12`, `:name`, `@name`, `$name`.
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

/// The values of `params_json`. Blobs look as in a row of `d1_query`: `{"hex":"00ff"}`.
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
