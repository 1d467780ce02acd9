//! The table of all settings: what reading, checking and describing them go by.

use std::ops::Deref;
use std::time::Duration;

use super::env::INHERITED;
use super::error::SettingError;
use super::folders::MappedFolder;
use super::form::{self, Form, Privacy, Problem};
use super::globs::Globs;
use super::refresh::Refresh;
use super::root;
use super::secret::Sealed;

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The key in `liteflare.toml`; empty: it cannot stand there.
    pub key: &'static str,
    /// What holds when nobody gave a value.
    pub default: Fallback,
    /// What belongs there.
    pub hint: &'static str,
    /// Whether a value has the form it must have.
    pub(super) check: fn(&str) -> Result<(), Problem>,
    /// What messages may repeat of a value.
    pub(super) privacy: Privacy,
}

impl Setting {
    /// The error that nobody gave it.
    pub(super) fn missing(&self, hint: &'static str) -> SettingError {
        SettingError::Missing { name: self.name, key: self.key, hint }
    }
}

/// A setting and the form of its values.
pub struct Typed<T> {
    setting: Setting,
    pub(super) form: Form<T>,
}

impl<T> Deref for Typed<T> {
    type Target = Setting;

    fn deref(&self) -> &Setting {
        &self.setting
    }
}

/// What holds when nobody gave a value.
#[derive(Clone, Copy, Debug)]
pub enum Fallback {
    /// This value.
    Value(&'static str),
    /// What follows from other settings, or nothing: in words.
    Words(&'static str),
}

macro_rules! settings {
    ($($(#[$doc:meta])* $visibility:vis $id:ident: $type:ty = $name:expr, $key:literal, $form:expr, $default:expr, $hint:literal;)*) => {
        $($(#[$doc])* $visibility static $id: Typed<$type> = Typed {
            setting: Setting {
                name: $name,
                key: $key,
                default: $default,
                hint: $hint,
                check: |text| ($form.parse)(text).map(drop),
                privacy: $form.privacy,
            },
            form: $form,
        };)*
        /// All of them, in the order in which they are described.
        pub static ALL: &[&Setting] = &[$(&$id.setting),*];
    };
}

use Fallback::{Value, Words};

settings! {
    /// The application's folder.
    pub ROOT: String = root::VARIABLE, "", form::TEXT, Words("the application's own"), "the application's folder";
    /// Another settings file.
    pub CONFIG: String = "LITEFLARE_CONFIG", "", form::TEXT, Words("liteflare.toml in the root"),
        "another place for liteflare.toml";
    /// The account.
    pub ACCOUNT: String = "CLOUDFLARE_ACCOUNT_ID", "account_id", form::ID, Words("none"),
        "the account's id, from the Cloudflare dashboard";
    /// The API token.
    pub TOKEN: Sealed = "CLOUDFLARE_API_TOKEN", "api_token", form::SECRET, Words("none"),
        "an API token that may edit D1, from the Cloudflare dashboard";
    /// The D1 database.
    pub DATABASE: String = "LITEFLARE_D1_DATABASE", "d1_database", form::TEXT, Words("none"),
        "the D1 database's UUID or name (`wrangler d1 list` shows them)";
    /// The base of the query API.
    pub API: String = "LITEFLARE_D1_API", "d1_api", form::URL, Value("https://api.cloudflare.com/client/v4"),
        "the base of D1's query API";
    /// Whether endpoints on other machines may be used over http.
    pub(super) ALLOW_HTTP: bool = "LITEFLARE_ALLOW_HTTP", "allow_http", form::SWITCH, Value("no"),
        "whether http:// may lead to other machines";
    /// Which files are databases on D1.
    pub(super) DB: Globs = "LITEFLARE_DB", "db", form::GLOBS, Words("the application's own"),
        "databases kept in D1";
    /// When others' commits are seen.
    pub REFRESH: Refresh = "LITEFLARE_REFRESH", "refresh", form::REFRESH, Value("1s"), "how fresh reads are";
    /// The deadline of a commit.
    pub TIMEOUT: Duration = "LITEFLARE_TIMEOUT", "timeout", form::DURATION, Value("30s"), "the deadline of one commit";
    /// The bucket.
    pub BUCKET: String = "LITEFLARE_R2_BUCKET", "r2_bucket", form::TEXT, Words("none: files stay local"), "the R2 bucket";
    /// Where the bucket is.
    pub ENDPOINT: String = "LITEFLARE_R2_ENDPOINT", "r2_endpoint", form::URL, Words("none"), "R2's S3 endpoint";
    /// The S3 key's id.
    pub KEY_ID: String = "R2_ACCESS_KEY_ID", "r2_access_key_id", form::TEXT, Words("none"),
        "it goes with the other half of the R2 key pair";
    /// The S3 key's secret.
    pub KEY_SECRET: Sealed = "R2_SECRET_ACCESS_KEY", "r2_secret_access_key", form::SECRET, Words("none"),
        "it goes with the other half of the R2 key pair";
    /// The folders in R2.
    pub PATHS: Vec<MappedFolder> = "LITEFLARE_R2_PATHS", "r2_paths", form::FOLDERS, Words("the application's own"),
        "folders kept in R2";
    /// The log filter.
    pub LOG: String = "LITEFLARE_LOG", "log", form::TEXT, Value("warn"), "what is logged to stderr";
    /// Another library for Python.
    pub LIBRARY: String = "LITEFLARE_LIBRARY", "", form::TEXT, Words("the installed one"),
        "another library for Python to load";
}

/// Those whose values nobody may see.
pub fn secrets() -> impl Iterator<Item = &'static Setting> {
    ALL.iter().copied().filter(|setting| setting.privacy == Privacy::Secret)
}

/// Variables that begin like settings and are none: the hook's own, and those of the scripts and tests of this project.
pub(super) const OTHERS: [&str; 4] = [INHERITED, "LITEFLARE_BIN", "LITEFLARE_VENV", "LITEFLARE_SEED"];
