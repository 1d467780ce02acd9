//! The table of all settings: what reading, checking and describing them go by.

use super::kind::Kind;

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The key in `liteflare.toml`; empty: it cannot stand there.
    pub key: &'static str,
    /// What a value must look like.
    pub kind: Kind,
    /// What holds when nobody gave a value.
    pub default: Fallback,
    /// What belongs there.
    pub hint: &'static str,
}

/// What holds when nobody gave a value.
#[derive(Clone, Copy, Debug)]
pub enum Fallback {
    /// This value.
    Value(&'static str),
    /// What follows from other settings, or nothing: in words.
    Words(&'static str),
}

/// InvokeAI's media folders and their prefixes.
const FOLDERS: &str = "outputs/images=images:outputs/videos=videos:style_presets/images=style_presets:\
                       workflow_thumbnails=workflow_thumbnails:models/model_images=model_images";

macro_rules! settings {
    ($($(#[$doc:meta])* $id:ident = $name:literal, $key:literal, $kind:ident, $default:expr, $hint:literal;)*) => {
        $($(#[$doc])* pub static $id: Setting =
            Setting { name: $name, key: $key, kind: Kind::$kind, default: $default, hint: $hint };)*
        /// All of them, in the order in which they are described.
        pub static ALL: &[&Setting] = &[$(&$id),*];
    };
}

use Fallback::{Value, Words};

settings! {
    /// The application's folder.
    ROOT = "LITEFLARE_ROOT", "", Text, Words("INVOKEAI_ROOT, else ~/invokeai"), "the application's folder";
    /// Another settings file.
    CONFIG = "LITEFLARE_CONFIG", "", Text, Words("liteflare.toml in the root"), "another place for liteflare.toml";
    /// The account.
    ACCOUNT = "CLOUDFLARE_ACCOUNT_ID", "account_id", Id, Words("none"), "the account's id, from the Cloudflare dashboard";
    /// The API token.
    TOKEN = "CLOUDFLARE_API_TOKEN", "api_token", Secret, Words("none"),
        "an API token that may edit D1, from the Cloudflare dashboard";
    /// The D1 database.
    DATABASE = "LITEFLARE_D1_DATABASE", "d1_database", Text, Words("none"),
        "the D1 database's UUID or name (`wrangler d1 list` shows them)";
    /// The base of the query API.
    API = "LITEFLARE_D1_API", "d1_api", Url, Value("https://api.cloudflare.com/client/v4"), "the base of D1's query API";
    /// Which files are databases on D1.
    DB = "LITEFLARE_DB", "db", Globs, Words("databases/invokeai.db in the root"), "databases kept in D1";
    /// When others' commits are seen.
    REFRESH = "LITEFLARE_REFRESH", "refresh", Refresh, Value("1s"), "how fresh reads are";
    /// The deadline of a commit.
    TIMEOUT = "LITEFLARE_TIMEOUT", "timeout", Duration, Value("30s"), "the deadline of one commit";
    /// The bucket.
    BUCKET = "LITEFLARE_R2_BUCKET", "r2_bucket", Text, Words("none: files stay local"), "the R2 bucket";
    /// Where the bucket is.
    ENDPOINT = "LITEFLARE_R2_ENDPOINT", "r2_endpoint", Url, Words("none"), "R2's S3 endpoint";
    /// The S3 key's id.
    KEY_ID = "R2_ACCESS_KEY_ID", "r2_access_key_id", Text, Words("none"), "it goes with the other half of the R2 key pair";
    /// The S3 key's secret.
    KEY_SECRET = "R2_SECRET_ACCESS_KEY", "r2_secret_access_key", Secret, Words("none"),
        "it goes with the other half of the R2 key pair";
    /// The folders in R2.
    PATHS = "LITEFLARE_R2_PATHS", "r2_paths", Folders, Value(FOLDERS), "folders kept in R2";
    /// The log filter.
    LOG = "LITEFLARE_LOG", "log", Text, Value("warn"), "what is logged to stderr";
    /// Another library for Python.
    LIBRARY = "LITEFLARE_LIBRARY", "", Text, Words("the installed one"), "another library for Python to load";
}

/// Variables that begin like settings and are none: the hook's own, and those of the scripts and tests of this project.
pub(super) const OTHERS: [&str; 4] = [super::INHERITED, "LITEFLARE_BIN", "LITEFLARE_VENV", "LITEFLARE_SEED"];
