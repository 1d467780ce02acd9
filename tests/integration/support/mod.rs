//! What the tests share: the two clouds, ways to ask their databases and buckets, and a network that fails on command.
//!
//! Both clouds get every test body: the embedded one (`liteflare::dev`, in this process) and Cloudflare's own engine (workerd,
//! `tests/clouds/workerd.mjs`). workerd is taken from the environment when the test script started one
//! (`LITEFLARE_TEST_WORKERD_API`, `LITEFLARE_TEST_WORKERD_TOKEN`, `LITEFLARE_TEST_CONTROL`), else started once per test process.
//! `LITEFLARE_TEST_CLOUDS=embedded` (or `workerd`) leaves the other one out.

pub mod app;
mod bucket;
mod cloud;
mod db;
mod proxy;
mod wire;

pub use bucket::{BucketRef, Signed};
pub use cloud::{Cloud, TestCloud, clouds};
pub use db::{D1Error, DbRef, send};
pub use proxy::{Fault, Proxy};
