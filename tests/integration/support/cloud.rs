//! The clouds a test runs against.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use liteflare::dev;
use liteflare::r2::Requests;
use serde_json::Value;

use super::bucket::BucketRef;
use super::db::{self, DbRef};

/// Which engine answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// `liteflare::dev`.
    Embedded,
    /// Cloudflare's runtime with the real D1 engine.
    Workerd,
}

/// A running cloud. The embedded one ends with it.
pub struct TestCloud {
    pub kind: Cloud,
    inner: Inner,
}

enum Inner {
    Embedded(Box<dev::Cloud>),
    Workerd(&'static Workerd),
}

/// Every cloud this run is to cover.
pub fn clouds() -> Vec<TestCloud> {
    let wanted = std::env::var("LITEFLARE_TEST_CLOUDS").unwrap_or_else(|_| "embedded,workerd".to_owned());
    wanted
        .split(',')
        .map(|name| if name.trim() == "workerd" { TestCloud::workerd() } else { TestCloud::embedded() })
        .collect()
}

impl TestCloud {
    /// A fresh cloud in this process.
    pub fn embedded() -> TestCloud {
        let cloud = dev::Cloud::start(&dev::Options::default()).expect("the embedded cloud starts");
        TestCloud { kind: Cloud::Embedded, inner: Inner::Embedded(Box::new(cloud)) }
    }

    /// workerd, shared by all tests of this process.
    pub fn workerd() -> TestCloud {
        static WORKERD: OnceLock<Workerd> = OnceLock::new();
        let workerd = WORKERD.get_or_init(|| Workerd::from_environment().unwrap_or_else(Workerd::start));
        TestCloud { kind: Cloud::Workerd, inner: Inner::Workerd(workerd) }
    }

    /// A new, empty database.
    pub fn create_database(&self) -> DbRef {
        match &self.inner {
            Inner::Embedded(cloud) => embedded_database(cloud),
            Inner::Workerd(workerd) => workerd.create_database(),
        }
    }

    /// A new, empty bucket.
    pub fn create_bucket(&self) -> BucketRef {
        match &self.inner {
            Inner::Embedded(cloud) => embedded_bucket(cloud),
            Inner::Workerd(workerd) => workerd.create_bucket(),
        }
    }

    /// The S3 requests the embedded cloud has got; workerd does not count.
    pub fn s3_requests(&self) -> Option<Requests> {
        match &self.inner {
            Inner::Embedded(cloud) => Some(cloud.s3_requests()),
            Inner::Workerd(_) => None,
        }
    }

    /// The queries the embedded cloud has got for this database; workerd does not count.
    pub fn requests(&self, database: &DbRef) -> Option<u64> {
        match &self.inner {
            Inner::Embedded(cloud) => Some(cloud.requests(&database.database)),
            Inner::Workerd(_) => None,
        }
    }
}

fn embedded_database(cloud: &dev::Cloud) -> DbRef {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let database = cloud.create_database(&name).expect("the name is new");
    DbRef { api: cloud.api(), account: cloud.account.clone(), token: cloud.token.clone(), database }
}

fn embedded_bucket(cloud: &dev::Cloud) -> BucketRef {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let bucket = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
    cloud.create_bucket(&bucket).expect("the name is good");
    BucketRef {
        endpoint: cloud.s3_endpoint(),
        bucket,
        access_key: cloud.access_key_id.clone(),
        secret_key: cloud.secret_access_key.clone(),
    }
}

struct Workerd {
    account: String,
    token: String,
    control: String,
    /// It ends when its standard input closes, which the system does for us when this process ends, however it ends.
    _process: Option<Child>,
}

impl Workerd {
    fn from_environment() -> Option<Workerd> {
        std::env::var("LITEFLARE_TEST_WORKERD_API").ok()?;
        let get =
            |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} goes with LITEFLARE_TEST_WORKERD_API"));
        Some(Workerd {
            account: "test".to_owned(), // the gateway serves any
            token: get("LITEFLARE_TEST_WORKERD_TOKEN"),
            control: get("LITEFLARE_TEST_CONTROL"),
            _process: None,
        })
    }

    fn start() -> Workerd {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clouds");
        assert!(folder.join("node_modules").exists(), "workerd is not installed: npm ci --prefix tests/clouds");
        let mut process = Command::new("node")
            .arg(folder.join("workerd.mjs"))
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

    fn create_database(&self) -> DbRef {
        let made = self.hand_out("create");
        let get = |name: &str| text(&made, name);
        DbRef { api: get("api"), account: self.account.clone(), token: self.token.clone(), database: get("uuid") }
    }

    fn create_bucket(&self) -> BucketRef {
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
