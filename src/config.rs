//! Every setting, its default, and where it comes from; the only reader of the environment.
//!
//! Settings are read when a database path is opened, so that a process may serve several databases by changing the
//! environment between opens. The environment wins over `liteflare.toml`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;

mod r2;

pub use r2::{MappedFolder, R2Keys, R2Settings};

/// A missing or wrong setting; the message names it and says what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SettingError {
    /// A setting without a default that nobody gave.
    #[error("{name} is not set: {hint} (environment, or `{key}` in liteflare.toml)")]
    Missing {
        /// The environment variable.
        name: &'static str,
        /// The key in `liteflare.toml`.
        key: &'static str,
        /// What belongs there.
        hint: &'static str,
    },
    /// A setting whose value cannot be understood.
    #[error("{name}={value:?} is wrong: {reason}")]
    Wrong {
        /// The environment variable.
        name: &'static str,
        /// What was found.
        value: String,
        /// What is expected.
        reason: String,
    },
    /// `liteflare.toml` cannot be read.
    #[error("{path}: {reason}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// A value that must not reach a log: its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Secret {
        Secret(value.into())
    }

    /// The secret itself, for the one header it belongs in.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

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

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    db: Option<String>,
    account_id: Option<String>,
    api_token: Option<String>,
    d1_database: Option<String>,
    d1_api: Option<String>,
    refresh: Option<String>,
    timeout: Option<String>,
    log: Option<String>,
    r2_bucket: Option<String>,
    r2_endpoint: Option<String>,
    r2_access_key_id: Option<String>,
    r2_secret_access_key: Option<String>,
    r2_paths: Option<String>,
}

const DEFAULT_API: &str = "https://api.cloudflare.com/client/v4";

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `LITEFLARE_ROOT`, else `INVOKEAI_ROOT`, else `~/invokeai`.
pub fn root() -> PathBuf {
    let home = || PathBuf::from(env("HOME").unwrap_or_else(|| "/".into())).join("invokeai");
    env("LITEFLARE_ROOT").or_else(|| env("INVOKEAI_ROOT")).map_or_else(home, PathBuf::from)
}

/// `LITEFLARE_LOG`, a `tracing` filter.
pub fn log_filter() -> String {
    env("LITEFLARE_LOG").or_else(|| file().ok()?.log).unwrap_or_else(|| "warn".into())
}

fn file() -> Result<Config, SettingError> {
    let named = env("LITEFLARE_CONFIG").map(PathBuf::from);
    let path = named.clone().unwrap_or_else(|| root().join("liteflare.toml"));
    let wrong = |reason: String| SettingError::File { path: path.clone(), reason };
    match std::fs::read_to_string(&path) {
        Ok(text) => toml::from_str(&text).map_err(|error| wrong(error.to_string().trim_end().to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => Ok(Config::default()),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// Whether `path` (absolute) is a database that belongs on D1: `LITEFLARE_DB`, an absolute path or a glob, several
/// separated by `:`; by default `ROOT/databases/invokeai.db`.
pub fn serves(path: &Path) -> bool {
    let patterns = env("LITEFLARE_DB").or_else(|| file().ok()?.db);
    let Some(patterns) = patterns else {
        let default = root().join("databases").join("invokeai.db");
        return path == default || path == resolved(&default);
    };
    patterns.split(':').any(|pattern| {
        let literal = Path::new(pattern);
        path == literal || path == resolved(literal) || glob(pattern).is_some_and(|glob| glob.is_match(path))
    })
}

/// SQLite resolves symbolic links before it opens a file, so patterns are compared that way too.
fn resolved(path: &Path) -> PathBuf {
    let whole = path.canonicalize().ok();
    let by_parent = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    whole.or_else(by_parent).unwrap_or_else(|| path.to_path_buf())
}

fn glob(pattern: &str) -> Option<GlobMatcher> {
    Some(GlobBuilder::new(pattern).literal_separator(true).build().ok()?.compile_matcher())
}

impl Settings {
    /// Reads the environment and `liteflare.toml`.
    pub fn load() -> Result<Settings, SettingError> {
        let file = file()?;
        let api = api(&file)?;
        Ok(Settings {
            account: need(
                "CLOUDFLARE_ACCOUNT_ID",
                "account_id",
                file.account_id,
                "the account's id, from the Cloudflare dashboard",
            )?,
            token: Secret(need(
                "CLOUDFLARE_API_TOKEN",
                "api_token",
                file.api_token,
                "an API token that may edit D1, from the Cloudflare dashboard",
            )?),
            database: need(
                "LITEFLARE_D1_DATABASE",
                "d1_database",
                file.d1_database,
                "the D1 database's UUID or name (`wrangler d1 list` shows them)",
            )?,
            api,
            refresh: refresh(env("LITEFLARE_REFRESH").or(file.refresh))?,
            timeout: duration("LITEFLARE_TIMEOUT", env("LITEFLARE_TIMEOUT").or(file.timeout), Duration::from_secs(30))?,
        })
    }
}

fn need(
    name: &'static str,
    key: &'static str,
    from_file: Option<String>,
    hint: &'static str,
) -> Result<String, SettingError> {
    env(name).or(from_file).ok_or(SettingError::Missing { name, key, hint })
}

/// `LITEFLARE_D1_API`, without a slash at its end.
fn api(config: &Config) -> Result<String, SettingError> {
    let name = "LITEFLARE_D1_API";
    url(name, env(name).or_else(|| config.d1_api.clone()).unwrap_or_else(|| DEFAULT_API.into()))
}

fn url(name: &'static str, value: String) -> Result<String, SettingError> {
    if !(value.starts_with("http://") || value.starts_with("https://")) {
        let reason = "a URL that starts with https:// (or http:// for a local cloud)".to_string();
        return Err(SettingError::Wrong { name, value, reason });
    }
    Ok(value.trim_end_matches('/').to_string())
}

fn refresh(value: Option<String>) -> Result<Refresh, SettingError> {
    match value.as_deref() {
        Some("always") => Ok(Refresh::Always),
        Some("never") => Ok(Refresh::Never),
        _ => duration("LITEFLARE_REFRESH", value, Duration::from_secs(1)).map(Refresh::Every),
    }
}

fn duration(name: &'static str, value: Option<String>, default: Duration) -> Result<Duration, SettingError> {
    let Some(value) = value else { return Ok(default) };
    let also = if name == "LITEFLARE_REFRESH" { ", `always` or `never`" } else { "" };
    humantime::parse_duration(&value).map_err(|_| SettingError::Wrong {
        name,
        value,
        reason: format!("a duration such as `1s` or `500ms`{also}"),
    })
}
