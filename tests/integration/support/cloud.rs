//! The clouds a test runs against.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use liteflare::dev;
use liteflare::r2::Requests;

use super::bucket::BucketRef;
use super::choice;
use super::db::DbRef;
use super::workerd::Workerd;

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
///
/// # Panics
/// When one that `LITEFLARE_TEST_CLOUDS` names cannot be had.
pub fn clouds() -> Vec<TestCloud> {
    static KINDS: OnceLock<Vec<Cloud>> = OnceLock::new();
    let kinds = KINDS.get_or_init(|| choice::of_this_run().unwrap_or_else(|error| panic!("{error}")));
    kinds.iter().map(|kind| TestCloud::start(*kind)).collect()
}

impl TestCloud {
    fn start(kind: Cloud) -> TestCloud {
        match kind {
            Cloud::Embedded => TestCloud::embedded(),
            Cloud::Workerd => TestCloud::workerd(),
        }
    }

    /// A fresh cloud in this process.
    pub fn embedded() -> TestCloud {
        let cloud = dev::Cloud::start(&dev::CloudOptions::default()).expect("the embedded cloud starts");
        TestCloud { kind: Cloud::Embedded, inner: Inner::Embedded(Box::new(cloud)) }
    }

    /// workerd, shared by all tests of this process.
    fn workerd() -> TestCloud {
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
