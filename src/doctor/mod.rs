//! `liteflare doctor`: asks everything that must work whether it does, and says what to do where it does not.
//! In: the settings as they are, and which Python to ask. Out: one [`Check`] after the other. Whatever is made is removed again.

mod child;
mod d1;
mod machine;
mod python;
mod r2;
mod raw;
mod settings;
mod token;

use std::path::PathBuf;

use serde::Serialize;

use crate::config::{R2Settings, SettingError, Settings, Source};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, but somebody should look.
    Warn,
    /// It does not work.
    Fail,
}

/// One thing that was checked.
#[derive(Debug, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// How it ended.
    pub status: Status,
    /// What was seen.
    pub detail: String,
    /// What to do; empty when there is nothing to do.
    pub advice: String,
}

impl Check {
    fn ok(name: &str, detail: impl Into<String>) -> Check {
        Check { name: name.into(), status: Status::Ok, detail: detail.into(), advice: String::new() }
    }

    fn warn(name: &str, detail: impl Into<String>, advice: impl Into<String>) -> Check {
        Check { name: name.into(), status: Status::Warn, detail: detail.into(), advice: advice.into() }
    }

    fn fail(name: &str, detail: impl Into<String>, advice: impl Into<String>) -> Check {
        Check { name: name.into(), status: Status::Fail, detail: detail.into(), advice: advice.into() }
    }
}

/// Where checks are told.
type Tell<'a> = &'a mut dyn FnMut(Check);

/// What the command was told.
#[derive(Debug)]
pub struct Options {
    /// The `liteflare` command, which starts children.
    pub command: PathBuf,
    /// The application's Python; else it is looked for.
    pub python: Option<PathBuf>,
}

/// Checks everything, in an order in which a failure explains those behind it.
pub fn examine(options: &Options, tell: Tell<'_>) {
    let source = Source::read_all();
    settings::check(&source, tell);
    let sound = || source.problems.first().cloned().map_or(Ok(()), Err);
    let size = match sound().and_then(|()| Settings::of(&source)) {
        Ok(settings) => {
            let settings = Settings { timeout: settings.timeout.min(d1::TIMEOUT), ..settings };
            token::check(&settings, tell);
            d1::check(&settings, tell)
        }
        Err(_) => None, // told above, setting by setting
    };
    let bucket = match sound().and_then(|()| R2Settings::of(&source)) {
        Ok(Some(settings)) => r2::check(&R2Settings { timeout: settings.timeout.min(d1::TIMEOUT), ..settings }, tell),
        Ok(None) => {
            tell(Check::ok("r2", "no bucket is set: files stay local"));
            None
        }
        Err(error) => {
            let advice = match error {
                SettingError::Missing { .. } => "set what is missing, or run `liteflare init`",
                _ => "correct it",
            };
            tell(Check::fail("r2", error.to_string(), advice));
            None
        }
    };
    machine::database_files(&source, tell);
    python::check(options, bucket.as_ref(), tell);
    machine::memory(size, tell);
    tell(Check::ok("versions", machine::versions()));
}
