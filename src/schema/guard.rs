//! The removable guard that keeps the application's triggers silent on D1 while liteflare replays rows (R13).
//! Their work is already part of the transaction; firing them again would do it twice.
//!
//! Whoever may write to D1 may write a trigger in which the markers stand anywhere. So a guard is what stands, to the letter, in one of
//! the two places where [`guard`] puts it, found by tokens; taking it out leaves every other token as it was.

use sqlite3_parser::dialect::TokenType;

use super::SchemaError;
use super::checked::spelled;
use super::lexer::{Token, tokens};

const OPEN: &str = "/*lf<*/";
const CLOSE: &str = "/*>lf*/";
/// The table of liteflare's own that guards read. It is named here because the triggers on D1 name it; the ledger makes it.
pub(crate) const TABLE: &str = "_lf_commit";

/// What 0.1.0 wrote instead of [`silent`].
const SILENT_OF_FORMAT_1: &str = "(SELECT value FROM _lf_state WHERE key='replaying')=0";

/// True while nobody replays: the newest row of the log is not that of a batch which is being applied.
pub(crate) fn silent() -> String {
    format!("coalesce((SELECT substr(source,1,1) FROM {TABLE} ORDER BY seq DESC LIMIT 1),'')<>'#'")
}

/// What a guard adds to a trigger that has a WHEN: after that word, and before BEGIN.
fn around_condition(silent: &str) -> (String, String) {
    (format!("{OPEN} {silent} AND ({CLOSE}"), format!("{OPEN}){CLOSE}"))
}

/// What a guard adds before the BEGIN of a trigger that has no WHEN.
fn condition(silent: &str) -> String {
    format!("{OPEN}WHEN {silent} {CLOSE}")
}

/// The text of the trigger `name` with the guard; [`strip`] gives the text back to the byte.
pub(crate) fn guard(name: &str, sql: &str) -> Result<String, SchemaError> {
    let object = format!("trigger {name}");
    let unreadable = |problem: &str| SchemaError::Unreadable {
        object: object.clone(),
        problem: problem.to_owned(),
        advice: "drop it and create it anew",
    };
    let place = Place::of(&tokens(sql, &object)?).ok_or_else(|| unreadable("its ON and BEGIN cannot be found"))?;
    let (head, begin) = (&sql[..place.begin], &sql[place.begin..]);
    let guarded = match place.when {
        Some(when) => {
            let (after_when, before_begin) = around_condition(&silent());
            format!("{}{after_when}{}{before_begin}{begin}", &head[..when.end], &head[when.end..])
        }
        None => format!("{head}{}{begin}", condition(&silent())),
    };
    // A text that looks guarded already, or in which the guard cannot be told from what is around it.
    if strip(sql) != sql || strip(&guarded) != sql {
        return Err(unreadable("its text contains liteflare's markers where these have a meaning"));
    }
    Ok(guarded)
}

/// Takes the guard out again, if it has one. Works as well after `ALTER TABLE` has rewritten the text around it.
pub(crate) fn strip(sql: &str) -> String {
    let guards = [silent(), SILENT_OF_FORMAT_1.to_owned()];
    guards.iter().find_map(|silent| stripped(sql, silent)).unwrap_or_else(|| sql.to_owned())
}

/// `None`: there is no guard.
fn stripped(sql: &str, silent: &str) -> Option<String> {
    let all = tokens(sql, "trigger").ok()?;
    let Place { when, begin } = Place::of(&all)?;
    let when = when?;
    let (after_when, before_begin) = around_condition(silent);
    let bare = condition(silent);
    let (out, cuts) = if let Some(own) = sql[when.end..begin].strip_prefix(&after_when) {
        let own = own.strip_suffix(&before_begin)?;
        let cuts = [when.end..when.end + after_when.len(), begin - before_begin.len()..begin];
        (format!("{}{own}{}", &sql[..when.end], &sql[begin..]), cuts)
    } else {
        let head = sql[..begin].strip_suffix(&bare)?;
        (format!("{head}{}", &sql[begin..]), [head.len()..begin, begin..begin])
    };
    let is_cut = |token: &Token| cuts.iter().any(|cut| cut.start < token.end && token.start < cut.end);
    let kept: Vec<Token> = all.into_iter().filter(|token| !is_cut(token)).collect();
    let left = tokens(&out, "trigger").ok()?;
    (spelled(sql, &kept) == spelled(&out, &left)).then_some(out)
}

/// Where a guard goes.
struct Place {
    /// The trigger's WHEN.
    when: Option<Token>,
    /// The start of its BEGIN.
    begin: usize,
}

