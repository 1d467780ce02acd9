use rusqlite::Connection;

use super::*;
use crate::ledger::tables;

/// D1 with these tables, captured.
fn d1(sql: &str) -> Connection {
    let d1 = Connection::open_in_memory().unwrap();
    d1.execute_batch("PRAGMA foreign_keys=on; PRAGMA recursive_triggers=off").unwrap();
    for statement in tables::bookkeeping() {
        d1.execute_batch(&statement.sql.text()).unwrap();
    }
    d1.execute_batch(sql).unwrap();
    let ours = |schema: &mut Schema| {
        schema.tables.retain(|name, _| !name.starts_with("_lf_"));
    };
    let mut schema = Schema::read(&d1).unwrap();
    ours(&mut schema);
    for statement in create_all(&schema) {
        d1.execute_batch(&statement.sql.text()).unwrap_or_else(|error| panic!("{}: {error}", statement.sql));
    }
    d1
}

/// What the log says since it was last asked.
fn noted(d1: &Connection) -> Vec<String> {
    let mut statement = d1.prepare("DELETE FROM _lf_commit RETURNING source || ' ' || changes").unwrap();
    let mut noted: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    noted.iter_mut().for_each(|entry| *entry = entry.strip_prefix("sql ").unwrap().to_owned());
    noted
}

fn expect(setup: &str, cases: &[(&str, &[&str])]) {
    let d1 = d1(setup);
    noted(&d1);
    for (sql, expected) in cases {
        d1.execute_batch(sql).unwrap();
        assert_eq!(noted(&d1), *expected, "{sql}");
    }
}

