//! What D1 does not let a statement do.

use super::{compare, on_every_cloud, one, refused};
use crate::support::{DbRef, send};
use liteflare::d1::Statement;
use serde_json::{Value, json};

#[test]
fn transactions_are_the_batches_alone() {
    // workerd has a text of its own for these, about its JavaScript interface.
    compare(["BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT a", "RELEASE a", "BEGIN IMMEDIATE"].map(refused));
}

#[test]
fn statements_and_tables() {
    compare(
        [
            "VACUUM",
            "ATTACH ':memory:' AS x",
            "DETACH x",
            "CREATE TEMP TABLE t (a)",
            "CREATE TEMP VIEW v AS SELECT 1",
            "CREATE TABLE temp.t (a)",
            "CREATE TABLE _cf_x (a)",
            "CREATE TABLE _CF_x (a)",
            "CREATE VIEW _cf_v AS SELECT 1",
            "CREATE TABLE a (x)",
            "CREATE INDEX _cf_i ON a(x)",
            "SELECT key FROM _cf_METADATA",
            "DELETE FROM _cf_METADATA",
            "DROP TABLE _cf_METADATA",
            "PRAGMA table_info(_cf_METADATA)",
            "ALTER TABLE _cf_METADATA RENAME TO z",
            "SELECT * FROM _cf_KV",
            "INSERT INTO sqlite_master VALUES (1, 2, 3, 4, 5)",
            "UPDATE sqlite_master SET sql = 'x'",
            "DELETE FROM sqlite_schema",
            "CREATE TABLE sqlite_x (a)",
            "UPDATE sqlite_sequence SET seq = 1",
            "CREATE VIRTUAL TABLE r USING rtree(a, b, c)",
            "CREATE VIRTUAL TABLE r USING fts4(a)",
            "CREATE VIRTUAL TABLE r USING nope(a)",
            "SELECT * FROM generate_series(1, 2)",
            "SELECT * FROM nope",
            "SELECT nope FROM a",
            "DROP TABLE nope",
            "DROP INDEX nope",
            "selec",
            "SELECT 1,",
            "SELECT 'x",
            "CREATE TABLE b (x COLLATE nope)",
            "CREATE TABLE b (a AS (1))",
            "INSERT INTO a VALUES (1)",
            "ALTER TABLE a ADD COLUMN n NOT NULL",
            "SELECT 'a' MATCH 'b'",
            "SELECT iif(1)",
            "REINDEX",
            "REINDEX a",
            "ANALYZE",
            "EXPLAIN QUERY PLAN SELECT 1",
        ]
        .map(one),
    );
    // The reading of a table that only one of the two SQLites has, and a statement that only one of them knows.
    compare([
        one("CREATE TABLE a (x)"),
        refused("SELECT * FROM dbstat"),
        refused("ALTER TABLE a ALTER COLUMN x SET NOT NULL"),
    ]);
}

#[test]
fn pragmas() {
    compare(
        [
            "PRAGMA user_version",
            "PRAGMA user_version = 1",
            "PRAGMA application_id",
            "PRAGMA page_count",
            "PRAGMA freelist_count",
            "PRAGMA schema_version",
            "PRAGMA integrity_check",
            "PRAGMA compile_options",
            "PRAGMA function_list",
            "PRAGMA collation_list",
            "PRAGMA writable_schema = on",
            "PRAGMA encoding",
            "PRAGMA journal_mode",
            "PRAGMA synchronous = off",
            "PRAGMA busy_timeout",
            "PRAGMA nope",
            "PRAGMA table_info",
            "PRAGMA case_sensitive_like = maybe",
            "SELECT * FROM pragma_user_version",
            "SELECT name FROM pragma_function_list",
            "CREATE TABLE p (a PRIMARY KEY, b REFERENCES p(a))",
            "CREATE INDEX i ON p(b DESC) WHERE b > 1",
            "PRAGMA table_info(p)",
            "PRAGMA table_xinfo(p)",
            "PRAGMA main.table_xinfo('p')",
            "SELECT name, hidden FROM pragma_table_xinfo('p')",
            "PRAGMA index_list(p)",
            "PRAGMA index_info(i)",
            "PRAGMA index_xinfo(i)",
            "PRAGMA foreign_key_list(p)",
            "PRAGMA foreign_key_check",
            "PRAGMA foreign_key_check(p)",
            "PRAGMA quick_check",
            "PRAGMA quick_check(1)",
            "PRAGMA optimize",
            "PRAGMA foreign_keys",
            "PRAGMA defer_foreign_keys",
            "PRAGMA ignore_check_constraints = on",
            "PRAGMA ignore_check_constraints = off",
            "PRAGMA reverse_unordered_selects",
            "PRAGMA recursive_triggers = 'on'",
            "PRAGMA recursive_triggers = 0",
        ]
        .map(one),
    );
}

