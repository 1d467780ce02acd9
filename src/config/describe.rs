//! Every setting with its value and where it came from, for people. Secrets are hidden.

use super::error::SettingError;
use super::folders::MappedFolder;
use super::form::Privacy;
use super::found::Found;
use super::origin::Origin;
use super::r2::endpoint_of;
use super::root::root_and_origin;
use super::secret::Secret;
use super::source::Source;
use super::table::{self, Fallback, Setting};

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

impl Source {
    /// All settings as they stand.
    pub fn described(&self) -> Vec<Described> {
        table::ALL.iter().map(|setting| self.describe(setting)).collect()
    }

    fn describe(&self, setting: &'static Setting) -> Described {
        if let Some(found) = self.given(setting).filter(|_| setting.name != table::ROOT.name) {
            let problem = found.check().and_then(|()| self.check_endpoint(setting)).err();
            return Described { setting, value: shown(&found), origin: found.origin, problem };
        }
        let (value, origin) = self.fallback(setting);
        let is_missing = origin == Origin::NotSet && is_needed(setting);
        let problem = match setting.name {
            name if name == table::DB.name => self.application().err(),
            name if name == table::PATHS.name && self.given(&table::BUCKET).is_some() => self.folders().err(),
            _ => is_missing.then(|| setting.missing(setting.hint)),
        };
        Described { setting, value, origin, problem }
    }

    /// Whether the query API may be asked, with the token. (R2's endpoint is checked with the bucket, if there is one.)
    fn check_endpoint(&self, setting: &'static Setting) -> Result<(), SettingError> {
        if setting.name != table::API.name {
            return Ok(());
        }
        match self.api(None) {
            Err(error @ (SettingError::Elsewhere { .. } | SettingError::Clear { .. })) => Err(error),
            _ => Ok(()), // what else is wrong is another setting's
        }
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
            (name, _) if name == table::DB.name => {
                let (path, origin) = self.application_or_defaults().database();
                (path.display().to_string(), origin)
            }
            (name, _) if name == table::PATHS.name => {
                let own = self.application_or_defaults();
                let shown = |folder: MappedFolder| format!("{}={}", folder.dir.display(), folder.prefix);
                let folders: Vec<String> = own.folders().into_iter().map(shown).collect();
                (folders.join(":"), own.says_folders().cloned().unwrap_or(Origin::Default))
            }
            (name, _) if name == table::ENDPOINT.name && account.is_some() => {
                let account = account.map(|found| found.text).unwrap_or_default();
                (endpoint_of(&account), Origin::Derived("the account"))
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
}

/// Whether liteflare cannot start without it.
fn is_needed(setting: &Setting) -> bool {
    [table::ACCOUNT.name, table::TOKEN.name, table::DATABASE.name].contains(&setting.name)
}

fn shown(found: &Found) -> String {
    match found.setting.privacy {
        Privacy::Secret => Secret::masked(&found.text).into(),
        _ => found.text.clone(),
    }
}
