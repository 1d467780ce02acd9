//! Where the application keeps its database and its media: what its own configuration says, in every way in which it can be said.
//!
//! It asks its command line first, then its variables, then its settings file, then it takes its defaults. So do we, and where
//! liteflare's own settings say nothing, what is found holds for them. A configuration that cannot be understood is an error of theirs:
//! guessing would leave the database or the images on the disk.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::SettingError;
use super::file;
use super::folders::MappedFolder;
use super::inside::Root;
use super::links::followed;
use super::origin::Origin;
use super::root::{root, told};
use super::yaml;
use crate::invokeai::{self, Home, MEDIA, Media};
use crate::local_file;
use crate::runtime::past_the_hook;

/// What the application's configuration says.
#[derive(Clone)]
pub(super) struct Application {
    root: PathBuf,
    /// Its settings file, whether it is there or not.
    file: PathBuf,
    /// Its settings by their names, each with its origin.
    settings: BTreeMap<&'static str, (String, Origin)>,
}

impl Application {
    /// Reads its variables and its settings file. `Source::application` does so once.
    pub(super) fn read() -> Result<Application, SettingError> {
        let root = root();
        let file = settings_file(&root);
        let mut settings = in_file(&file)?;
        for name in names() {
            if let Some(found) = in_environment(name) {
                settings.insert(name, found);
            }
        }
        Ok(Application { root, file, settings })
    }

    /// With all defaults.
    pub(super) fn unconfigured() -> Application {
        let root = root();
        Application { file: settings_file(&root), root, settings: BTreeMap::new() }
    }

    /// Its database, and what says so.
    pub(super) fn database(&self) -> (PathBuf, Origin) {
        let (folder, origin) = self.home(invokeai::DATABASES);
        (folder.join(invokeai::DATABASE_FILE), origin)
    }

    /// Its media folders.
    pub(super) fn folders(&self) -> Vec<MappedFolder> {
        MEDIA.iter().map(|media| MappedFolder { dir: self.media(media), prefix: media.prefix.into() }).collect()
    }

    /// What says where they are, if anything does.
    pub(super) fn says_folders(&self) -> Option<&Origin> {
        MEDIA.iter().find_map(|media| self.settings.get(media.home.setting)).map(|(_, origin)| origin)
    }

    /// The folder of these media.
    pub(super) fn media(&self, media: &Media) -> PathBuf {
        media.folder_in(&self.home(media.home).0)
    }

    /// What says that the database is kept in memory, if it is.
    pub(super) fn keeps_database_in_memory(&self) -> Option<&Origin> {
        let (text, origin) = self.settings.get(invokeai::MEMORY_SETTING)?;
        // As pydantic reads a yes.
        ["1", "true", "t", "yes", "y", "on"].contains(&text.to_ascii_lowercase().as_str()).then_some(origin)
    }

    /// What a settings file in the root puts outside of the root: its database, and media folders. Whoever downloads a root has not said
    /// that its file may name other places of this machine.
    pub(super) fn led_outside(&self) -> Vec<PathBuf> {
        let root = Root::new(&self.root);
        if !root.owns(&self.file) {
            return Vec::new();
        }
        let file = self.file.display().to_string();
        let is_filed = |home: &Home| {
            let origin = self.settings.get(home.setting).map(|(_, origin)| origin);
            matches!(origin, Some(Origin::Application(place)) if *place == file)
        };
        let media = MEDIA.iter().filter(|media| is_filed(media.home)).map(|media| self.media(media));
        let database = is_filed(invokeai::DATABASES).then(|| self.database().0);
        database.into_iter().chain(media).filter(|path| root.check(path).is_err()).collect()
    }

    /// As the application has it: with the links followed, when it was named; the default is left as it is written.
    fn home(&self, home: &Home) -> (PathBuf, Origin) {
        match self.settings.get(home.setting) {
            Some((folder, origin)) => {
                let folder = self.root.join(folder);
                (followed(&folder).unwrap_or(folder), origin.clone())
            }
            None => (self.root.join(home.default), Origin::Default),
        }
    }
}

/// Its settings that matter here.
fn names() -> impl Iterator<Item = &'static str> {
    invokeai::homes().map(|home| home.setting).chain([invokeai::MEMORY_SETTING])
}

/// The file that its command line names, else the one in the root.
fn settings_file(root: &Path) -> PathBuf {
    root.join(told().config.as_deref().unwrap_or(Path::new(invokeai::SETTINGS_FILE)))
}

/// A variable of any case; the application takes an empty one for none.
fn in_environment(setting: &'static str) -> Option<(String, Origin)> {
    let wanted = format!("{}{setting}", invokeai::VARIABLES);
    let found = std::env::vars_os().find(|(name, value)| {
        !value.is_empty() && name.to_str().is_some_and(|name| name.eq_ignore_ascii_case(&wanted))
    });
    let (name, value) = found?;
    Some((value.into_string().ok()?, Origin::Application(name.into_string().ok()?)))
}

fn in_file(path: &Path) -> Result<BTreeMap<&'static str, (String, Origin)>, SettingError> {
    let wrong = |reason: String| SettingError::Application { path: path.to_path_buf(), reason };
    let text = match past_the_hook(|| file::text(&mut local_file::open(path)?)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let texts = yaml::read(&text, invokeai::OLD_SECTION).map_err(wrong)?;
    let origin = Origin::Application(path.display().to_string());
    let mut settings = BTreeMap::new();
    for home in invokeai::homes() {
        let old = [home.old_setting, Some(home.setting)].into_iter().flatten();
        let old = old.filter_map(|name| texts.section.get(name)).next();
        if let Some(folder) = old.or_else(|| texts.top.get(home.setting)) {
            settings.insert(home.setting, (folder.clone(), origin.clone()));
        }
    }
    let memory = invokeai::MEMORY_SETTING;
    if let Some(text) = texts.section.get(memory).or_else(|| texts.top.get(memory)) {
        settings.insert(memory, (text.clone(), origin));
    }
    Ok(settings)
}
