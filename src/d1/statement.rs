//! One SQL statement as D1's query API takes it, and how its text is built.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

use serde::{Serialize, Serializer};

/// One SQL statement of a batch. D1's API types `params` as strings, so exact values travel inside JSON texts (`value::to_d1`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// The SQL text; at most [`super::limits::SQL_BYTES`] long.
    pub sql: Sql,
    /// Bound as `?1`, `?2`, …; at most [`super::limits::PARAMS`] of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<String>,
}

impl Statement {
    /// A statement without parameters.
    pub fn new(sql: impl Into<Sql>) -> Statement {
        Statement { sql: sql.into(), params: Vec::new() }
    }

    /// A statement with parameters.
    pub fn with(sql: impl Into<Sql>, params: impl IntoIterator<Item = String>) -> Statement {
        Statement { sql: sql.into(), params: params.into_iter().collect() }
    }
}

impl Statement {
    /// Whether its answer may have rows. In doubt it may.
    pub(super) fn may_give_rows(&self) -> bool {
        const WITHOUT: [&str; 7] = ["INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER"];
        let text = self.sql.text();
        let verb = text.split_ascii_whitespace().next().unwrap_or_default();
        let writes = WITHOUT.iter().any(|word| verb.eq_ignore_ascii_case(word));
        !writes || text.as_bytes().windows(RETURNING.len()).any(|word| word.eq_ignore_ascii_case(RETURNING))
    }
}

const RETURNING: &[u8] = b"RETURNING";

/// An SQL text that knows where it reads its parameters. What the planner writes keeps them apart from the words around them until
/// the end, when it is known whether they are bound or staged. A text that names `?1` itself is always bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sql(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The parameter with this number, from 1.
    Param(usize),
}

impl Sql {
    /// The place of the parameter with this number, from 1.
    pub(crate) fn param(number: usize) -> Sql {
        Sql(vec![Part::Param(number)])
    }

    /// This text and another one after it.
    pub(crate) fn then(mut self, next: impl Into<Sql>) -> Sql {
        self.0.extend(next.into().0);
        self
    }

    /// Several texts with a separator between them.
    pub(crate) fn join(texts: impl IntoIterator<Item = Sql>, separator: &str) -> Sql {
        let mut joined = Sql::default();
        for (i, text) in texts.into_iter().enumerate() {
            joined = if i == 0 { text } else { joined.then(separator).then(text) };
        }
        joined
    }

    /// The text with its parameters bound: `?1`, `?2`, ….
    pub fn text(&self) -> Cow<'_, str> {
        match self.0.as_slice() {
            [Part::Text(only)] => Cow::Borrowed(only),
            _ => Cow::Owned(self.to_string()),
        }
    }

    /// How many parameters it has a place for.
    pub(crate) fn param_count(&self) -> usize {
        self.0.iter().filter(|part| matches!(part, Part::Param(_))).count()
    }

    /// The text with its parameters read from elsewhere: `source` gives the expression for a number.
    pub(crate) fn reading_from(&self, source: impl Fn(usize) -> String) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Param(number) => source(*number),
        };
        self.0.iter().map(part).collect()
    }
}

impl From<&str> for Sql {
    fn from(text: &str) -> Sql {
        Sql::from(text.to_owned())
    }
}

impl From<String> for Sql {
    fn from(text: String) -> Sql {
        Sql(vec![Part::Text(text)])
    }
}

impl Display for Sql {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Param(number) => write!(f, "?{number}"),
        })
    }
}

impl Serialize for Sql {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parameters_are_replaced() {
        let pieces = Sql::join([Sql::param(2), Sql::param(3)], "||");
        let sql = Sql::from("INSERT INTO \"a?1\"(\"b\"\"?2\") SELECT CAST(").then(pieces);
        let sql = sql.then(" AS TEXT),'?1' FROM json_each(").then(Sql::param(1)).then(")");
        assert_eq!(sql.text(), "INSERT INTO \"a?1\"(\"b\"\"?2\") SELECT CAST(?2||?3 AS TEXT),'?1' FROM json_each(?1)");
        let wanted = "INSERT INTO \"a?1\"(\"b\"\"?2\") SELECT CAST((p2)||(p3) AS TEXT),'?1' FROM json_each((p1))";
        assert_eq!(sql.reading_from(|number| format!("(p{number})")), wanted);
    }
}