impl Place {
    /// Both words may also be names: `NEW."begin"` is quoted, `NEW.begin` follows a point, other uses stand in parentheses.
    fn of(tokens: &[Token]) -> Option<Place> {
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
                TokenType::TK_WHEN if depth == 0 && when.is_none() => when = Some(token),
                TokenType::TK_BEGIN if depth == 0 && before != TokenType::TK_DOT => {
                    return Some(Place { when, begin: token.start });
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    fn database() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE t(x,begin,\"on\"); CREATE TABLE \"when\"(x,\"begin\",\"on\");
             CREATE VIEW v AS SELECT 1",
        )
        .unwrap();
        db.execute_batch(&format!("CREATE TABLE {TABLE}(seq INTEGER PRIMARY KEY,source)")).unwrap();
        db
    }

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
            "CREATE TRIGGER a AFTER INSERT ON t WHEN NEW.x<>'/*lf<*/' BEGIN SELECT '/*>lf*/'; END",
            "CREATE TRIGGER a AFTER INSERT ON t /*lf<*/ WHEN NEW.x /*>lf*/ BEGIN SELECT 1 /*lf<*/; /*>lf*/ END",
        ];
        let db = database();
        for text in texts {
            let guarded = guard("a", text).unwrap();
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

    #[test]
    fn a_guard_comes_off_after_its_table_was_renamed() {
        let db = database();
        let text = "CREATE TRIGGER a AFTER INSERT ON t WHEN NEW.x>1 BEGIN INSERT INTO t(x) VALUES (1); END";
        db.execute_batch(&guard("a", text).unwrap()).unwrap();
        db.execute_batch("ALTER TABLE t RENAME TO u; ALTER TABLE u RENAME COLUMN x TO y").unwrap();
        let stored: String =
            db.query_row("SELECT sql FROM sqlite_schema WHERE name='a'", [], |row| row.get(0)).unwrap();
        let expected = "CREATE TRIGGER a AFTER INSERT ON \"u\" WHEN NEW.y>1 BEGIN INSERT INTO \"u\"(y) VALUES (1); END";
        assert_eq!(strip(&stored), expected);
    }

    /// Markers that stand where `guard` does not put them are the trigger's own.
    #[test]
    fn what_only_looks_like_a_guard_stays() {
        let (after_when, before_begin) = around_condition(&silent());
        let condition = || condition(&silent());
        let texts = [
            "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 'a' AS \"/*lf<*/\", '/*>lf*/\"; END; ATTACH x AS y; --'; END".to_owned(),
            "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1 /*lf<*/; SELECT '/*>lf*/; END; ATTACH x AS y; --'; END".to_owned(),
            "CREATE TRIGGER a AFTER INSERT ON t /*lf<*/WHEN 1 /*>lf*/BEGIN SELECT 1; END".to_owned(),
            format!("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; {}END", condition()),
            format!("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT '{}BEGIN'; END", condition()),
            format!("CREATE TRIGGER a AFTER INSERT ON t -- {}\n BEGIN SELECT 1; END", condition()),
            format!("CREATE TRIGGER a AFTER INSERT ON t WHEN{after_when} 1) BEGIN SELECT 1; END"),
            format!("CREATE TRIGGER a AFTER INSERT ON t WHEN (1 {before_begin}BEGIN SELECT 1; END"),
            // Without its end, the comment before it would swallow the rest.
            format!("CREATE TRIGGER a AFTER INSERT ON t WHEN{after_when} 1 /* {before_begin}BEGIN SELECT 1; END"),
        ];
        for text in texts {
            assert_eq!(strip(&text), text);
        }
    }

    /// The guards of 0.1.0 come off too.
    #[test]
    fn a_guard_of_format_1_comes_off() {
        for own in ["", "WHEN NEW.x "] {
            let text = format!("CREATE TRIGGER a AFTER INSERT ON t {own}BEGIN SELECT 1; END");
            let old = guard("a", &text).unwrap().replace(&silent(), SILENT_OF_FORMAT_1);
            assert!(old.contains("replaying"));
            assert_eq!(strip(&old), text);
        }
    }

    /// A guard inside the trigger's own condition would leave two statements' halves; a trigger guarded by hand has no text of its own.
    #[test]
    fn a_text_that_carries_a_guard_already_cannot_get_another() {
        let text = "CREATE TRIGGER a AFTER INSERT ON t WHEN NEW.x BEGIN SELECT 1; END";
        let error = guard("a", &guard("a", text).unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("trigger a: ") && error.contains("markers"), "{error}");
    }
}
