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
        assert!(is_kept_whole(&guarded), "{guarded}");
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
    let stored: String = db.query_row("SELECT sql FROM sqlite_schema WHERE name='a'", [], |row| row.get(0)).unwrap();
    let expected = "CREATE TRIGGER a AFTER INSERT ON \"u\" WHEN NEW.y>1 BEGIN INSERT INTO \"u\"(y) VALUES (1); END";
    assert_eq!(strip(&stored), expected);
}

/// What 0.1.0 wrote.
fn first_form(condition: Option<&str>) -> String {
    let silent = SILENT_OF_FORMAT_1;
    match condition {
        Some(own) => format!("WHEN{OPEN} {silent} AND ({CLOSE}{own}{OPEN}){CLOSE}BEGIN"),
        None => format!("{OPEN}WHEN {silent} {CLOSE}BEGIN"),
    }
}

#[test]
fn the_guards_of_0_1_0_come_off_and_its_triggers_with_a_when_were_cut() {
    let text = |inside: &str| format!("CREATE TRIGGER a AFTER INSERT ON t {inside} SELECT 1; END");
    assert_eq!(strip(&text(&first_form(None))), text("BEGIN"));
    let guarded = text(&first_form(Some(" NEW.x>1 ")));
    assert_eq!(strip(&guarded), text("WHEN NEW.x>1 BEGIN"));
    assert!(!is_kept_whole(&guarded));
    // And without its comments, as the REST API may have left it.
    assert_eq!(strip(&text(&first_form(None).replace(OPEN, "").replace(CLOSE, ""))), text("BEGIN"));
}

/// Each of these would be cut if it were sent as it is.
#[test]
fn a_trigger_that_would_be_cut_is_spelled_anew_and_read_back_to_the_byte() {
    let texts = [
        "CREATE TRIGGER a AFTER INSERT ON t begin SELECT 1; SELECT 2; end",
        "CREATE TRIGGER a AFTER INSERT ON t WHEN(NEW.x)BEGIN SELECT CASE WHEN 1 THEN 2 END ; SELECT 2;END",
        "CREATE TRIGGER a AFTER INSERT ON t\r\nWHEN NEW.x\r\nBEGIN\r\n  SELECT 'a\r\nb';\r\n SELECT 2;\r\nEND",
        "CREATE TRIGGER a AFTER INSERT ON t -- it's; a comment\n WHEN NEW.x /* BEGIN */ BEGIN/*;*/SELECT 1; SELECT 2; END",
        "CREATE TRIGGER [it's a] AFTER INSERT ON [w;$] BEGIN SELECT [b`;\"] FROM [w;$]; SELECT ';'; INSERT INTO [w;$](END) VALUES (NEW.END); END",
        "CREATE TRIGGER a AFTER UPDATE OF a$b ON \"w;$\" WHEN NEW.a$b BEGIN UPDATE t SET BEGIN = 1 ; SELECT 1;END",
    ];
    let db = database();
    db.execute_batch("CREATE TABLE \"w;$\"(a$b, end, \"b`;\"\"\")").unwrap();
    for text in texts {
        db.execute_batch(text).unwrap();
        let name: String =
            db.query_row("SELECT name FROM sqlite_schema WHERE sql=?1", [text], |row| row.get(0)).unwrap();
        db.execute_batch(&format!("DROP TRIGGER \"{name}\"")).unwrap();
        let guarded = guard(&name, text).unwrap();
        assert!(is_kept_whole(&guarded), "{guarded}");
        db.execute_batch(&guarded).unwrap_or_else(|error| panic!("{guarded}: {error}"));
        let stored: String =
            db.query_row("SELECT sql FROM sqlite_schema WHERE name=?1", [&name], |row| row.get(0)).unwrap();
        assert_eq!(stored, guarded);
        assert_eq!(strip(&stored), text);
        // The guard lets nothing through, and the body says the same.
        db.execute_batch("DELETE FROM t; INSERT INTO t VALUES (1,1,1)").unwrap();
        db.execute_batch(&format!("DROP TRIGGER \"{name}\"")).unwrap();
    }
}

