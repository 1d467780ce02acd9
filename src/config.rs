//! Every setting, its default, and where it comes from; the only reader of the environment.
//!
//! Settings are read when a database path is opened, so that a process may serve several databases by changing the
//! environment between opens. The environment wins over `liteflare.toml`.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use globset::GlobBuilder;
use serde::{Deserialize, Deserializer};

mod r2;

pub use r2::{INHERITED, MappedFolder, R2Keys, R2Settings, inherited_files, is_on, mapped_folders};

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
    #[error("{name}={value:?} is wrong: expected {expected}")]
    Wrong {
        /// The environment variable.
        name: &'static str,
        /// What was found.
        value: String,
        /// What is expected.
        expected: String,
    },
    /// A secret that cannot be one. The message does not show it.
    #[error("{name} is wrong: {problem}; copy it again")]
    WrongSecret {
        /// The environment variable.
        name: &'static str,
        /// What it has that it cannot have.
        problem: &'static str,
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

impl<'de> Deserialize<'de> for Secret {
    /// As a string; the error does not repeat what was found.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        let wrong = |_| serde::de::Error::custom("invalid type, expected a string");
        String::deserialize(from).map(Secret).map_err(wrong)
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
    api_token: Option<Secret>,
    d1_database: Option<String>,
    d1_api: Option<String>,
    refresh: Option<String>,
    timeout: Option<String>,
    log: Option<String>,
    r2_bucket: Option<String>,
    r2_endpoint: Option<String>,
    r2_access_key_id: Option<String>,
    r2_secret_access_key: Option<Secret>,
    r2_paths: Option<String>,
}

const DEFAULT_API: &str = "https://api.cloudflare.com/client/v4";

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The root that a command was given.
static ROOT: OnceLock<PathBuf> = OnceLock::new();

/// Takes `root` (absolute) for the application's root, whatever the environment says. For commands, before they read settings.
pub fn use_root(root: PathBuf) {
    let _ = ROOT.set(root); // a command has one
}

/// `LITEFLARE_ROOT`, else `INVOKEAI_ROOT`, else `~/invokeai`.
pub fn root() -> PathBuf {
    if let Some(root) = ROOT.get() {
        return root.clone();
    }
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
        Ok(text) => toml::from_str(&text).map_err(|error| wrong(in_one_line(&text, &error))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => Ok(Config::default()),
        Err(error) if named.is_some() => Err(wrong(format!("{error} (LITEFLARE_CONFIG names this file)"))),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// Where and what, without the line itself, which toml's own message shows: a token may stand there.
fn in_one_line(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!("line {}: {}", before.matches('\n').count() + 1, error.message())
}

/// Whether `path` (absolute) is a database that belongs on D1: `LITEFLARE_DB`, an absolute path or a glob, several
/// separated by `:`; by default `ROOT/databases/invokeai.db`. An error when that cannot be told.
pub fn serves(path: &Path) -> Result<bool, SettingError> {
    let resolved_path = resolved(path);
    let patterns = match env("LITEFLARE_DB") {
        Some(patterns) => patterns,
        None => match file()?.db {
            Some(patterns) => patterns,
            None => return Ok(resolved_path == resolved(&root().join("databases").join("invokeai.db"))),
        },
    };
    for pattern in patterns.split(':') {
        let literal = Path::new(pattern);
        if resolved_path == resolved(literal) {
            return Ok(true);
        }
        match glob(pattern) {
            Ok(glob) if glob.is_match(&resolved_path) => return Ok(true),
            Ok(_) => {}
            Err(_) if literal.is_absolute() && literal.parent().is_some_and(Path::is_dir) => {} // a path with a `[` in it
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Without symbolic links, which may lead to the same file on several ways. A file that does not exist yet has a folder that does.
fn resolved(path: &Path) -> PathBuf {
    let whole = path.canonicalize().ok();
    let by_parent = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    whole.or_else(by_parent).unwrap_or_else(|| path.to_path_buf())
}

/// The folders before the first `*` and the like are resolved as those of a path are.
fn glob(pattern: &str) -> Result<globset::GlobMatcher, SettingError> {
    let wrong = |problem: &str| SettingError::Wrong {
        name: "LITEFLARE_DB",
        value: pattern.to_string(),
        expected: format!("an absolute path or a glob{problem}"),
    };
    if !pattern.starts_with('/') {
        return Err(wrong(""));
    }
    let special = pattern.find(['*', '?', '[', '{', '\\']).unwrap_or(pattern.len());
    let (folder, rest) = pattern.split_at(pattern[..special].rfind('/').unwrap_or(0));
    let folder = globset::escape(&resolved(Path::new(folder)).to_string_lossy());
    let glob = GlobBuilder::new(&format!("{folder}{rest}")).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| wrong(&format!(" ({})", error.kind())))
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
            token: token(need(
                "CLOUDFLARE_API_TOKEN",
                "api_token",
                file.api_token.map(|token| token.0),
                "an API token that may edit D1, from the Cloudflare dashboard",
            )?)?,
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

/// A token that no HTTP header can carry would fail at every request, and look like a broken network.
fn token(value: String) -> Result<Secret, SettingError> {
    if value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Secret(value));
    }
    let problem = "it has a space, a line break or a letter beyond ASCII in it";
    Err(SettingError::WrongSecret { name: "CLOUDFLARE_API_TOKEN", problem })
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
    let url = reqwest::Url::parse(&value);
    if !url.is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host()) {
        let expected = "a URL that starts with https:// (or http:// for a local cloud)".to_string();
        return Err(SettingError::Wrong { name, value, expected });
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

/// A duration of 0 would give no request the time to be answered.
fn duration(name: &'static str, value: Option<String>, default: Duration) -> Result<Duration, SettingError> {
    let Some(value) = value else { return Ok(default) };
    let also = if name == "LITEFLARE_REFRESH" { ", `always` or `never`" } else { "" };
    match humantime::parse_duration(&value) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(SettingError::Wrong { name, value, expected: format!("a duration such as `1s` or `500ms`{also}") }),
    }
}
