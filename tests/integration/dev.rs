//! `liteflare dev` as a process, and what its API does beside queries.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::{BucketRef, DbRef, TestCloud, send};
use liteflare::d1::Statement;
use liteflare::dev::{Cloud, CloudOptions};
use liteflare::r2::PutMode;
use serde_json::{Value, json};

/// A running `liteflare dev`, killed at the end if it is still there.
struct Dev {
    process: Child,
    settings: DbRef,
    bucket: BucketRef,
}

impl Dev {
    fn start(dir: Option<&Path>, temp: &Path) -> Dev {
        let mut command = Command::new(env!("CARGO_BIN_EXE_liteflare"));
        command.arg("dev").env("TMPDIR", temp).stdout(Stdio::piped());
        if let Some(dir) = dir {
            command.arg("--dir").arg(dir);
        }
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let settings = DbRef {
            api: setting(&mut lines, "LITEFLARE_D1_API"),
            account: setting(&mut lines, "CLOUDFLARE_ACCOUNT_ID"),
            token: setting(&mut lines, "CLOUDFLARE_API_TOKEN"),
            database: setting(&mut lines, "LITEFLARE_D1_DATABASE"),
        };
        let bucket = BucketRef {
            endpoint: setting(&mut lines, "LITEFLARE_R2_ENDPOINT"),
            bucket: setting(&mut lines, "LITEFLARE_R2_BUCKET"),
            access_key: setting(&mut lines, "R2_ACCESS_KEY_ID"),
            secret_key: setting(&mut lines, "R2_SECRET_ACCESS_KEY"),
        };
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        Dev { process, settings, bucket }
    }

    fn terminate(mut self) -> Option<i32> {
        let kill = Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        assert!(kill.success());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.process.kill(); // SIGKILL, for nothing if it has ended
        let _ = self.process.wait();
    }
}

fn setting(lines: &mut Lines<BufReader<ChildStdout>>, name: &str) -> String {
    let line = lines.next().unwrap().unwrap();
    line.strip_prefix(&format!("export {name}=")).unwrap_or_else(|| panic!("{line}, not {name}")).to_owned()
}

#[test]
fn a_cloud_without_a_folder_leaves_nothing_behind() {
    let temp = tempfile::tempdir().unwrap();
    let dev = Dev::start(None, temp.path());
    dev.settings.rows("CREATE TABLE t (a)");
    assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 1);
    assert_eq!(dev.terminate(), Some(0));
    assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0);
}

#[test]
fn an_acknowledged_batch_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let dev = Dev::start(Some(dir.path()), dir.path());
    let database = dev.settings.database.clone();
    dev.settings.rows("CREATE TABLE t (a)");
    for i in 0..20 {
        dev.settings.batch(&[Statement::with("INSERT INTO t VALUES (?1)", [i.to_string()])]).unwrap();
    }
    drop(dev); // kill -9
    let dev = Dev::start(Some(dir.path()), dir.path());
    assert_eq!(dev.settings.database, database);
    assert_eq!(dev.settings.rows("SELECT count(*) FROM t"), json!([[20]]));
}

#[test]
fn an_acknowledged_object_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let dev = Dev::start(Some(dir.path()), dir.path());
    let client = dev.bucket.client();
    for i in 0..20 {
        client.put(&format!("a/{i}.txt"), i.to_string().into(), PutMode::Overwrite).unwrap();
    }
    let kept = BucketRef { endpoint: String::new(), ..dev.bucket.clone() };
    drop(dev); // kill -9
    // What a crash in the middle of an upload leaves: bytes that belong to nothing.
    std::fs::write(dir.path().join("r2/blobs/0123"), "half").unwrap();
    let dev = Dev::start(Some(dir.path()), dir.path());
    assert_eq!((&dev.bucket.access_key, &dev.bucket.secret_key), (&kept.access_key, &kept.secret_key));
    let client = dev.bucket.client();
    assert_eq!(client.list("a").unwrap().len(), 20);
    assert_eq!(client.get("a/7.txt").unwrap().0, "7");
    assert_eq!(std::fs::read_dir(dir.path().join("r2/blobs")).unwrap().count(), 20);
}

#[test]
fn settings_stay_good_when_the_cloud_is_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let start = |port| {
        Cloud::start(&CloudOptions { dir: Some(dir.path().to_owned()), port, ..CloudOptions::default() }).unwrap()
    };
    let cloud = start(0);
    let database = cloud.create_database("kept").unwrap();
    let settings = DbRef { api: cloud.api(), account: cloud.account.clone(), token: cloud.token.clone(), database };
    settings.rows("CREATE TABLE t (a)");
    let port = cloud.addr.port();
    drop(cloud);
    assert!(settings.try_post("raw", &json!({ "sql": "SELECT 1" })).is_err());
    let _cloud = start(port);
    assert_eq!(settings.rows("SELECT count(*) FROM t"), json!([[0]]));
}

#[test]
fn a_folder_has_one_cloud_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let dev = Dev::start(Some(dir.path()), dir.path());
    let second = Command::new(env!("CARGO_BIN_EXE_liteflare")).args(["dev", "--dir"]).arg(dir.path()).output().unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use by another `liteflare dev`"));
    assert_eq!(dev.terminate(), Some(0));
}

