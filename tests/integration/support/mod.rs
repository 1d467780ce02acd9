//! What the tests share: the two clouds, ways to ask their databases and buckets, an application with files that are served from
//! them, and a network that fails on command.
//!
//! Both clouds get every test body: the embedded one (`liteflare::dev`, in this process) and Cloudflare's own engine (workerd,
//! `tests/clouds/workerd.mjs`). workerd is taken from the environment when somebody has started one
//! (`LITEFLARE_TEST_WORKERD_API`, `LITEFLARE_TEST_WORKERD_TOKEN`, `LITEFLARE_TEST_CONTROL`), else started once per test process.
//! (With `cargo nextest run` that is once per test: exporting what `workerd.mjs` prints saves seconds each time.) Where it is not
//! installed it is left out, which is said. `LITEFLARE_TEST_CLOUDS` (`embedded`, `workerd`, or both with a comma) names the clouds
//! that must be there.

mod app;
mod behind_relay;
mod bucket;
mod choice;
mod cloud;
mod db;
mod hostile;
mod process;
mod random;
mod relay;
mod workerd;

pub use app::{Folder, dump, open, settings};
pub use behind_relay::{AMPLE, App, values};
pub use bucket::{BucketRef, Signed};
pub use choice::SETTING as CLOUDS_SETTING;
pub use cloud::{Cloud, TestCloud, clouds};
pub use db::{D1Error, DbRef, send};
pub use hostile::{Hostile, Victim, ends};
pub use process::{alone, rerun};
pub use random::{rounds, seed};
pub use relay::{Answer, Fault, Relay, wire};
