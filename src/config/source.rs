//! Where settings come from: the environment, which wins, and `liteflare.toml`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::OnceLock;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::application::Application;
use super::env::env;
use super::error::SettingError;
use super::file::{self, NoText};
use super::found::Found;
use super::inside::Root;
use super::names::{misspelt_variables, unknown_key};
use super::origin::Origin;
use super::root::root;
use super::table::{self, Fallback, Setting, Typed};

/// The settings as they were at one moment. Read once for each thing that is done with them: the next one may find others.
pub struct Source {
    /// The settings file, whether it is there or not.
    pub path: PathBuf,
    /// Whether it is there.
    pub has_file: bool,
    /// All that is wrong with names, and with the file's form.
    pub problems: Vec<SettingError>,
    values: BTreeMap<&'static str, (String, usize)>,
    /// The root, when the file is in it.
    own_root: Option<Root>,
    /// What the application's own configuration says, once somebody has asked.
    application: OnceLock<Result<Application, SettingError>>,
}

impl Source {
    /// Reads the environment and the file; the first of the problems is an error.
    pub fn read() -> Result<Source, SettingError> {
        let mut source = Source::read_all();
        if source.problems.is_empty() { Ok(source) } else { Err(source.problems.swap_remove(0)) }
    }

    /// Reads what can be used, whatever the problems are.
    pub fn read_all() -> Source {
        let named = env(table::CONFIG.name).map(PathBuf::from);
        let path = named.clone().unwrap_or_else(|| root().join("liteflare.toml"));
        let problems = Vec::from_iter(misspelt_variables());
        let own_root = Some(Root::new(&root())).filter(|root| root.owns(&path));
        let mut source = Source {
            path: path.clone(),
            has_file: false,
            problems,
            values: BTreeMap::new(),
            own_root,
            application: OnceLock::new(),
        };
        match file::read(&path) {
            Ok(text) => {
                source.has_file = true;
                source.take(&text);
            }
            Err(NoText::Distrusted(problem)) => {
                source.has_file = true;
                source.problems.push(problem);
            }
            Err(NoText::Failed(error)) if error.kind() == ErrorKind::NotFound && named.is_none() => {}
            Err(NoText::Failed(error)) => {
                let why = if named.is_some() { " (LITEFLARE_CONFIG names this file)" } else { "" };
                source.problems.push(SettingError::File { path, reason: format!("{error}{why}") });
            }
        }
        source
    }

    /// What a file at `path` with this text says.
    #[cfg(any(test, fuzzing))]
    pub(super) fn of_text(path: PathBuf, text: &str) -> Source {
        let own_root = Some(Root::new(&root())).filter(|root| root.owns(&path));
        let mut source = Source {
            path,
            has_file: true,
            problems: Vec::new(),
            values: BTreeMap::new(),
            own_root,
            application: OnceLock::new(),
        };
        source.take(text);
        source
    }

    fn take(&mut self, text: &str) {
        let line = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        let parsed = match DeTable::parse(text) {
            Ok(parsed) => parsed,
            // Where and what, without the line itself, which toml's own message shows: a token may stand there.
            Err(error) => {
                let at = line(error.span().map_or(0, |span| span.start));
                let reason = format!("line {at}: {}", error.message());
                self.problems.push(SettingError::File { path: self.path.clone(), reason });
                return;
            }
        };
        let mut entries: Vec<_> = parsed.into_inner().into_iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let at = line(key.span().start);
            match table::ALL.iter().find(|setting| !setting.key.is_empty() && setting.key == key.get_ref().as_ref()) {
                Some(setting) => self.take_value(setting, at, &value),
                None => self.problems.push(unknown_key(&self.path, at, key.get_ref())),
            }
        }
    }

    fn take_value(&mut self, setting: &'static Setting, line: usize, value: &Spanned<DeValue<'_>>) {
        let place = || format!("{}, line {line}: `{}`", self.path.display(), setting.key);
        match value.get_ref() {
            DeValue::String(text) => {
                if let Some((root, path)) = self.left_by(setting, text) {
                    self.problems.push(SettingError::Outside { place: place(), path, root, name: setting.name });
                    return;
                }
                self.values.insert(setting.key, (text.to_string(), line));
            }
            other => {
                let expected = format!("a string in quotes, not {}", with_article(other.type_str()));
                self.problems.push(SettingError::Wrong { place: place(), expected });
            }
        }
    }

    /// What the application's own configuration says, read when it is first asked for.
    pub(super) fn application(&self) -> Result<&Application, SettingError> {
        self.application.get_or_init(Application::read).as_ref().map_err(Clone::clone)
    }

    /// The same, with its defaults where that cannot be understood.
    pub(super) fn application_or_defaults(&self) -> Cow<'_, Application> {
        self.application().map_or_else(|_| Cow::Owned(Application::unconfigured()), Cow::Borrowed)
    }

    /// The root, and a path in a value of its own file that leads out of it. What the environment overrides does not count.
    fn left_by(&self, setting: &'static Setting, value: &str) -> Option<(PathBuf, PathBuf)> {
        let root = self.own_root.as_ref().filter(|_| env(setting.name).is_none())?;
        Some((root.path().to_path_buf(), root.left_by(setting, value)?))
    }

    /// The root, when its own file brings a secret: whoever has made the root gets what is taken from it then, so nothing outside may be
    /// taken, by no link.
    pub fn confined_to(&self) -> Option<&Root> {
        let is_filed = |found: Found| matches!(found.origin, Origin::File { .. });
        let brings_secret = || table::secrets().any(|setting| self.given(setting).is_some_and(is_filed));
        self.own_root.as_ref().filter(|_| brings_secret())
    }

    /// What was given for a setting.
    pub fn given(&self, setting: &'static Setting) -> Option<Found> {
        if let Some(found) = in_environment(setting) {
            return Some(found);
        }
        let (text, line) = self.values.get(setting.key).filter(|(text, _)| !text.is_empty())?;
        Some(Found { setting, text: text.clone(), origin: Origin::File { path: self.path.clone(), line: *line } })
    }

    /// What the file says, whatever the environment says.
    pub fn in_file(&self, setting: &Setting) -> Option<&str> {
        self.values.get(setting.key).map(|(text, _)| text.as_str())
    }

    /// What was given, else the default.
    pub(super) fn given_or_default(&self, setting: &'static Setting) -> Option<Found> {
        let default = || match setting.default {
            Fallback::Value(text) => Some(Found { setting, text: text.into(), origin: Origin::Default }),
            Fallback::Words(_) => None,
        };
        self.given(setting).or_else(default)
    }

    /// What was given, else the default, parsed.
    pub fn value<T>(&self, setting: &'static Typed<T>) -> Result<Option<T>, SettingError> {
        self.given_or_default(setting).map(|found| found.parse(setting)).transpose()
    }

    /// The same, where there must be a value.
    pub fn need<T>(&self, setting: &'static Typed<T>) -> Result<T, SettingError> {
        self.value(setting)?.ok_or_else(|| setting.missing(setting.hint))
    }
}

/// What the environment says.
pub(super) fn in_environment(setting: &'static Setting) -> Option<Found> {
    Some(Found { setting, text: env(setting.name)?, origin: Origin::Environment(setting.name) })
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {kind}")
}