#[test]
fn functions() {
    compare(
        [
            "sqlite_version()",
            "sqlite_source_id()",
            "sqlite_compileoption_used('x')",
            "json_pretty('1')",
            "json_error_position('1')",
            "subtype(1)",
            "fts5(1)",
            "median(1)",
            "nope(1)",
        ]
        .map(|call| one(format!("SELECT {call}"))),
    );
    // One of the two SQLites does not have them, and says so; the other's authorizer refuses them.
    compare(
        [
            "soundex('a')",
            "if(1, 2, 3)",
            "unistr('a')",
            "log10(100)",
            "ceiling(1)",
            "power(2, 2)",
            "json_array_insert('[]', '$[0]', 1)",
            "rtreecheck('a')",
            "load_extension('x')",
        ]
        .map(|call| refused(format!("SELECT {call}"))),
    );
}

#[test]
fn fts5_keeps_its_shadow_tables() {
    compare([
        one("CREATE VIRTUAL TABLE f USING fts5(x)"),
        one("INSERT INTO f_content VALUES (1, 'x')"),
        one("DELETE FROM f_data"),
        one("DROP TABLE f_idx"),
        one("SELECT count(*) FROM f_config"),
    ]);
}

#[test]
fn values_over_two_megabytes() {
    on_every_cloud(|_, database| {
        let length = |bytes: usize| database.one(&Statement::with("SELECT length(?1)", ["x".repeat(bytes)]));
        assert_eq!(length(2_000_000).unwrap()["results"]["rows"], json!([[2_000_000]]));
        // workerd has some room above the documented limit: 2,200,000. The embedded cloud has none.
        let error = length(2_200_001).unwrap_err();
        assert_eq!((error.status, error.message.as_str()), (400, "D1_ERROR: string or blob too big: SQLITE_TOOBIG"));
        database.rows("CREATE TABLE t (x)");
        database.rows("INSERT INTO t VALUES (zeroblob(1999000))");
        database.one(&Statement::new("INSERT INTO t VALUES (zeroblob(2200000))")).unwrap_err();
        database.one(&Statement::new("UPDATE t SET x = x || x")).unwrap_err();
    });
}

#[test]
fn requests_that_are_malformed() {
    on_every_cloud(|cloud, database| {
        let malformed = [
            json!({}),
            json!([]),
            json!("SELECT 1"),
            json!({"sql": 1}),
            json!({"sql": "SELECT ?1", "params": [1]}),
            json!({"sql": "SELECT ?1", "params": [null]}),
            json!({"sql": "SELECT ?1", "params": [["a"]]}),
            json!({"sql": "SELECT ?1", "params": "a"}),
            json!({"batch": []}),
            json!({"batch": {"sql": "SELECT 1"}}),
            json!({"batch": [{"sql": "SELECT ?1", "params": [true]}]}),
            json!({"batch": ["SELECT 1"]}),
        ];
        for body in malformed {
            let error = database.post("raw", body.clone()).unwrap_err();
            assert_eq!((error.status, error.code), (400, 7400), "{cloud:?}: {body}: {error:?}");
        }
    });
}

#[test]
fn strangers_and_unknown_databases() {
    on_every_cloud(|cloud, database| {
        let ask = |database: &DbRef| {
            let error = database.one(&Statement::new("SELECT 1")).unwrap_err();
            (error.status, error.code)
        };
        assert_eq!(ask(&DbRef { token: String::new(), ..database.clone() }), (401, 10000), "{cloud:?}");
        assert_eq!(ask(&DbRef { token: "wrong".into(), ..database.clone() }), (403, 10000), "{cloud:?}");
        assert_eq!(ask(&DbRef { database: "nope".into(), ..database.clone() }), (404, 7404), "{cloud:?}");
        assert_eq!(ask(&DbRef { database: "constructor".into(), ..database.clone() }), (404, 7404), "{cloud:?}");
    });
}

#[test]
fn a_database_is_found_by_its_name() {
    on_every_cloud(|cloud, database| {
        let get = |path: &str| {
            let url = format!("{}/accounts/{}/d1/database{path}", database.api, database.account);
            let (status, answer) = send("GET", &url, &database.token, &Value::Null);
            assert_eq!((status, &answer["success"]), (200, &json!(true)), "{cloud:?}: {path}: {answer}");
            answer["result"].clone()
        };
        let found = get(&format!("/{}", database.database));
        assert_eq!(found["uuid"], json!(database.database), "{cloud:?}");
        assert_eq!(get(&format!("?name={}", found["name"].as_str().unwrap())), json!([found]), "{cloud:?}");
        assert_eq!(get("?name=nobody"), json!([]), "{cloud:?}");
    });
}
