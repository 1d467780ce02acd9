//! The removable guard that keeps the application's triggers silent on D1 while liteflare replays rows (R13).
//! Their work is already part of the transaction; firing them again would do it twice.

use sqlite3_parser::dialect::TokenType;

use super::SchemaError;
use super::lexer::{Token, tokens};

const OPEN: &str = "/*lf<*/";
const CLOSE: &str = "/*>lf*/";
/// The table of liteflare's own that guards read. It is named here because the triggers on D1 name it; the ledger makes it.
pub(crate) const TABLE: &str = "_lf_state";

/// True while nobody replays. The table must hold the integer 0 or 1 there, not text.
fn silent() -> String {
    format!("(SELECT value FROM {TABLE} WHERE key='replaying')=0")
}

/// The trigger's text with the guard; [`strip`] gives the text back to the byte.
pub(crate) fn guard(sql: &str) -> Result<String, SchemaError> {
    let unreadable = |problem: &str| SchemaError::Unreadable {
        object: "trigger".to_owned(),
        problem: format!("{problem}: {sql}"),
        advice: "drop it and create it anew",
    };
    if sql.contains(OPEN) || sql.contains(CLOSE) {
        return Err(unreadable("its text contains liteflare's markers"));
    }
    let (when, begin) =
        places(&tokens(sql, "trigger")?).ok_or_else(|| unreadable("its ON and BEGIN cannot be found"))?;
    let silent = silent();
    Ok(match when {
        Some(when) => {
            format!("{}{OPEN} {silent} AND ({CLOSE}{}{OPEN}){CLOSE}{}", &sql[..when], &sql[when..begin], &sql[begin..])
        }
        None => format!("{}{OPEN}WHEN {silent} {CLOSE}{}", &sql[..begin], &sql[begin..]),
    })
}

/// Takes the guard out again, if it has one. Works as well after `ALTER TABLE` has rewritten the text around it.
pub(crate) fn strip(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let Some((_, tail)) = after.split_once(CLOSE) else { break };
        out.push_str(before);
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// The end of the trigger's own WHEN, if any, and the start of its BEGIN.
/// Both words may also be names: `NEW."begin"` is quoted, `NEW.begin` follows a point, other uses stand in parentheses.
fn places(tokens: &[Token]) -> Option<(Option<usize>, usize)> {
    let on = tokens.iter().position(|token| token.kind == TokenType::TK_ON)?;
    let name = if tokens.get(on + 2)?.kind == TokenType::TK_DOT { on + 3 } else { on + 1 };
    let mut depth = 0;
    let mut when = None;
    for pair in tokens.get(name..)?.windows(2) {
        let (before, token) = (pair[0].kind, pair[1]);
        match token.kind {
            TokenType::TK_LP => depth += 1,
            TokenType::TK_RP => depth -= 1,
            // A later WHEN belongs to a CASE.
            TokenType::TK_WHEN if depth == 0 && when.is_none() => when = Some(token.end),
            TokenType::TK_BEGIN if depth == 0 && before != TokenType::TK_DOT => return Some((when, token.start)),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The promise: strip(guard(x)) == x, and the guarded text still is a trigger.
    #[test]
    fn a_guard_comes_off_to_the_byte() {
        let texts = [
            "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END",
            "CREATE TRIGGER a AFTER INSERT ON main.t FOR EACH ROW WHEN NEW.x>1 BEGIN SELECT 1; END",
            "CREATE TRIGGER \"begin\" AFTER UPDATE OF x,\"on\" ON \"when\" WHEN(NEW.begin>1)BEGIN SELECT 1; END",
            "CREATE TRIGGER a AFTER INSERT ON t WHEN NEW.begin -- BEGIN\n /* BEGIN */ BEGIN SELECT 1; END",
            "CREATE TRIGGER a AFTER INSERT ON t WHEN CASE WHEN NEW.x THEN 1 ELSE 0 END BEGIN SELECT 'BEGIN'; END",
            "CREATE TRIGGER a INSTEAD OF DELETE ON v BEGIN SELECT ''''; END",
        ];
        let db = rusqlite::Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE t(x,begin,\"on\"); CREATE TABLE \"when\"(x,\"begin\",\"on\");
             CREATE VIEW v AS SELECT 1",
        )
        .unwrap();
        db.execute_batch(&format!("CREATE TABLE {TABLE}(key TEXT PRIMARY KEY,value)")).unwrap();
        for text in texts {
            let guarded = guard(text).unwrap();
            assert_ne!(guarded, text);
            assert_eq!(strip(&guarded), text);
            db.execute_batch(&guarded).unwrap_or_else(|error| panic!("{guarded}: {error}"));
            let name = if text.contains("\"begin\"") { "begin" } else { "a" };
            let stored: String =
                db.query_row("SELECT sql FROM sqlite_schema WHERE name=?1", [name], |row| row.get(0)).unwrap();
            assert_eq!(strip(&stored), text);
            db.execute_batch(&format!("DROP TRIGGER \"{name}\"")).unwrap();
        }
    }
}
