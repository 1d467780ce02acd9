//! What the value of a setting must look like. An error is the end of the sentence "expected …", and does not repeat the value.

use std::time::Duration;

use super::served;
use super::{Refresh, r2};

/// The forms of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// An identifier that becomes part of a URL.
    Id,
    /// A text that nobody may see.
    Secret,
    /// A URL.
    Url,
    /// A duration such as `1s`.
    Duration,
    /// A duration, `always` or `never`.
    Refresh,
    /// Absolute paths or globs, separated by `:`.
    Globs,
    /// `folder=prefix`, separated by `:`.
    Folders,
}

impl Kind {
    /// Whether a value has this form. A secret's problem is told by [`secret_problem`].
    pub(super) fn check(self, value: &str) -> Result<(), String> {
        match self {
            Kind::Text | Kind::Secret => Ok(()),
            Kind::Id => id(value),
            Kind::Url => url(value).map(drop),
            Kind::Duration => duration(value).map(drop),
            Kind::Refresh => refresh(value).map(drop),
            Kind::Globs => served::check(value),
            Kind::Folders => r2::folders(value, std::path::Path::new("/")).map(drop),
        }
    }
}

fn id(value: &str) -> Result<(), String> {
    let good = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    good.then_some(()).ok_or_else(|| "an id of letters and digits, such as the dashboard shows".into())
}

/// A URL without a slash at its end.
pub(super) fn url(value: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(value);
    let wrong = || "a URL that starts with https:// (or http:// for a local cloud)".to_string();
    let url = url.ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host()).ok_or_else(wrong)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL without a user name or a password in it".into());
    }
    Ok(value.trim_end_matches('/').to_string())
}

pub(super) fn refresh(value: &str) -> Result<Refresh, String> {
    match value {
        "always" => Ok(Refresh::Always),
        "never" => Ok(Refresh::Never),
        _ => duration(value).map(Refresh::Every).map_err(|expected| format!("{expected}, `always` or `never`")),
    }
}

/// A duration of 0 would give no request the time to be answered.
pub(super) fn duration(value: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(value).ok().filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| "a duration such as `1s` or `500ms`".into())
}

/// A secret that no HTTP header can carry would fail at every request, and look like a broken network.
pub(super) fn secret_problem(value: &str) -> Option<&'static str> {
    let carried = value.bytes().all(|byte| byte.is_ascii_graphic());
    (!carried).then_some("it has a space, a line break or a letter beyond ASCII in it")
}
