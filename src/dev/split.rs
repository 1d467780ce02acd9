//! Whether every `;` of an SQL text ends a statement.
//! workerd prepares what stands after a `;` and refuses it when it holds no statement; SQLite's own drivers skip it.

/// True for `SELECT 1;;`, for `;`, for a text of comments alone and for a comment after the last `;`.
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

// Only the borders matter here, so everything that is not quoted, a comment or a `;` is a token of one byte.
fn token_end(bytes: &[u8], start: usize) -> usize {
    let rest = &bytes[start + 1..];
    let closing = |close: &[u8]| {
        let found = rest.windows(close.len()).position(|window| window == close);
        found.map_or(bytes.len(), |at| start + 1 + at + close.len())
    };
    match (bytes[start], rest.first()) {
        // A doubled quote ends one token and begins the next, which comes to the same.
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