#[test]
fn what_a_guard_carries_is_believed_only_while_it_says_what_d1_runs() {
    let db = database();
    let text = "CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT INTO \"when\"(x) VALUES (case NEW.x when 1 then 2 END ); END /* c */ -- d";
    let text = text.split(" /* c").next().unwrap();
    let guarded = guard("a", text).unwrap();
    assert!(guarded.contains(" NOTNULL BEGIN"), "{guarded}");
    db.execute_batch(&guarded).unwrap();
    db.execute_batch("ALTER TABLE t RENAME TO u").unwrap();
    let stored: String = db.query_row("SELECT sql FROM sqlite_schema WHERE name='a'", [], |row| row.get(0)).unwrap();
    let now = "CREATE TRIGGER a AFTER INSERT ON \"u\" BEGIN INSERT INTO \"when\"(x) VALUES (case NEW.x when 1 then 2 end ); END";
    assert_eq!(strip(&stored), now);
    let other = hex::encode("CREATE TRIGGER a AFTER INSERT ON t BEGIN DELETE FROM t; END");
    assert_eq!(strip(&guarded.replace(&hex::encode(text), &other)), now.replace("\"u\"", "t"));
    assert_eq!(strip(&guarded.replace(&hex::encode(text), "00ff")), now.replace("\"u\"", "t"));
}

/// What stands where `guard` does not put it is the trigger's own.
#[test]
fn what_only_looks_like_a_guard_stays() {
    let silent = SILENT_OF_FORMAT_1;
    let (after_when, before_begin) = (format!("{OPEN} {silent} AND ({CLOSE}"), format!("{OPEN}){CLOSE}"));
    let condition = format!("{OPEN}WHEN {silent} {CLOSE}");
    let texts = [
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 'a' AS \"/*lf<*/\", '/*>lf*/\"; END; ATTACH x AS y; --'; END"
            .to_owned(),
        "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1 /*lf<*/; SELECT '/*>lf*/; END; ATTACH x AS y; --'; END"
            .to_owned(),
        "CREATE TRIGGER a AFTER INSERT ON t /*lf<*/WHEN 1 /*>lf*/BEGIN SELECT 1; END".to_owned(),
        format!("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; {condition}END"),
        format!("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT '{condition}BEGIN'; END"),
        format!("CREATE TRIGGER a AFTER INSERT ON t -- {condition}\n BEGIN SELECT 1; END"),
        format!("CREATE TRIGGER a AFTER INSERT ON t WHEN{after_when} 1) BEGIN SELECT 1; END"),
        format!("CREATE TRIGGER a AFTER INSERT ON t WHEN (1 {before_begin}BEGIN SELECT 1; END"),
        // Without its end, the comment before it would swallow the rest.
        format!("CREATE TRIGGER a AFTER INSERT ON t WHEN{after_when} 1 /* {before_begin}BEGIN SELECT 1; END"),
        format!("CREATE TRIGGER a AFTER INSERT ON t WHEN {silent} AND (1) OR (0) BEGIN SELECT 1; END"),
        format!("CREATE TRIGGER a AFTER INSERT ON t WHEN {silent} AND (1 ) BEGIN SELECT 1; END"),
        format!("CREATE TRIGGER a AFTER INSERT ON t WHEN {silent} AND (x) BEGIN SELECT 1; END"),
        format!("CREATE TRIGGER a AFTER INSERT ON t WHEN {silent} OR 1 BEGIN SELECT 1; END"),
        format!("CREATE TRIGGER a AFTER INSERT ON t WHEN {silent} AND x'00' NOTNULL OR 1 BEGIN SELECT 1; END"),
    ];
    for text in texts {
        assert_eq!(strip(&text), text);
    }
}

/// A guard inside the trigger's own condition would leave two statements' halves; a trigger guarded by hand has no text of its own.
#[test]
fn a_text_that_carries_a_guard_already_cannot_get_another() {
    let text = "CREATE TRIGGER a AFTER INSERT ON t WHEN NEW.x BEGIN SELECT 1; END";
    let error = guard("a", &guard("a", text).unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("trigger a: ") && error.contains("guard"), "{error}");
}
