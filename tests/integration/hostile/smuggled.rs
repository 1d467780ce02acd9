//! A trigger that is one statement on D1 and would be several once what looks like liteflare's guard is taken out of it.

use std::path::Path;

use liteflare::d1::Statement;

use super::doors::{ALL, Door, Scene};
use crate::support::{Folder, clouds, open, settings};

/// The markers stand in a name and in a string. What follows the second is a string on D1, and was SQL here.
fn trigger(payload: &str) -> String {
    assert!(!payload.contains('\''));
    format!(
        "CREATE TRIGGER evil AFTER INSERT ON t BEGIN \
         SELECT 'a' AS \"/*lf<*/\", '/*>lf*/\"; END; COMMIT; {payload}; --'; END"
    )
}

/// A path as an expression without a quote.
fn expression(path: &Path) -> String {
    let codes: Vec<String> = path.to_str().unwrap().bytes().map(|byte| byte.to_string()).collect();
    format!("char({})", codes.join(","))
}

/// What the statements do, where they run.
fn payloads(scene: &Scene) -> [(&'static str, String); 4] {
    let (new, local) = (expression(&scene.new_file()), expression(&scene.local()));
    [
        ("VACUUM INTO", format!("VACUUM INTO {new}")),
        ("a new database", format!("ATTACH {new} AS z; CREATE TABLE z.made(x)")),
        ("a local database's rows", format!("ATTACH {local} AS z; INSERT INTO t SELECT x FROM z.secret")),
        ("a local database changed", format!("ATTACH {local} AS z; DELETE FROM z.secret")),
    ]
}

#[test]
fn a_trigger_with_markers_in_its_strings_runs_nothing_here() {
    for cloud in clouds() {
        for door in ALL {
            for index in 0..4 {
                let scene = Scene::new(&cloud);
                let (what, payload) = &payloads(&scene)[index];
                let said = scene.enter(door, &[Statement::new(trigger(payload))]);
                if matches!(door, Door::Open | Door::Refresh) {
                    scene.commit();
                }
                scene.assert_untouched(&format!("{door:?}, {what}"));
                assert_eq!(said, None, "{door:?}, {what}: a trigger with such strings is legitimate");
            }
        }
    }
}

#[test]
fn a_trigger_with_markers_in_its_strings_works_as_on_a_disk() {
    for cloud in clouds() {
        let scene = Scene::new(&cloud);
        let sql = "CREATE TRIGGER evil AFTER INSERT ON t BEGIN \
                   INSERT INTO said SELECT 'a' AS \"/*lf<*/\", '/*>lf*/\"; END; COMMIT; --'; END";
        let attack = ["CREATE TABLE said(x, y)", sql].map(Statement::new);
        assert_eq!(scene.enter(Door::Open, &attack), None);
        let folder = Folder::new();
        let app = open(&folder.attach("app.db", settings(&scene.world.database)));
        let declared: String =
            app.query_row("SELECT sql FROM sqlite_schema WHERE name='evil'", [], |row| row.get(0)).unwrap();
        assert_eq!(declared, sql);
        let before: i64 = app.query_row("SELECT count(*) FROM said", [], |row| row.get(0)).unwrap();
        app.execute_batch("INSERT INTO t VALUES (7)").unwrap();
        let said = "SELECT count(*), max(y) FROM said";
        let here: (i64, String) = app.query_row(said, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(here, (before + 1, "/*>lf*/\"; END; COMMIT; --".to_owned()), "it fires once, here");
        assert_eq!(scene.world.database.rows(said)[0][0], before + 1, "and not again on D1");
        assert_eq!(scene.world.verify(&[])["replica"]["count"], 0);
    }
}
