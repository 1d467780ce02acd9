//! The settings of the files: which bucket, which keys, which folders.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::source::Source;
use super::{Refresh, Secret, SettingError, env, kind, root, table};

/// What it takes to keep files in one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct R2Settings {
    /// `LITEFLARE_R2_BUCKET`.
    pub bucket: String,
    /// `LITEFLARE_R2_ENDPOINT`, without a slash at its end.
    pub endpoint: String,
    /// What opens the bucket.
    pub keys: R2Keys,
    /// `LITEFLARE_R2_PATHS`.
    pub folders: Vec<MappedFolder>,
    /// `LITEFLARE_REFRESH`: how long what is known of an object is taken for true.
    pub refresh: Refresh,
    /// `LITEFLARE_TIMEOUT`: the deadline of one request, retries included.
    pub timeout: Duration,
}

/// An S3 key pair, or what it is derived from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum R2Keys {
    /// `R2_ACCESS_KEY_ID` and `R2_SECRET_ACCESS_KEY`.
    Given {
        /// The access key's id.
        id: String,
        /// Its secret.
        secret: Secret,
    },
    /// The pair that belongs to `CLOUDFLARE_API_TOKEN`.
    OfToken {
        /// `LITEFLARE_D1_API`, which tells the token's id.
        api: String,
        /// The account; a token may be an account's own, and is then known there only.
        account: Option<String>,
        /// The token.
        token: Secret,
    },
}

/// A folder of the host and the prefix its files have in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedFolder {
    /// Absolute.
    pub dir: PathBuf,
    /// Without a slash at either end; never empty.
    pub prefix: String,
}

impl R2Settings {
    /// Reads the environment and `liteflare.toml`. `None`: no bucket is set, files stay local.
    pub fn load() -> Result<Option<R2Settings>, SettingError> {
        let source = Source::read()?;
        let Some(bucket) = source.value(&table::BUCKET)? else { return Ok(None) };
        Ok(Some(R2Settings { bucket: bucket.text, ..R2Settings::without_bucket(&source)? }))
    }

    /// The same for a bucket that is still to be named.
    pub fn without_bucket(source: &Source) -> Result<R2Settings, SettingError> {
        Ok(R2Settings {
            bucket: String::new(),
            endpoint: endpoint(source)?,
            keys: keys(source)?,
            folders: source.need(&table::PATHS)?.parse(|value| folders(value, &root()))?,
            refresh: source.need(&table::REFRESH)?.parse(kind::refresh)?,
            timeout: source.timeout()?,
        })
    }
}

/// The folders that the path hook redirects: none without a bucket. Settings that cannot be understood map InvokeAI's folders, so
/// that every operation there fails with the error's name instead of going to the disk.
pub fn mapped_folders() -> Vec<MappedFolder> {
    let read = || -> Result<Vec<MappedFolder>, SettingError> {
        let source = Source::read()?;
        match source.value(&table::BUCKET)? {
            Some(_) => source.need(&table::PATHS)?.parse(|value| folders(value, &root())),
            None => Ok(Vec::new()),
        }
    };
    read().unwrap_or_else(|_| default_folders(&root()))
}

fn default_folders(root: &Path) -> Vec<MappedFolder> {
    match table::PATHS.default {
        table::Fallback::Value(value) => folders(value, root).unwrap_or_default(),
        table::Fallback::Words(_) => Vec::new(),
    }
}

/// Whether the process was started with liteflare switched on.
pub fn is_on() -> bool {
    env("LITEFLARE").as_deref() == Some("1")
}

/// Tells a program which of the files it inherits are in the bucket. Set by the path hook for child processes, not a setting.
pub const INHERITED: &str = "LITEFLARE_INHERITED";

/// What the parent process has said of the files this process inherits.
pub fn inherited_files() -> Option<String> {
    env(INHERITED)
}

