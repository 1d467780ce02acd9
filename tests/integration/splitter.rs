//! D1's REST API takes texts apart at `;` (`docs/D1.md`): `dev` does so too, and what an application declares gets through all the same.

use crate::support::{App, DbRef, TestCloud, clouds, dump};
use liteflare::d1::Statement;

fn refused(database: &DbRef, sql: &str) -> (u16, u64, String) {
    let error = database.one(&Statement::new(sql)).unwrap_err();
    (error.status, error.code, error.message)
}

#[test]
fn dev_cuts_triggers_as_the_rest_api_does() {
    let cloud = TestCloud::embedded();
    let database = cloud.create_database();
    database.rows("CREATE TABLE t (a, b)");
    let incomplete = (400, 7500, "D1_ERROR: incomplete input: SQLITE_ERROR".to_owned());
    for cut in [
        "CREATE TRIGGER x AFTER INSERT ON t WHEN (NEW.a)/* a guard */BEGIN SELECT 1; SELECT 2; END",
        "CREATE TRIGGER x AFTER INSERT ON t begin SELECT 1; SELECT 2; end",
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END ; SELECT 2; END",
        "CREATE TRIGGER x AFTER INSERT ON t\r\nBEGIN\r\nSELECT 1;\r\nEND;",
    ] {
        assert_eq!(refused(&database, cut), incomplete, "{cut}");
    }
    database.rows("CREATE TRIGGER x AFTER INSERT ON t WHEN NEW.a /* it's; */ BEGIN SELECT ';'; SELECT 2; END");
    assert_eq!(database.rows("SELECT count(*) FROM sqlite_schema WHERE name='x'"), serde_json::json!([[1]]));
}

/// InvokeAI's way of writing triggers, and every way that the API would cut.
const DECLARED: &str = "
    CREATE TABLE job(id INTEGER PRIMARY KEY, status TEXT, at TEXT, \"end\" DEFAULT ';');
    CREATE TABLE [it's; a name](a DEFAULT ';', [b;]); -- a comment
    CREATE INDEX [i;] ON [it's; a name]([b;]);
    CREATE TABLE log(what);
    CREATE TRIGGER with_when
        AFTER UPDATE OF status ON job
        FOR EACH ROW
        WHEN
        NEW.status = 'completed'
        OR NEW.status = 'failed'
        BEGIN
        UPDATE job
        SET at = STRFTIME('%Y', '2026-01-01')
        WHERE id = NEW.id;
        INSERT INTO log VALUES ('done');
        END;
    CREATE TRIGGER small after insert on job when(1)begin insert into log values ('small'); select 1; end;
    CREATE TRIGGER chosen AFTER INSERT ON job BEGIN
        INSERT INTO log SELECT CASE WHEN NEW.id THEN 'it''s' ELSE 'no' END ; -- it's; a comment
        INSERT INTO log SELECT [b;] FROM [it's; a name]; /* BEGIN */
    END;
    CREATE TRIGGER returns AFTER DELETE ON job\r\nBEGIN\r\n  INSERT INTO log VALUES ('a\r\nb');\r\nEND;
    CREATE VIEW v AS SELECT [b;], ';' FROM [it's; a name]";

#[test]
fn whatever_an_application_declares_is_kept_whole() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        app.connection.execute_batch(DECLARED).unwrap();
        let work = "INSERT INTO [it's; a name] VALUES (1, 2); INSERT INTO job(id) VALUES (1), (2);
                    UPDATE job SET status='failed' WHERE id=1; DELETE FROM job WHERE id=2";
        app.connection.execute_batch(work).unwrap();
        let triggers = |lines: Vec<String>| -> Vec<String> {
            lines.into_iter().filter(|line| line.starts_with("trigger ")).collect()
        };
        let own = triggers(dump(&app.connection));
        assert_eq!(own.len(), 4);
        let fresh = app.other("fresh.db");
        assert_eq!(own, triggers(dump(&fresh)), "read back to the byte");
        let rows = |lines: Vec<String>| -> Vec<String> {
            lines.into_iter().filter(|line| !line.contains("CREATE ")).collect()
        };
        assert_eq!(rows(dump(&app.connection)), rows(dump(&fresh)));

        app.connection
            .execute_batch("ALTER TABLE job RENAME TO u; ALTER TABLE u RENAME COLUMN status TO [s;]")
            .unwrap();
        app.connection.execute_batch("UPDATE u SET [s;]='completed' WHERE id=1; DROP TRIGGER small").unwrap();
        let again = app.other("again.db");
        assert_eq!(triggers(dump(&app.connection)), triggers(dump(&again)));
    }
}
