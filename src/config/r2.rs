//! The settings of the files: which bucket, which keys, which folders.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Config, Refresh, Secret, SettingError, api, duration, env, file, need, refresh, root, token, url};

/// InvokeAI's media folders and their prefixes.
const FOLDERS: &str = "outputs/images=images:outputs/videos=videos:style_presets/images=style_presets:\
                       workflow_thumbnails=workflow_thumbnails:models/model_images=model_images";

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
        let config = file()?;
        let Some(bucket) = env("LITEFLARE_R2_BUCKET").or_else(|| config.r2_bucket.clone()) else { return Ok(None) };
        Ok(Some(R2Settings {
            bucket,
            endpoint: endpoint(&config)?,
            keys: keys(&config)?,
            folders: folders(env("LITEFLARE_R2_PATHS").or(config.r2_paths), &root())?,
            refresh: refresh(env("LITEFLARE_REFRESH").or(config.refresh))?,
            timeout: duration(
                "LITEFLARE_TIMEOUT",
                env("LITEFLARE_TIMEOUT").or(config.timeout),
                Duration::from_secs(30),
            )?,
        }))
    }
}

/// The folders that the path hook redirects: none without a bucket. Settings that cannot be understood map InvokeAI's folders, so
/// that every operation there fails with the error's name instead of going to the disk.
pub fn mapped_folders() -> Vec<MappedFolder> {
    let read = || -> Result<Vec<MappedFolder>, SettingError> {
        let config = file()?;
        match env("LITEFLARE_R2_BUCKET").or(config.r2_bucket) {
            Some(_) => folders(env("LITEFLARE_R2_PATHS").or(config.r2_paths), &root()),
            None => Ok(Vec::new()),
        }
    };
    read().or_else(|_| folders(None, &root())).unwrap_or_default()
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

fn endpoint(config: &Config) -> Result<String, SettingError> {
    let name = "LITEFLARE_R2_ENDPOINT";
    if let Some(value) = env(name).or_else(|| config.r2_endpoint.clone()) {
        return url(name, value);
    }
    let hint = "the account's id, from the Cloudflare dashboard (or LITEFLARE_R2_ENDPOINT)";
    let account = need("CLOUDFLARE_ACCOUNT_ID", "account_id", config.account_id.clone(), hint)?;
    Ok(format!("https://{account}.r2.cloudflarestorage.com"))
}

fn keys(config: &Config) -> Result<R2Keys, SettingError> {
    let id = env("R2_ACCESS_KEY_ID").or_else(|| config.r2_access_key_id.clone());
    let secret = env("R2_SECRET_ACCESS_KEY").map(Secret::new).or_else(|| config.r2_secret_access_key.clone());
    if id.is_none() && secret.is_none() {
        let hint = "an API token that may edit R2, from the Cloudflare dashboard (or R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY)";
        let from_file = config.api_token.clone().map(|token| token.0);
        let token = token(need("CLOUDFLARE_API_TOKEN", "api_token", from_file, hint)?)?;
        return Ok(R2Keys::OfToken { api: api(config)?, token });
    }
    let hint = "it goes with the other half of the R2 key pair";
    let id = id.ok_or(SettingError::Missing { name: "R2_ACCESS_KEY_ID", key: "r2_access_key_id", hint })?;
    let secret =
        secret.ok_or(SettingError::Missing { name: "R2_SECRET_ACCESS_KEY", key: "r2_secret_access_key", hint })?;
    Ok(R2Keys::Given { id, secret })
}

fn folders(value: Option<String>, root: &Path) -> Result<Vec<MappedFolder>, SettingError> {
    let value = value.unwrap_or_else(|| FOLDERS.to_string());
    let wrong = |expected: String| SettingError::Wrong { name: "LITEFLARE_R2_PATHS", value: value.clone(), expected };
    let mut folders: Vec<MappedFolder> = Vec::new();
    for entry in value.split(':').filter(|entry| !entry.is_empty()) {
        let folder = folder(entry, root).ok_or_else(|| wrong(format!("`folder=prefix` instead of {entry:?}")))?;
        // One file must not have two keys, nor one key two files.
        let clash = |other: &&MappedFolder| {
            nested(Path::new(&other.prefix), Path::new(&folder.prefix)) || nested(&other.dir, &folder.dir)
        };
        if let Some(other) = folders.iter().find(clash) {
            return Err(wrong(format!(
                "folders apart: {entry:?} and {}={} overlap",
                other.dir.display(),
                other.prefix
            )));
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
        folders(Some(value.to_string()), Path::new("/app")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_folders_are_invokeais() {
        let folders = folders(None, Path::new("/app")).unwrap();
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
    fn wrong_folders_are_refused_by_name() {
        for value in ["images", "images=", "=images", "a=x:b=x", "a=x:b=x/y", "a=x:a/b=y", "a=../x"] {
            let error = read(value).unwrap_err();
            assert!(error.starts_with("LITEFLARE_R2_PATHS="), "{value}: {error}");
        }
        assert!(read("a=x:ab=xy").is_ok(), "a common beginning is no overlap");
    }
}
