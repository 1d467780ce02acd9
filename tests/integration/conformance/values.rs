//! How values come back, and how exact ones can be had.

use serde_json::json;

use super::{Cloud, batch, compare, on_every_cloud, one, with};
use liteflare::d1::Statement;

#[test]
fn values_come_back_as_javascript_prints_them() {
    compare([
        one("SELECT 1, 1.0, -0.0, 2.5, 7/2, NULL, TRUE, 'text', x'0001ff', x''"),
        one("SELECT 9007199254740993, 9223372036854775807, -9223372036854775808, 0x7fffffffffffffff"),
        one("SELECT 1e15, 1e20, 1e21, 1e-6, -1e-7, 5e-324, 1.7976931348623157e308, 123456789.125, 0.1+0.2"),
        one("SELECT 9e999, -9e999, 9e999 - 9e999"),
        one("SELECT 'a' || char(0) || 'b', char(0), char(10, 34, 92, 8232, 128512)"),
        one(
            "SELECT CAST(x'ff41c3' AS TEXT), CAST(x'e29a' AS TEXT), CAST(x'eda080' AS TEXT), CAST(x'f08080c0' AS TEXT)",
        ),
        one(
            "SELECT CAST(x'c0af' AS TEXT), CAST(x'f4908080' AS TEXT), CAST(x'f09f98' AS TEXT), CAST(x'efbbbf41' AS TEXT)",
        ),
    ]);
}

#[test]
fn the_values_a_client_must_know_about_are_lost_as_documented() {
    on_every_cloud(|_, database| {
        let sql = "SELECT 9007199254740993, 1.0, -0.0, 9e999, 'a'||char(0)||'b', CAST(x'ff' AS TEXT), x'00ff'";
        let expected = json!([[9_007_199_254_740_992_i64, 1, 0, null, "a\0b", "\u{fffd}", [0, 255]]]);
        assert_eq!(database.rows(sql), expected);
    });
}

#[test]
fn a_value_in_a_json_parameter_survives_exactly() {
    let text = r#"[[9223372036854775807, 1.0, "a\u0000b", null, "00ff", 9e999], [-9223372036854775808, 5e-324, "", null, "", -9e999]]"#;
    let columns: Vec<String> = (0..4).map(|i| format!("json_extract(value, '$[{i}]')")).collect();
    let insert = format!(
        "INSERT INTO t SELECT {}, unhex(json_extract(value, '$[4]')), json_extract(value, '$[5]') FROM json_each(?1)",
        columns.join(", ")
    );
    compare([
        one("CREATE TABLE t (i, r, s, n, b, f)"),
        with(insert, &[text]),
        one("SELECT quote(i), r, hex(s), quote(n), quote(b), f > 1e308, typeof(i), typeof(r), typeof(b) FROM t"),
        one("SELECT typeof(json_extract('[1e300]', '$[0]')), 3 * pow(2, 1000), 1 * pow(2, -1074)"),
    ]);
}

#[test]
fn a_json_parameter_may_be_as_large_as_a_value() {
    on_every_cloud(|_, database| {
        let items = 999_990;
        let text = format!("[{}]", vec!["1"; items].join(","));
        let answer = database.one(&Statement::with("SELECT count(*), sum(value) FROM json_each(?1)", [text])).unwrap();
        assert_eq!(answer["results"]["rows"], json!([[items, items]]));
    });
}

#[test]
fn reals_become_text_with_d1s_digits() {
    compare([
        one("SELECT CAST(0.1 AS TEXT), 1.0/3 || '', 1e300 || '', 123456789012345678.0 || '', -0.0 || ''"),
        one("SELECT printf('%.17g', 0.5), hex(1.5), quote(1e300), quote(0.1), quote(1.0)"),
        one("SELECT CAST('0.1' AS REAL) = 0.1, '5' + 0, round(2.5), round(1.005, 2)"),
    ]);
}