#[test]
fn databases_are_made_listed_found_and_deleted() {
    let cloud = TestCloud::embedded();
    let known = cloud.create_database();
    let all = format!("{}/accounts/{}/d1/database", known.api, known.account);
    let ask = |method: &str, path: &str, body: Value| send(method, &format!("{all}{path}"), &known.token, &body);

    let (status, made) = ask("POST", "", json!({ "name": "photos" }));
    assert_eq!((status, &made["success"], &made["result"]["name"]), (200, &json!(true), &json!("photos")));
    let uuid = made["result"]["uuid"].as_str().unwrap();
    assert_eq!(ask("POST", "", json!({ "name": "photos" })).1["errors"][0]["code"], 7502);
    assert_eq!(ask("POST", "", json!({})).0, 400);

    let (_, found) = ask("GET", "?name=photos", Value::Null);
    assert_eq!((&found["result"][0]["uuid"], &found["result_info"]["total_count"]), (&json!(uuid), &json!(1)));
    assert_eq!(ask("GET", "?per_page=1&page=2", Value::Null).1["result_info"]["count"], 1);
    assert_eq!(ask("GET", &format!("/{uuid}"), Value::Null).1["result"]["name"], "photos");

    assert_eq!(ask("DELETE", &format!("/{uuid}"), Value::Null).0, 200);
    assert_eq!(ask("GET", &format!("/{uuid}"), Value::Null).0, 404);
    assert_eq!(ask("POST", &format!("/{uuid}/raw"), json!({ "sql": "SELECT 1" })).0, 404);
    assert_eq!(ask("GET", "?name=photos", Value::Null).1["result"], json!([]));
}

#[test]
fn buckets_are_made_listed_and_found() {
    let cloud = TestCloud::embedded();
    let (settings, bucket) = (cloud.create_database(), cloud.create_bucket());
    let all = format!("{}/accounts/{}/r2/buckets", settings.api, settings.account);
    let ask = |method: &str, path: &str, body: Value| send(method, &format!("{all}{path}"), &settings.token, &body);
    let code = |answer: &Value| answer["errors"][0]["code"].as_i64();

    let (status, made) = ask("POST", "", json!({ "name": "photos", "locationHint": "weur" }));
    assert_eq!((status, &made["success"], &made["result"]["name"]), (200, &json!(true), &json!("photos")));
    let (status, again) = ask("POST", "", json!({ "name": "photos" }));
    assert_eq!((status, code(&again)), (409, Some(10004)));
    for name in ["ab", "No", "-a-", "a_b", "", &"a".repeat(64)] {
        let (status, wrong) = ask("POST", "", json!({ "name": name }));
        assert_eq!((status, code(&wrong)), (400, Some(10005)), "{name}");
    }
    assert_eq!(ask("GET", "/photos", Value::Null).1["result"]["name"], "photos");
    let (status, missing) = ask("GET", "/nothing", Value::Null);
    assert_eq!((status, code(&missing)), (404, Some(10006)));
    let (_, list) = ask("GET", "", Value::Null);
    let names: Vec<&str> =
        list["result"]["buckets"].as_array().unwrap().iter().filter_map(|b| b["name"].as_str()).collect();
    assert!(names.contains(&"photos") && names.contains(&bucket.bucket.as_str()));

    let photos = BucketRef { bucket: "photos".into(), ..bucket };
    photos.client().put("a", "hello".into(), PutMode::Create).unwrap();
}

#[test]
fn a_token_sees_its_account_and_no_other() {
    let cloud = TestCloud::embedded();
    let settings = cloud.create_database();
    let ask = |path: &str, token: &str| send("GET", &format!("{}{path}", settings.api), token, &Value::Null);
    let (_, accounts) = ask("/accounts", &settings.token);
    assert_eq!(
        (&accounts["result"][0]["id"], &accounts["result_info"]["total_count"]),
        (&json!(settings.account), &json!(1))
    );
    assert_eq!(ask("/user/tokens/verify", &settings.token).1["result"]["status"], "active");
    let (status, wrong) = ask("/user/tokens/verify", "wrong");
    assert_eq!((status, &wrong["errors"][0]["code"]), (401, &json!(1000)));
    let (status, foreign) = ask(&format!("/accounts/{}/d1/database", "0".repeat(32)), &settings.token);
    assert_eq!((status, &foreign["errors"][0]["code"]), (403, &json!(10000)));
}

#[test]
fn other_accounts_and_paths_have_no_route() {
    let cloud = TestCloud::embedded();
    let database = cloud.create_database();
    let elsewhere = DbRef { account: "other".into(), ..database.clone() };
    let error = elsewhere.one(&Statement::new("SELECT 1")).unwrap_err();
    assert_eq!((error.status, error.code), (404, 7003));
    assert_eq!(send("GET", &format!("{}/user", database.api), &database.token, &Value::Null).0, 404);
}

#[test]
fn query_gives_rows_as_objects() {
    let cloud = TestCloud::embedded();
    let database = cloud.create_database();
    let results = database.post("query", json!({ "sql": "SELECT 1 AS a, 2 AS a, 'x' AS \"b\"" })).unwrap();
    assert_eq!(results[0]["results"], json!([{ "a": 2, "b": "x" }]));
    assert_eq!(cloud.requests(&database), Some(1));
}
