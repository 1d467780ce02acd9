//! A value that was found, and what is said of it when it is wrong.

use super::error::SettingError;
use super::form::{Privacy, Problem};
use super::origin::Origin;
use super::table::{Setting, Typed};

/// A text and where it came from. Without `Debug`: it may be a secret.
#[derive(Clone)]
pub struct Found {
    /// The setting.
    pub setting: &'static Setting,
    /// Its text, not parsed yet.
    pub text: String,
    /// Where it came from.
    pub origin: Origin,
}

impl Found {
    /// What the text stands for. `setting` is the one it was found for.
    pub fn parse<T>(&self, setting: &'static Typed<T>) -> Result<T, SettingError> {
        (setting.form.parse)(&self.text).map_err(|problem| self.wrong(problem))
    }

    /// Whether the text has the form it must have: for those who only want to know that.
    pub fn check(&self) -> Result<(), SettingError> {
        (self.setting.check)(&self.text).map_err(|problem| self.wrong(problem))
    }

    /// The error of a text that is not what was expected.
    pub fn wrong(&self, problem: impl Into<Problem>) -> SettingError {
        let place = self.place();
        match problem.into() {
            Problem::Expected(expected) => SettingError::Wrong { place, expected },
            Problem::BadSecret(problem) => SettingError::WrongSecret { place, problem },
        }
    }

    /// The value's place without the value, for a message.
    pub(super) fn place_alone(&self) -> String {
        match &self.origin {
            Origin::File { .. } => self.place(),
            Origin::Argument => format!("what the command was told instead of {}", self.setting.name),
            _ => self.setting.name.to_string(),
        }
    }

    /// The value's place, for a message.
    pub(super) fn place(&self) -> String {
        let name = self.setting.name;
        match (&self.origin, self.setting.privacy) {
            (Origin::File { path, line }, _) => format!("{}, line {line}: `{}`", path.display(), self.setting.key),
            (_, Privacy::Secret) => name.to_string(),
            (_, Privacy::Url) if self.text.contains('@') => name.to_string(),
            _ => format!("{name}={:?}", self.text),
        }
    }
}
