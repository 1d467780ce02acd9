//! What must hold of any schema text, wherever it comes from.

use super::guard::{guard, strip};
use super::lexer::tokens;

/// Cuts the text into tokens, and puts the guard on and takes it off.
pub fn schema_text(sql: &str) {
    if let Ok(tokens) = tokens(sql, "object") {
        let mut last = 0;
        for token in tokens {
            assert!(last <= token.start && token.start < token.end, "tokens overlap: {sql}");
            assert!(sql.get(token.start..token.end).is_some(), "a token ends inside of a letter: {sql}");
            last = token.end;
        }
    }
    if let Ok(guarded) = guard(sql) {
        assert_ne!(guarded, sql);
        assert_eq!(strip(&guarded), sql);
    }
}