fn endpoint(source: &Source) -> Result<String, SettingError> {
    if let Some(found) = source.value(&table::ENDPOINT)? {
        return found.url();
    }
    let hint = "the account's id, from the Cloudflare dashboard (or LITEFLARE_R2_ENDPOINT)";
    Ok(endpoint_of(&source.need_for(&table::ACCOUNT, hint)?.text))
}

/// R2's own endpoint for an account.
pub(super) fn endpoint_of(account: &str) -> String {
    format!("https://{account}.r2.cloudflarestorage.com")
}

fn keys(source: &Source) -> Result<R2Keys, SettingError> {
    let (id, secret) = (source.value(&table::KEY_ID)?, source.value(&table::KEY_SECRET)?);
    if id.is_none() && secret.is_none() {
        let hint = "an API token that may edit R2, from the Cloudflare dashboard (or R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY)";
        let token = source.need_secret(&table::TOKEN, hint)?;
        let account = source.value(&table::ACCOUNT)?.map(|found| found.text);
        return Ok(R2Keys::OfToken { api: source.api()?, account, token });
    }
    let id = source.need(&table::KEY_ID)?.text;
    Ok(R2Keys::Given { id, secret: source.need_secret(&table::KEY_SECRET, table::KEY_SECRET.hint)? })
}

/// The folders in a value of `LITEFLARE_R2_PATHS`. The error does not repeat it.
pub(super) fn folders(value: &str, root: &Path) -> Result<Vec<MappedFolder>, String> {
    let mut folders: Vec<MappedFolder> = Vec::new();
    for (index, entry) in value.split(':').filter(|entry| !entry.is_empty()).enumerate() {
        let at = index + 1;
        let folder = folder(entry, root).ok_or_else(|| format!("`folder=prefix` as entry {at}"))?;
        // One file must not have two keys, nor one key two files.
        let clash = |other: &MappedFolder| {
            nested(Path::new(&other.prefix), Path::new(&folder.prefix)) || nested(&other.dir, &folder.dir)
        };
        if let Some(other) = folders.iter().position(clash) {
            return Err(format!("folders and prefixes apart from each other: entries {} and {at} overlap", other + 1));
        }
        folders.push(folder);
    }
    Ok(folders)
}

fn folder(entry: &str, root: &Path) -> Option<MappedFolder> {
    let (dir, prefix) = entry.split_once('=')?;
    let prefix = prefix.trim_matches('/');
    let proper = |part: &str| !part.is_empty() && part != "." && part != "..";
    (!dir.is_empty() && prefix.split('/').all(proper))
        .then(|| MappedFolder { dir: root.join(dir).components().collect(), prefix: prefix.to_string() })
}

fn nested(a: &Path, b: &Path) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Vec<MappedFolder>, String> {
        folders(value, Path::new("/app"))
    }

    #[test]
    fn the_default_folders_are_invokeais() {
        let folders = default_folders(Path::new("/app"));
        assert_eq!(folders.len(), 5);
        assert_eq!(folders[0], MappedFolder { dir: "/app/outputs/images".into(), prefix: "images".into() });
        assert_eq!(folders[4], MappedFolder { dir: "/app/models/model_images".into(), prefix: "model_images".into() });
    }

    #[test]
    fn folders_are_relative_to_the_root_or_absolute() {
        let folders = read("a/b/=x/:/srv/media=deep/er").unwrap();
        assert_eq!(folders[0], MappedFolder { dir: "/app/a/b".into(), prefix: "x".into() });
        assert_eq!(folders[1], MappedFolder { dir: "/srv/media".into(), prefix: "deep/er".into() });
    }

    #[test]
    fn wrong_folders_are_refused_without_repeating_them() {
        for value in ["images", "images=", "=images", "a=../images"] {
            assert_eq!(read(value).unwrap_err(), "`folder=prefix` as entry 1", "{value}");
        }
        for value in ["a=x:b=x", "a=x:b=x/y", "a=x:a/b=y"] {
            assert!(read(value).unwrap_err().ends_with("entries 1 and 2 overlap"), "{value}");
        }
        assert!(read("a=x:ab=xy").is_ok(), "a common beginning is no overlap");
    }
}
