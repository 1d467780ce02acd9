//! SQL tokens with their places in the text, from SQLite's own tokenizer as ported by `sqlite3-parser`.

use sqlite3_parser::dialect::TokenType;
use sqlite3_parser::lexer::Scanner;
use sqlite3_parser::lexer::sql::Tokenizer;

use super::SchemaError;

/// One token; comments and blanks are none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenType,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// All tokens of `sql`. `object` names what the text belongs to, for the error.
pub(crate) fn tokens(sql: &str, object: &str) -> Result<Vec<Token>, SchemaError> {
    let mut scanner = Scanner::new(Tokenizer::new());
    let mut tokens = Vec::new();
    loop {
        match scanner.scan(sql.as_bytes()) {
            Ok((start, Some((_, kind)), end)) => tokens.push(Token { kind, start, end }),
            Ok((_, None, _)) => return Ok(tokens),
            Err(error) => {
                return Err(SchemaError::Unreadable {
                    object: object.to_owned(),
                    problem: format!("its SQL text cannot be read ({error})"),
                    advice: "recreate it with a simpler text",
                });
            }
        }
    }
}

/// `name` as an identifier.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// SQLite's names are equal when their ASCII letters are, whatever the case.
pub(crate) fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}
