//! Cloudflare's runtime as a process beside the tests: `tests/clouds/workerd.mjs`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::bucket::BucketRef;
use super::db::{self, DbRef};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clouds");

/// The setting that names one which runs already.
const API: &str = "LITEFLARE_TEST_WORKERD_API";

/// Why it cannot be had here, if it cannot.
pub fn missing() -> Option<&'static str> {
    if std::env::var_os(API).is_some() {
        return None;
    }
    if Command::new("node").arg("--version").stdout(Stdio::null()).status().is_err() {
        return Some("Node is not installed");
    }
    let is_installed = Path::new(FOLDER).join("node_modules/miniflare").exists();
    (!is_installed).then_some("the packages of tests/clouds are not installed")
}

/// A running workerd, shared by all tests of this process.
pub struct Workerd {
    account: String,
    token: String,
    control: String,
    /// It ends when its standard input closes, which the system does for us when this process ends, however it ends.
    _process: Option<Child>,
}

impl Workerd {
    /// The one that the environment names.
    pub fn from_environment() -> Option<Workerd> {
        std::env::var_os(API)?;
        let get = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} goes with {API}"));
        Some(Workerd {
            account: "test".to_owned(), // the gateway serves any
            token: get("LITEFLARE_TEST_WORKERD_TOKEN"),
            control: get("LITEFLARE_TEST_CONTROL"),
            _process: None,
        })
    }

    /// One of our own.
    pub fn start() -> Workerd {
        let mut process = Command::new("node")
            .arg(format!("{FOLDER}/workerd.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs");
        let out = BufReader::new(process.stdout.take().expect("piped above"));
        let (mut account, mut token, mut control) = Default::default();
        for line in out.lines().map(|line| line.expect("workerd.mjs prints text")).take_while(|line| line != "ready") {
            match line.trim_start_matches("export ").split_once('=') {
                Some(("CLOUDFLARE_ACCOUNT_ID", value)) => account = value.to_owned(),
                Some(("CLOUDFLARE_API_TOKEN", value)) => token = value.to_owned(),
                Some(("LITEFLARE_TEST_CONTROL", value)) => control = value.to_owned(),
                _ => {}
            }
        }
        assert!(!String::is_empty(&control), "workerd.mjs did not start; run it by hand to see why");
        Workerd { account, token, control, _process: Some(process) }
    }

    /// A new, empty database.
    pub fn create_database(&self) -> DbRef {
        let made = self.hand_out("create");
        let get = |name: &str| text(&made, name);
        DbRef { api: get("api"), account: self.account.clone(), token: self.token.clone(), database: get("uuid") }
    }

    /// A new, empty bucket.
    pub fn create_bucket(&self) -> BucketRef {
        let made = self.hand_out("create-bucket");
        let get = |name: &str| text(&made, name);
        BucketRef {
            endpoint: get("endpoint"),
            bucket: get("bucket"),
            access_key: get("accessKeyId"),
            secret_key: get("secretAccessKey"),
        }
    }

    fn hand_out(&self, what: &str) -> Value {
        db::send("POST", &format!("{}/{what}", self.control), "", &Value::Null).1
    }
}

fn text(made: &Value, name: &str) -> String {
    made[name].as_str().unwrap_or_else(|| panic!("control answered {made}")).to_owned()
}
