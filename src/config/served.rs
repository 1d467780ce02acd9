//! Which files are databases on D1: `LITEFLARE_DB`, by default the application's own.

use std::path::{Path, PathBuf};

use super::application::Application;
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
        return if is_served(path, Some(found))? { Settings::load().map(Some) } else { Ok(None) };
    }
    let source = Source::read()?;
    if is_served(path, source.given(&table::DB))? { Settings::of(&source).map(Some) } else { Ok(None) }
}

fn is_served(path: &Path, patterns: Option<Found>) -> Result<bool, SettingError> {
    match patterns {
        None => Ok(means(&Application::read()?.database().0, &resolved(path))),
        Some(found) => Globs::unchecked(found.text.clone()).matches(path).map_err(|expected| found.wrong(expected)),
    }
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
            None => Ok(vec![Application::read()?.database().0]),
        }
    }

    /// What the paths of this process's databases look like.
    pub fn database_prefilters(&self) -> Vec<Prefilter> {
        // Settings that cannot be understood are refused when a database is opened; until then the default shall do.
        let own = || Application::read().unwrap_or_else(|_| Application::unconfigured()).database().0;
        let given = self.given(&table::DB).map(|found| found.text);
        Globs::unchecked(given.unwrap_or_else(|| own().to_string_lossy().into_owned())).prefilters()
    }
}
