//! Where settings come from: the environment, which wins, and `liteflare.toml`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::kind::{Kind, secret_problem};
use super::names::{misspelt_variables, unknown_key};
use super::table::{self, Fallback, Setting};
use super::{Secret, SettingError, root};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This variable of the environment.
    Environment(&'static str),
    /// The settings file.
    File {
        /// Its path.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The built-in value.
    Default,
    /// It follows from something else.
    Derived(&'static str),
    /// Given to the command.
    Argument,
    /// Nobody gave one.
    NotSet,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Environment(name) => write!(f, "environment, {name}"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Default => f.write_str("default"),
            Origin::Derived(from) => write!(f, "from {from}"),
            Origin::Argument => f.write_str("command line"),
            Origin::NotSet => f.write_str("not set"),
        }
    }
}

/// A value and where it came from. Without `Debug`: it may be a secret.
#[derive(Clone)]
pub struct Found {
    /// The setting.
    pub setting: &'static Setting,
    /// Its value.
    pub text: String,
    /// Where it came from.
    pub origin: Origin,
}

impl Found {
    /// The value's place, for a message.
    fn place(&self) -> String {
        match &self.origin {
            Origin::File { path, line } => format!("{}, line {line}: `{}`", path.display(), self.setting.key),
            _ if self.setting.kind == Kind::Secret => self.setting.name.to_string(),
            // There may be a password in it.
            _ if self.setting.kind == Kind::Url && self.text.contains('@') => self.setting.name.to_string(),
            _ => format!("{}={:?}", self.setting.name, self.text),
        }
    }

    /// The error of a value that is not what was expected.
    pub fn wrong(&self, expected: impl Into<String>) -> SettingError {
        SettingError::Wrong { place: self.place(), expected: expected.into() }
    }

    /// Whether the value has the form it must have.
    pub fn check(&self) -> Result<(), SettingError> {
        match secret_problem(&self.text) {
            Some(problem) if self.setting.kind == Kind::Secret => {
                Err(SettingError::WrongSecret { place: self.place(), problem })
            }
            _ => self.setting.kind.check(&self.text).map_err(|expected| self.wrong(expected)),
        }
    }

    /// A URL without a slash at its end.
    pub fn url(&self) -> Result<String, SettingError> {
        self.parse(super::kind::url)
    }

    /// The value, made into what it stands for.
    pub(super) fn parse<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, SettingError> {
        parse(&self.text).map_err(|expected| self.wrong(expected))
    }
}

/// The settings as they are now.
pub struct Source {
    /// The settings file, whether it is there or not.
    pub path: PathBuf,
    /// Whether it is there.
    pub has_file: bool,
    values: BTreeMap<&'static str, (String, usize)>,
}

impl Source {
    /// Reads the environment and the file; the first thing that is wrong with names or form is an error.
    pub fn read() -> Result<Source, SettingError> {
        let (source, errors) = Source::read_all();
        errors.into_iter().next().map_or(Ok(source), Err)
    }

    /// The same with everything that is wrong, and what can be used nevertheless.
    pub fn read_all() -> (Source, Vec<SettingError>) {
        let named = env(table::CONFIG.name).map(PathBuf::from);
        let path = named.clone().unwrap_or_else(|| root().join("liteflare.toml"));
        let mut errors = Vec::from_iter(misspelt_variables());
        let mut source = Source { path: path.clone(), has_file: false, values: BTreeMap::new() };
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                source.has_file = true;
                source.take(&text, &mut errors);
            }
            Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => {}
            Err(error) => {
                let why = if named.is_some() { " (LITEFLARE_CONFIG names this file)" } else { "" };
                errors.push(SettingError::File { path, reason: format!("{error}{why}") });
            }
        }
        (source, errors)
    }

    fn take(&mut self, text: &str, errors: &mut Vec<SettingError>) {
        let line = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        let parsed = match DeTable::parse(text) {
            Ok(parsed) => parsed,
            // Where and what, without the line itself, which toml's own message shows: a token may stand there.
            Err(error) => {
                let at = line(error.span().map_or(0, |span| span.start));
                let reason = format!("line {at}: {}", error.message());
                errors.push(SettingError::File { path: self.path.clone(), reason });
                return;
            }
        };
        let mut entries: Vec<_> = parsed.into_inner().into_iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let at = line(key.span().start);
            match table::ALL.iter().find(|setting| !setting.key.is_empty() && setting.key == key.get_ref().as_ref()) {
                Some(setting) => self.take_value(setting, at, &value, errors),
                None => errors.push(unknown_key(&self.path, at, key.get_ref())),
            }
        }
    }

    fn take_value(
        &mut self,
        setting: &'static Setting,
        line: usize,
        value: &Spanned<DeValue<'_>>,
        errors: &mut Vec<SettingError>,
    ) {
        match value.get_ref() {
            DeValue::String(text) => {
                self.values.insert(setting.key, (text.to_string(), line));
            }
            other => {
                let place = format!("{}, line {line}: `{}`", self.path.display(), setting.key);
                let expected = format!("a string in quotes, not {}", with_article(other.type_str()));
                errors.push(SettingError::Wrong { place, expected });
            }
        }
    }

    /// What was given for a setting.
    pub fn given(&self, setting: &'static Setting) -> Option<Found> {
        if let Some(text) = env(setting.name) {
            return Some(Found { setting, text, origin: Origin::Environment(setting.name) });
        }
        let (text, line) = self.values.get(setting.key).filter(|(text, _)| !text.is_empty())?;
        Some(Found { setting, text: text.clone(), origin: Origin::File { path: self.path.clone(), line: *line } })
    }

    /// What the file says, whatever the environment says.
    pub fn in_file(&self, setting: &Setting) -> Option<&str> {
        self.values.get(setting.key).map(|(text, _)| text.as_str())
    }

    /// What was given, else the default, checked.
    pub fn value(&self, setting: &'static Setting) -> Result<Option<Found>, SettingError> {
        let default = || match setting.default {
            Fallback::Value(text) => Some(Found { setting, text: text.into(), origin: Origin::Default }),
            Fallback::Words(_) => None,
        };
        let found = self.given(setting).or_else(default);
        found.iter().try_for_each(Found::check)?;
        Ok(found)
    }

    /// The same, where there must be a value.
    pub fn need(&self, setting: &'static Setting) -> Result<Found, SettingError> {
        self.need_for(setting, setting.hint)
    }

    pub(super) fn need_for(&self, setting: &'static Setting, hint: &'static str) -> Result<Found, SettingError> {
        self.value(setting)?.ok_or(SettingError::Missing { name: setting.name, key: setting.key, hint })
    }

    pub(super) fn need_secret(&self, setting: &'static Setting, hint: &'static str) -> Result<Secret, SettingError> {
        Ok(Secret::new(self.need_for(setting, hint)?.text))
    }
}

/// A variable of the environment; an empty one counts as not set.
pub(super) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {kind}")
}
