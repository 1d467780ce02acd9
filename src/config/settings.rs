//! The settings of one database.

use std::time::Duration;

use super::access::Access;
use super::error::SettingError;
use super::refresh::Refresh;
use super::source::Source;
use super::table;

/// What it takes to serve one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `CLOUDFLARE_ACCOUNT_ID`.
    pub account: String,
    /// `LITEFLARE_D1_DATABASE`: a UUID or a name.
    pub database: String,
    /// `LITEFLARE_D1_API` and `CLOUDFLARE_API_TOKEN`.
    pub api: Access,
    /// `LITEFLARE_REFRESH`.
    pub refresh: Refresh,
    /// `LITEFLARE_TIMEOUT`: the deadline for one commit.
    pub timeout: Duration,
}

impl Settings {
    /// Reads the environment and `liteflare.toml`.
    pub fn load() -> Result<Settings, SettingError> {
        Settings::of(&Source::read()?)
    }

    /// The same of settings that were read already.
    pub fn of(source: &Source) -> Result<Settings, SettingError> {
        // In this order: the first that is wrong is the one that is told.
        let endpoint = source.api_endpoint(None)?;
        Ok(Settings {
            account: source.need(&table::ACCOUNT)?,
            api: source.access(&endpoint, &table::TOKEN, table::TOKEN.hint)?,
            database: source.need(&table::DATABASE)?,
            refresh: source.need(&table::REFRESH)?,
            timeout: source.need(&table::TIMEOUT)?,
        })
    }
}
