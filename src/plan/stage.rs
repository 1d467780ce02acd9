//! Moves a statement's parameters elsewhere: a batch too large for one request reads them from `_lf_stage`.

use sqlite3_parser::dialect::TokenType;

use super::PlanError;
use crate::d1::Statement;
use crate::schema::tokens;

/// The statement's SQL with each parameter `?N` replaced by `source(N)`, an expression in parentheses. Each is used once, and a `?` within a
/// name or a string is none.
pub fn with_sources(statement: &Statement, source: impl Fn(usize) -> String) -> Result<String, PlanError> {
    let sql = &statement.sql;
    let mut out = String::with_capacity(sql.len());
    let mut copied = 0;
    for token in tokens(sql, "statement")?.iter().filter(|token| token.kind == TokenType::TK_VARIABLE) {
        let Ok(number) = sql[token.start + 1..token.end].parse() else { continue };
        out.push_str(&sql[copied..token.start]);
        out.push_str(&source(number));
        copied = token.end;
    }
    out.push_str(&sql[copied..]);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parameters_are_replaced() {
        let sql = "INSERT INTO \"a?1\"(\"b\"\"?2\") SELECT CAST(?2||?3 AS TEXT),'?1' FROM json_each(?1)";
        let staged = with_sources(&Statement::new(sql), |n| format!("(p{n})")).unwrap();
        let wanted = "INSERT INTO \"a?1\"(\"b\"\"?2\") SELECT CAST((p2)||(p3) AS TEXT),'?1' FROM json_each((p1))";
        assert_eq!(staged, wanted);
    }
}
