//! Which files are databases on D1: `LITEFLARE_DB`, by default the application's own.

use std::path::{Path, PathBuf};

use super::error::SettingError;
use super::found::Found;
use super::globs::{Globs, means, resolved, target};
use super::names::misspelt;
use super::origin::Origin;
use super::prefilter::Prefilter;
use super::settings::Settings;
use super::source::{Source, in_environment};
use super::table;

/// The settings of `path` (absolute), if it is a database that belongs on D1. An error when that cannot be told, or they are wrong.
pub fn database_settings(path: &Path) -> Result<Option<Settings>, SettingError> {
    // From the environment alone, when it says enough: this is asked at each open of any database.
    if let Some(found) = in_environment(&table::DB) {
        misspelt().map_or(Ok(()), Err)?;
        return if means_any(&found, path)? { Settings::load().map(Some) } else { Ok(None) };
    }
    let source = Source::read()?;
    let is_served = match source.given(&table::DB) {
        Some(found) => means_any(&found, path)?,
        None => means(&source.application()?.database().0, &resolved(path)),
    };
    is_served.then(|| Settings::of(&source)).transpose()
}

fn means_any(patterns: &Found, path: &Path) -> Result<bool, SettingError> {
    Globs::unchecked(patterns.text.clone()).matches(path).map_err(|expected| patterns.wrong(expected))
}

/// The path among those named that is a symbolic link to `path`.
pub fn link_to_database(path: &Path) -> Result<Option<PathBuf>, SettingError> {
    let path = resolved(path);
    let named = Source::read()?.named_databases()?;
    Ok(named.into_iter().find(|name| target(name).is_some_and(|target| target == path)))
}

impl Source {
    /// The databases that are named, globs aside.
    pub fn named_databases(&self) -> Result<Vec<PathBuf>, SettingError> {
        let given = self.given(&table::DB);
        let is_in_environment = given.as_ref().is_some_and(|found| matches!(found.origin, Origin::Environment(_)));
        let problem = if is_in_environment { misspelt() } else { self.problems.first().cloned() };
        problem.map_or(Ok(()), Err)?;
        match given {
            Some(found) => Ok(Globs::unchecked(found.text).paths()),
            None => Ok(vec![self.application()?.database().0]),
        }
    }

    /// What the paths of this process's databases look like.
    pub fn database_prefilters(&self) -> Vec<Prefilter> {
        // Settings that cannot be understood are refused when a database is opened; until then the default shall do.
        let own = || self.application_or_defaults().database().0;
        let given = self.given(&table::DB).map(|found| found.text);
        Globs::unchecked(given.unwrap_or_else(|| own().to_string_lossy().into_owned())).prefilters()
    }
}