#[test]
fn each_changed_row_is_named() {
    expect(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v)",
        &[
            ("INSERT INTO t VALUES (1,'a'),(5,'b')", &[r#"{"rowids":{"t":[[1,1]]}}"#, r#"{"rowids":{"t":[[5,5]]}}"#]),
            ("UPDATE t SET v='c' WHERE id=5", &[r#"{"rowids":{"t":[[5,5]]}}"#]),
            ("UPDATE t SET id=-7 WHERE id=5", &[r#"{"rowids":{"t":[[5,5],[-7,-7]]}}"#]),
            ("REPLACE INTO t VALUES (1,'z')", &[r#"{"rowids":{"t":[[1,1]]}}"#]),
            ("UPDATE t SET v=1 WHERE id=99", &[]),
            ("DELETE FROM t WHERE id=1", &[r#"{"rowids":{"t":[[1,1]]}}"#]),
            (
                "INSERT INTO t VALUES (9223372036854775807,'z')",
                &[r#"{"rowids":{"t":[[9223372036854775807,9223372036854775807]]}}"#],
            ),
        ],
    );
}

#[test]
fn a_row_that_a_replace_removes_is_named_too() {
    expect(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, a, b, g AS (a*2)); CREATE UNIQUE INDEX p ON t(a, b COLLATE NOCASE) WHERE b>''; \
         CREATE UNIQUE INDEX q ON t(g); INSERT INTO t VALUES (1,'x',1,'k'),(2,'y',2,'k')"
            .replace("\\\n", "")
            .as_str(),
        &[
            ("REPLACE INTO t VALUES (3,'x',3,'')", &[r#"{"rowids":{"t":[[1,1]]}}"#, r#"{"rowids":{"t":[[3,3]]}}"#]),
            ("REPLACE INTO t(u,a,b) VALUES ('n','2','K')", &[r#"{"rowids":{"t":[[2,2]]}}"#, r#"{"rowids":{"t":[[4,4]]}}"#]),
            ("INSERT INTO t VALUES (5,'v',5,'')", &[r#"{"rowids":{"t":[[5,5]]}}"#]),
            (
                "UPDATE OR REPLACE t SET u='v' WHERE id=4",
                // Its own values are in the way of none but itself.
                &[r#"{"rowids":{"t":[[4,4],[5,5]]}}"#, r#"{"rowids":{"t":[[4,4]]}}"#],
            ),
        ],
    );
}

#[test]
fn a_row_that_a_replace_removes_for_a_computed_value_is_named_too() {
    expect(
        "CREATE TABLE p(id INTEGER PRIMARY KEY, u TEXT UNIQUE, w, g AS (w*2)); CREATE UNIQUE INDEX pg ON p(g); INSERT INTO p VALUES (4,'d',4)",
        &[
            ("REPLACE INTO p VALUES (31,'x',4)", &[r#"{"rowids":{"p":[[4,4]]}}"#, r#"{"rowids":{"p":[[31,31]]}}"#]),
            ("REPLACE INTO p VALUES (5,'v',5)", &[r#"{"rowids":{"p":[[5,5]]}}"#]),
            (
                "UPDATE OR REPLACE p SET w=4 WHERE id=5",
                &[r#"{"rowids":{"p":[[5,5],[31,31]]}}"#, r#"{"rowids":{"p":[[5,5]]}}"#],
            ),
        ],
    );
}

#[test]
fn keys_of_every_type_are_named_or_everything_is() {
    expect(
        "CREATE TABLE k(a, b TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID",
        &[
            (
                "INSERT INTO k VALUES (1,'x'),(x'00ff','y')",
                &[r#"{"keys":{"k":[[1,{"t":"78"}]]}}"#, r#"{"keys":{"k":[[{"b":"00FF"},{"t":"79"}]]}}"#],
            ),
            ("UPDATE k SET b='z' WHERE a=1", &[r#"{"keys":{"k":[[1,{"t":"78"}],[1,{"t":"7A"}]]}}"#]),
            (
                "INSERT INTO k VALUES (CAST(x'ff' AS TEXT),'a' || char(0) || 'b')",
                &[r#"{"keys":{"k":[[{"t":"FF"},{"t":"610062"}]]}}"#],
            ),
            ("INSERT INTO k VALUES (1.5,'')", &[EVERYTHING]),
            ("INSERT INTO k VALUES (2, hex(zeroblob(10001)))", &[EVERYTHING]),
            ("DELETE FROM k WHERE a=1", &[r#"{"keys":{"k":[[1,{"t":"7A"}]]}}"#]),
        ],
    );
}

#[test]
fn where_a_removed_row_cannot_be_found_everything_is_named() {
    let setup =
        "CREATE TABLE t(id INTEGER PRIMARY KEY, e); CREATE UNIQUE INDEX u ON t(lower(e)); INSERT INTO t VALUES (1,'A')";
    expect(setup, &[("REPLACE INTO t VALUES (2,'a')", &[EVERYTHING])]);
    let names: Vec<String> = (0..9).map(|i| format!("c{i}")).collect();
    let names = names.join(",");
    let wide = format!("CREATE TABLE w({names}, PRIMARY KEY ({names})) WITHOUT ROWID");
    expect(&wide, &[("INSERT INTO w VALUES (1,2,3,4,5,6,7,8,9)", &[EVERYTHING])]);
}

#[test]
fn cascades_and_the_applications_triggers_are_noted() {
    expect(
        "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE);
         CREATE TABLE l(x); CREATE TRIGGER tr AFTER DELETE ON c BEGIN INSERT INTO l VALUES (OLD.id); END;
         INSERT INTO p VALUES (1); INSERT INTO c VALUES (7,1)",
        &[("DELETE FROM p", &[r#"{"rowids":{"c":[[7,7]]}}"#, r#"{"rowids":{"l":[[1,1]]}}"#, r#"{"rowids":{"p":[[1,1]]}}"#])],
    );
}

#[test]
fn names_that_need_quotes_are_quoted() {
    let name = "a \"b\" 'c'; END; d\\e \u{e9}";
    let sql = format!("CREATE TABLE {}(rowid, \"_rowid_\", \"x;\"\"y\" UNIQUE)", quoted(name));
    let d1 = d1(&sql);
    noted(&d1);
    d1.execute_batch(&format!("INSERT INTO {} VALUES (7,8,9)", quoted(name))).unwrap();
    let entry: serde_json::Value = serde_json::from_str(&noted(&d1)[0]).unwrap();
    assert_eq!(entry, serde_json::json!({"rowids": {name: [[1, 1]]}}), "the rowid, and not the column of that name");
}

#[test]
fn it_is_silent_while_a_batch_is_applied() {
    let d1 = d1("CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE)");
    d1.execute_batch("INSERT INTO _lf_commit VALUES (1,'a','','#1','c')").unwrap();
    d1.execute_batch("INSERT INTO t VALUES (1,1); REPLACE INTO t VALUES (2,1); UPDATE t SET u=2; DELETE FROM t")
        .unwrap();
    let count: i64 = d1.query_row("SELECT count(*) FROM _lf_commit", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1);
}

/// What the REST API's splitter asks for.
#[test]
fn the_texts_stay_whole_where_sql_is_cut_at_semicolons() {
    let d1 = d1(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, v, UNIQUE (u, v)); CREATE TABLE k(a PRIMARY KEY) WITHOUT ROWID",
    );
    let mut statement = d1.prepare("SELECT sql FROM sqlite_schema WHERE substr(name,1,8)='_lf_cdc_'").unwrap();
    let texts: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(texts.len(), 5 + 3);
    for text in texts {
        assert!(!["--", "/*", "CASE", "\r", "\n"].iter().any(|no| text.contains(no)), "{text}");
        assert!(
            text.matches(" BEGIN ").count() == 1 && text.ends_with("; END") && text.matches(';').count() == 1,
            "{text}"
        );
    }
}

/// D1's REST API cuts texts at semicolons; whatever names it has, a trigger comes through in one piece.
#[test]
fn no_trigger_is_cut_on_its_way() {
    let d1 = Connection::open_in_memory().unwrap();
    d1.execute_batch(
        "CREATE TABLE \"a;b\"(\"c;d\" PRIMARY KEY, \"end;\" UNIQUE, \"BEGIN\") WITHOUT ROWID; CREATE TABLE [it's; END](id, [case] UNIQUE);
         CREATE TABLE \"BEGIN \"\"x\"\"\"(id INTEGER PRIMARY KEY, \"--\", `/*` UNIQUE)",
    )
    .unwrap();
    let made = create_all(&Schema::read(&d1).unwrap());
    assert!(made.len() >= 9, "{}", made.len());
    for statement in made {
        assert!(is_kept_whole(&statement.sql.text()), "{}", statement.sql);
    }
}
