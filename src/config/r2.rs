//! The settings of the files: which bucket, which keys, which folders.

use std::path::PathBuf;
use std::time::Duration;

use super::access::{Access, Endpoint};
use super::application::Application;
use super::error::SettingError;
use super::folders::{self, MappedFolder};
use super::refresh::Refresh;
use super::source::Source;
use super::table;
use crate::invokeai::{self, MEDIA, Media};

/// What it takes to keep files in one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct R2Settings {
    /// `LITEFLARE_R2_BUCKET`.
    pub bucket: String,
    /// Where the bucket is, and what opens it there.
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
        /// `LITEFLARE_R2_ENDPOINT`, with the key's secret.
        bucket: Access,
    },
    /// The pair that belongs to `CLOUDFLARE_API_TOKEN`.
    OfToken {
        /// `LITEFLARE_R2_ENDPOINT`, with the token, of which the key's secret is made.
        bucket: Access,
        /// `LITEFLARE_D1_API`, which tells the token's id, with the token.
        api: Access,
        /// The account; a token may be an account's own, and is then known there only.
        account: Option<String>,
    },
}

impl R2Keys {
    /// `LITEFLARE_R2_ENDPOINT`, without a slash at its end.
    pub fn endpoint(&self) -> &str {
        match self {
            R2Keys::Given { bucket, .. } | R2Keys::OfToken { bucket, .. } => bucket.endpoint(),
        }
    }
}

impl R2Settings {
    /// Reads the environment and `liteflare.toml`. `None`: no bucket is set, files stay local.
    pub fn load() -> Result<Option<R2Settings>, SettingError> {
        R2Settings::of(&Source::read()?)
    }

    /// The same of settings that were read already.
    pub fn of(source: &Source) -> Result<Option<R2Settings>, SettingError> {
        let Some(bucket) = source.value(&table::BUCKET)? else { return Ok(None) };
        R2Settings::with_bucket(source, bucket).map(Some)
    }

    /// The settings of this bucket, whichever they name.
    pub fn with_bucket(source: &Source, bucket: String) -> Result<R2Settings, SettingError> {
        Ok(R2Settings {
            bucket,
            keys: keys(source)?,
            folders: source.folders()?,
            refresh: source.need(&table::REFRESH)?,
            timeout: source.need(&table::TIMEOUT)?,
        })
    }
}

impl Source {
    /// Whether R2's endpoint, if one is given, may stand in one file with the secrets that are given: they would be sent there from
    /// then on.
    pub fn check_together(&self) -> Result<(), SettingError> {
        let Some(endpoint) = self.given(&table::ENDPOINT) else { return Ok(()) };
        let endpoint = self.endpoint(&endpoint, &table::ENDPOINT)?;
        table::secrets().filter_map(|setting| self.given(setting)).try_for_each(|secret| endpoint.admits(&secret))
    }

    /// The folders in R2. Those that nobody named are where the application's own configuration has them, or links sometimes, to another
    /// disk, or to what is none of the root's business.
    pub(super) fn folders(&self) -> Result<Vec<MappedFolder>, SettingError> {
        let own = self.application();
        if let Some(origin) = own.as_ref().ok().and_then(|own| own.keeps_database_in_memory()) {
            return Err(SettingError::MemoryDatabase { place: format!("{origin}: {}", invokeai::MEMORY_SETTING) });
        }
        if let Some(given) = self.value(&table::PATHS)? {
            return Ok(given);
        }
        let own = own?;
        let folders = own.folders();
        if let Some((one, other)) = folders::clash(&folders) {
            let [one, other] = [one, other].map(|at| folders[at].dir.display().to_string());
            let place = own.says_folders().map_or_else(String::new, ToString::to_string);
            let expected = format!("folders apart from each other: {one} and {other} overlap");
            return Err(SettingError::Wrong { place, expected });
        }
        if let Some(root) = self.confined_to() {
            folders.iter().try_for_each(|folder| root.check(&folder.dir))?;
        }
        Ok(folders)
    }

    /// The folders that the path hook redirects: none without a bucket. Settings that cannot be understood map the application's own
    /// folders, so that every operation there fails with the error's name instead of going to the disk.
    pub fn mapped_folders(&self) -> Vec<MappedFolder> {
        let own = || self.application_or_defaults().folders();
        if !self.problems.is_empty() {
            return own();
        }
        match self.value(&table::BUCKET) {
            Ok(None) => Vec::new(),
            Ok(Some(_)) => self.folders().unwrap_or_else(|_| own()),
            Err(_) => own(),
        }
    }

    /// What the settings file of the application's own root puts outside of that root, where nobody else has named it.
    pub fn led_outside(&self) -> Result<Vec<PathBuf>, SettingError> {
        let own = self.application()?;
        let database = own.database().0;
        let names_nothing = |path: &PathBuf| match *path == database {
            true => self.given(&table::DB).is_none(),
            false => self.given(&table::PATHS).is_none(),
        };
        Ok(own.led_outside().into_iter().filter(names_nothing).collect())
    }
}

/// Whether a bucket is set.
pub fn has_bucket() -> Result<bool, SettingError> {
    Ok(Source::read()?.value(&table::BUCKET)?.is_some())
}

/// Where the application keeps its media: the folder of each kind.
pub fn media_folders() -> Result<Vec<(&'static Media, PathBuf)>, SettingError> {
    let own = Application::read()?;
    Ok(MEDIA.iter().map(|media| (media, own.media(media))).collect())
}

fn endpoint(source: &Source) -> Result<Endpoint, SettingError> {
    if let Some(found) = source.given(&table::ENDPOINT) {
        return source.endpoint(&found, &table::ENDPOINT);
    }
    let hint = "the account's id, from the Cloudflare dashboard (or LITEFLARE_R2_ENDPOINT)";
    let account = source.value(&table::ACCOUNT)?.ok_or_else(|| table::ACCOUNT.missing(hint))?;
    Ok(Endpoint::derived(endpoint_of(&account), &table::ENDPOINT))
}

/// R2's own endpoint for an account.
pub(super) fn endpoint_of(account: &str) -> String {
    format!("https://{account}.r2.cloudflarestorage.com")
}

fn keys(source: &Source) -> Result<R2Keys, SettingError> {
    let endpoint = endpoint(source)?;
    match (source.value(&table::KEY_ID)?, source.given(&table::KEY_SECRET)) {
        (Some(id), Some(_)) => {
            let bucket = source.access(&endpoint, &table::KEY_SECRET, table::KEY_SECRET.hint)?;
            Ok(R2Keys::Given { id, bucket })
        }
        (Some(_), None) => Err(table::KEY_SECRET.missing(table::KEY_SECRET.hint)),
        (None, Some(_)) => Err(table::KEY_ID.missing(table::KEY_ID.hint)),
        (None, None) => {
            let hint = "an API token that may edit R2, from the Cloudflare dashboard (or R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY)";
            let bucket = source.access(&endpoint, &table::TOKEN, hint)?;
            Ok(R2Keys::OfToken { bucket, api: source.api(None)?, account: source.value(&table::ACCOUNT)? })
        }
    }
}
