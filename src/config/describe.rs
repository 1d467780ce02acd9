//! Every setting with its value and where it came from, for people. Secrets are hidden.

use super::kind::Kind;
use super::source::{Found, Origin, Source};
use super::table::{self, Fallback, Setting};
use super::{Secret, SettingError, default_path, r2, root_and_origin};

/// A setting as it stands.
#[derive(Debug)]
pub struct Described {
    /// The setting.
    pub setting: &'static Setting,
    /// Its value, for people: hidden when it is a secret.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
    /// What is wrong with it.
    pub problem: Option<SettingError>,
}

/// All settings, and what is wrong with the names in the environment and in the file.
pub fn describe() -> (Vec<Described>, Vec<SettingError>) {
    let (source, errors) = Source::read_all();
    (table::ALL.iter().map(|setting| source.describe(setting)).collect(), errors)
}

impl Source {
    fn describe(&self, setting: &'static Setting) -> Described {
        if let Some(found) = self.given(setting).filter(|_| setting.name != table::ROOT.name) {
            let problem = found.check().err();
            return Described { setting, value: shown(&found), origin: found.origin, problem };
        }
        let (value, origin) = self.fallback(setting);
        let problem = (origin == Origin::NotSet).then(|| self.need(setting).err()).flatten();
        let problem = problem.filter(|_| self.is_needed(setting));
        Described { setting, value, origin, problem }
    }

    /// What holds without a value.
    fn fallback(&self, setting: &'static Setting) -> (String, Origin) {
        let account = self.given(&table::ACCOUNT);
        let has_token = self.given(&table::TOKEN).is_some();
        match (setting.name, setting.default) {
            (_, Fallback::Value(text)) => (text.into(), Origin::Default),
            (name, _) if name == table::ROOT.name => {
                let (root, origin) = root_and_origin();
                (root.display().to_string(), origin)
            }
            (name, _) if name == table::CONFIG.name => {
                let absent = if self.has_file { "" } else { " (no such file)" };
                (format!("{}{absent}", self.path.display()), Origin::Default)
            }
            (name, _) if name == table::DB.name => (default_path().display().to_string(), Origin::Default),
            (name, _) if name == table::ENDPOINT.name && account.is_some() => {
                let account = account.map(|found| found.text).unwrap_or_default();
                (r2::endpoint_of(&account), Origin::Derived("the account"))
            }
            (name, _) if [table::KEY_ID.name, table::KEY_SECRET.name].contains(&name) && has_token => {
                ("belongs to the token".into(), Origin::Derived("the API token"))
            }
            (_, Fallback::Words(words)) => {
                let is_place = setting.name == table::LIBRARY.name;
                (words.into(), if is_place { Origin::Default } else { Origin::NotSet })
            }
        }
    }

    /// Whether liteflare cannot start without it.
    fn is_needed(&self, setting: &Setting) -> bool {
        [table::ACCOUNT.name, table::TOKEN.name, table::DATABASE.name].contains(&setting.name)
    }
}

fn shown(found: &Found) -> String {
    match found.setting.kind {
        Kind::Secret => Secret::masked(&found.text).into(),
        _ => found.text.clone(),
    }
}