/// `quote` chooses its digits differently in SQLite 3.47 and 3.54, but on both they read back as the same double.
#[test]
fn quote_gives_every_digit_of_a_real() {
    on_every_cloud(|_, database| {
        for x in [0.1 + 0.2, 1.0 / 3.0, 1e15, 123_456_789_012_345_680.0, 5e-324, f64::MAX, f64::MIN_POSITIVE, 2e-308] {
            let sql = format!("SELECT quote({x:e})");
            let rows = database.rows(&sql);
            let text = rows[0][0].as_str().unwrap();
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), x.to_bits(), "{sql}: {text}");
        }
    });
}

/// JSON functions write a REAL with 15 digits on D1, so JSON is no way to read one exactly. SQLite 3.54 writes 17.
#[test]
fn json_functions_round_reals_on_d1() {
    on_every_cloud(|cloud, database| {
        let rounded = if cloud == Cloud::Workerd { "[0.3]" } else { "[0.30000000000000004]" };
        assert_eq!(database.rows("SELECT json_array(0.1 + 0.2)"), json!([[rounded]]));
    });
}

#[test]
fn singles_keep_columns_of_one_name() {
    compare([
        one("SELECT 1 AS a, 2 AS a, 3 AS \"1\""),
        one("SELECT 1 AS a WHERE 0"),
        one("VALUES (1, 'x'), (2, 'y')"),
        one("WITH x AS (SELECT 1 AS n UNION ALL SELECT 2) SELECT * FROM x"),
    ]);
}

#[test]
fn batches_give_the_rows_of_each_statement() {
    compare([batch(&[
        "CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b)",
        "SELECT * FROM t",
        "INSERT INTO t VALUES (1, 'x'), (2, 'y') RETURNING b, a",
        "SELECT b, a FROM t ORDER BY a DESC",
        "SELECT count(*) AS n FROM t",
        "UPDATE t SET b = 'z'",
        "DELETE FROM t WHERE a = 2",
        "REPLACE INTO t VALUES (1, 'w')",
    ])]);
}

#[test]
fn the_functions_liteflare_uses_exist() {
    compare([
        one(
            "SELECT concat('a', 1), concat_ws('-', 1, 2), unhex('4142'), octet_length('ä'), iif(1, 2, 3), format('%d', 5)",
        ),
        one("SELECT row_number() OVER (), sum(x) OVER (ORDER BY x) FROM (SELECT 1 AS x UNION ALL SELECT 2)"),
        one(
            "SELECT acos(0.3), asin(0.3), atan(0.3), cos(0.3), cosh(0.3), exp(0.3), sin(0.3), sinh(0.3), tan(0.3), tanh(0.3)",
        ),
        one("SELECT acosh(1.5), asinh(0.3), atanh(0.3), atan2(1, 2), degrees(1), radians(90), sqrt(2), pi()"),
        one("SELECT ln(2), ln(0), log(100), log(2, 8), log(1, 8), log2(8), acos(2), sqrt(-1), sqrt(NULL), sqrt('a')"),
        one("SELECT mod(7, -3), mod(1, 0), pow(2, 0.5), pow('3', 2), pow(2, -1074), pow(2, 1023)"),
        one("SELECT ceil(7), ceil(7.5), floor(-7.5), trunc(-7.5), ceil('7.5'), trunc('a')"),
        one("SELECT json('{\"a\":[1,2]}') ->> '$.a[1]', json_type('[1.0]', '$[0]'), json_valid('['), json_quote('a')"),
        one("SELECT json_group_array(x), json_group_object(x, x) FROM (SELECT 1 AS x UNION ALL SELECT 2)"),
        one("SELECT key, value, type, atom, fullkey FROM json_tree('{\"a\":[1]}')"),
        one(
            "SELECT timediff('2020-01-01', '2019-01-01'), unixepoch('2020-01-01 00:00:00.5', 'subsec'), date('2020-02-30')",
        ),
        one(
            "SELECT hex(jsonb('[1]')), json(jsonb('[1]')), glob('a*', 'ab'), 'Ab' LIKE 'aB', instr('abc', 'c'), char(228)",
        ),
        one("CREATE VIRTUAL TABLE f USING fts5(x)"),
        one("INSERT INTO f (rowid, x) VALUES (1, 'hello world'), (2, 'good bye')"),
        one("SELECT rowid, highlight(f, 0, '<', '>'), snippet(f, 0, '[', ']', '…', 2) FROM f WHERE f MATCH 'hello'"),
    ]);
}
