//! Every setting, its default, and where it comes from; the only reader of the environment.
//!
//! ```text
//! table ──► source (environment, liteflare.toml) ──► Settings, R2Settings, serves
//!                                              └───► describe
//! ```
//! Settings are read when a database path is opened, so that a process may serve several databases by changing the
//! environment between opens. The environment wins over `liteflare.toml`.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

mod describe;
mod error;
mod glance;
mod kind;
mod mask;
mod names;
mod r2;
mod secret;
mod served;
mod source;
pub mod table;

pub use describe::{Described, describe};
pub use error::SettingError;
pub use glance::{Glance, database_glances};
pub use mask::masked;
pub use names::misspelt;
pub use r2::{INHERITED, MappedFolder, R2Keys, R2Settings, inherited_files, is_on, mapped_folders};
pub use secret::Secret;
pub use served::{default_path, named_paths, serves};
use source::env;
pub use source::{Found, Origin, Source};

/// When a replica looks for commits of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// Each read transaction asks D1 first.
    Always,
    /// At most this often, while the database is in use.
    Every(Duration),
    /// Only on a conflict and on `liteflare_sync()`.
    Never,
}

impl Refresh {
    /// Whether what was learned so long ago may still be relied on without asking.
    pub fn covers(self, age: Duration) -> bool {
        match self {
            Refresh::Always => false,
            Refresh::Every(interval) => age <= interval,
            Refresh::Never => true,
        }
    }
}

/// What it takes to serve one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `CLOUDFLARE_ACCOUNT_ID`.
    pub account: String,
    /// `CLOUDFLARE_API_TOKEN`.
    pub token: Secret,
    /// `LITEFLARE_D1_DATABASE`: a UUID or a name.
    pub database: String,
    /// `LITEFLARE_D1_API`, without a slash at its end.
    pub api: String,
    /// `LITEFLARE_REFRESH`.
    pub refresh: Refresh,
    /// `LITEFLARE_TIMEOUT`: the deadline for one commit.
    pub timeout: Duration,
}

impl Settings {
    /// Reads the environment and `liteflare.toml`.
    pub fn load() -> Result<Settings, SettingError> {
        let source = Source::read()?;
        let api = source.api()?;
        Ok(Settings {
            account: source.need(&table::ACCOUNT)?.text,
            token: source.need_secret(&table::TOKEN, table::TOKEN.hint)?,
            database: source.need(&table::DATABASE)?.text,
            api,
            refresh: source.need(&table::REFRESH)?.parse(kind::refresh)?,
            timeout: source.timeout()?,
        })
    }
}

impl Source {
    /// `LITEFLARE_D1_API`, without a slash at its end.
    pub fn api(&self) -> Result<String, SettingError> {
        self.need(&table::API)?.url()
    }

    /// `LITEFLARE_TIMEOUT`.
    pub fn timeout(&self) -> Result<Duration, SettingError> {
        self.need(&table::TIMEOUT)?.parse(kind::duration)
    }
}

/// The root that a command was told.
static TOLD_ROOT: OnceLock<PathBuf> = OnceLock::new();

/// Makes `root` the application's folder for the rest of this process, whatever the environment says: a command's `--root`.
/// The first call counts.
pub fn use_root(root: PathBuf) {
    let absolute = std::path::absolute(&root).unwrap_or(root);
    let _ = TOLD_ROOT.set(absolute); // set already: the first call counts
}

/// The application's folder: that of [`use_root`], `LITEFLARE_ROOT`, else `INVOKEAI_ROOT`, else `~/invokeai`.
pub fn root() -> PathBuf {
    root_and_origin().0
}

fn root_and_origin() -> (PathBuf, Origin) {
    if let Some(root) = TOLD_ROOT.get() {
        return (root.clone(), Origin::Argument);
    }
    for name in [table::ROOT.name, "INVOKEAI_ROOT"] {
        if let Some(root) = env(name) {
            return (root.into(), Origin::Environment(name));
        }
    }
    (PathBuf::from(env("HOME").unwrap_or_else(|| "/".into())).join("invokeai"), Origin::Default)
}

/// `LITEFLARE_LOG`, a `tracing` filter.
pub fn log_filter() -> String {
    let given = env(table::LOG.name).or_else(|| Some(Source::read_all().0.given(&table::LOG)?.text));
    given.unwrap_or_else(|| "warn".into())
}
