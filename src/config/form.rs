//! The forms of values: what each setting's text must look like, and what it is made into. The only place where one is parsed.

use std::time::Duration;

use super::folders::{MappedFolder, folders};
use super::globs::Globs;
use super::refresh::Refresh;
use super::root::root;
use super::secret::{Sealed, Secret};

/// A form.
pub struct Form<T> {
    /// Makes a text into what it stands for.
    pub(super) parse: fn(&str) -> Result<T, Problem>,
    /// What messages may repeat of a text.
    pub(super) privacy: Privacy,
}

/// What messages may repeat of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Privacy {
    /// All of it.
    Public,
    /// All of it, unless there may be a password in it.
    Url,
    /// Nothing.
    Secret,
}

/// What is wrong with a text. Does not repeat it.
#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    /// The end of the sentence "expected …".
    Expected(String),
    /// What a secret has that it cannot have.
    BadSecret(&'static str),
}

impl From<&str> for Problem {
    fn from(expected: &str) -> Problem {
        Problem::Expected(expected.into())
    }
}

impl From<String> for Problem {
    fn from(expected: String) -> Problem {
        Problem::Expected(expected)
    }
}

impl<T> Form<T> {
    const fn public(parse: fn(&str) -> Result<T, Problem>) -> Form<T> {
        Form { parse, privacy: Privacy::Public }
    }
}

/// Any text.
pub(super) const TEXT: Form<String> = Form::public(|text| Ok(text.to_owned()));
/// An identifier that becomes part of a URL.
pub(super) const ID: Form<String> = Form::public(id);
/// A text that nobody may see.
pub(super) const SECRET: Form<Sealed> = Form { parse: secret, privacy: Privacy::Secret };
/// A URL, made into one without a slash at its end.
pub(super) const URL: Form<String> = Form { parse: url, privacy: Privacy::Url };
/// Yes or no.
pub(super) const SWITCH: Form<bool> = Form::public(switch);
/// A duration such as `1s`.
pub(super) const DURATION: Form<Duration> = Form::public(duration);
/// A duration, `always` or `never`.
pub(super) const REFRESH: Form<Refresh> = Form::public(refresh);
/// Absolute paths or globs, separated by `:`.
pub(super) const GLOBS: Form<Globs> = Form::public(|text| Globs::parse(text).map_err(Problem::from));
/// `folder=prefix`, separated by `:`.
pub(super) const FOLDERS: Form<Vec<MappedFolder>> = Form::public(|text| folders(text, &root()).map_err(Problem::from));

fn id(text: &str) -> Result<String, Problem> {
    let is_id = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    is_id.then(|| text.to_owned()).ok_or_else(|| "an id of letters and digits, such as the dashboard shows".into())
}

/// A secret that no HTTP header can carry would fail at every request, and look like a broken network.
fn secret(text: &str) -> Result<Sealed, Problem> {
    let carried = text.bytes().all(|byte| byte.is_ascii_graphic());
    let problem = Problem::BadSecret("it has a space, a line break or a letter beyond ASCII in it");
    carried.then(|| Sealed::new(Secret::new(text))).ok_or(problem)
}

fn url(text: &str) -> Result<String, Problem> {
    let url = reqwest::Url::parse(text).ok();
    let url = url.filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    let url = url.ok_or("a URL that starts with https:// (or http:// for a local cloud)")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL without a user name or a password in it".into());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// What a switch can be.
pub(super) const SWITCH_EXPECTED: &str = "1, true, yes or on; 0, false, no or off";

/// Reads a switch.
pub(super) fn switch(text: &str) -> Result<bool, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(SWITCH_EXPECTED.into()),
    }
}

/// The longest duration there is, a year: a moment further away than the clock can count is no deadline to wait for.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A duration of 0 would give no request the time to be answered.
fn duration(text: &str) -> Result<Duration, Problem> {
    positive(text).ok_or_else(|| DURATION_EXPECTED.into())
}

const DURATION_EXPECTED: &str = "a duration such as `1s` or `500ms`";

fn positive(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|duration| !duration.is_zero()).map(|duration| duration.min(LONGEST))
}

fn refresh(text: &str) -> Result<Refresh, Problem> {
    match text {
        "always" => Ok(Refresh::Always),
        "never" => Ok(Refresh::Never),
        _ => {
            let interval = positive(text).ok_or_else(|| format!("{DURATION_EXPECTED}, `always` or `never`"))?;
            Ok(Refresh::Every(interval))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_deadline_of_any_length_is_one_that_the_clock_can_count() {
        for text in ["2000000000000000s", "500000000000years", "9223372036854775807s"] {
            let (timeout, Ok(Refresh::Every(interval))) = (duration(text).unwrap(), refresh(text)) else {
                panic!("{text}")
            };
            assert_eq!((timeout, interval), (LONGEST, LONGEST), "{text}");
            assert!(Instant::now().checked_add(timeout * 4).is_some());
        }
        assert!(duration("99999999999999999999999s").is_err() && duration("0s").is_err());
    }
}
