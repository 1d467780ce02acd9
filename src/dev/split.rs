//! Splits an SQL text at its semicolons, to find pieces without a statement: workerd refuses them, SQLite's own drivers skip them.

/// True for `SELECT 1;;`, for `;`, for nothing but comments, and for a comment after the last `;`.
pub(super) fn has_empty_statement(sql: &str) -> bool {
    let bytes = sql.as_bytes();
    let (mut at, mut statement_open, mut comment_since) = (0, false, false);
    let mut any = false;
    while at < bytes.len() {
        let end = token_end(bytes, at);
        match &bytes[at..end] {
            b";" if !statement_open => return true,
            b";" => (statement_open, comment_since) = (false, false),
            token if is_comment(token) => comment_since = true,
            token if token.iter().all(u8::is_ascii_whitespace) => {}
            _ => (statement_open, any) = (true, true),
        }
        at = end;
    }
    !any || (!statement_open && comment_since)
}

fn is_comment(token: &[u8]) -> bool {
    token.starts_with(b"--") || token.starts_with(b"/*")
}

// Only the boundaries matter, so every byte outside of quotes and comments is a token of its own.
fn token_end(bytes: &[u8], start: usize) -> usize {
    let rest = &bytes[start + 1..];
    let closing = |close: &[u8]| {
        let found = rest.windows(close.len()).position(|window| window == close);
        found.map_or(bytes.len(), |at| start + 1 + at + close.len())
    };
    match (bytes[start], rest.first()) {
        // A doubled quote ends one token and starts the next, with the same result.
        (quote @ (b'\'' | b'"' | b'`'), _) => closing(&[quote]),
        (b'[', _) => closing(b"]"),
        (b'-', Some(b'-')) => closing(b"\n"),
        (b'/', Some(b'*')) => closing(b"*/"),
        _ => start + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::has_empty_statement;

    #[test]
    fn a_semicolon_must_end_a_statement() {
        for sql in [";", "SELECT 1;;", "SELECT 1; -- c", "-- only", "/* only */", "SELECT 1; ; SELECT 2"] {
            assert!(has_empty_statement(sql), "{sql}");
        }
        let trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END;";
        for sql in
            ["SELECT 1", "SELECT 1; \n", "SELECT ';'';'", "SELECT 1 -- c", "-- c\nSELECT 1;", "SELECT [;]", trigger]
        {
            assert!(!has_empty_statement(sql), "{sql}");
        }
    }
}
