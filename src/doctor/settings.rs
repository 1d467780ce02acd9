//! Every setting, where it came from, and what is wrong with it.

use super::{Check, Tell};
use crate::config::{self, SettingError};

pub(super) fn check(tell: Tell<'_>) {
    let (settings, errors) = config::describe();
    for setting in settings {
        let name = setting.setting.name;
        tell(match setting.problem {
            Some(SettingError::Missing { name: missing, key, hint }) => {
                let advice =
                    format!("set it in the environment, or `{key}` in liteflare.toml; `liteflare init` writes that");
                Check::fail(missing, format!("not set: {hint}"), advice)
            }
            Some(problem) => Check::fail(name, problem.to_string(), "correct it"),
            None => Check::ok(name, format!("{} ({})", setting.value, setting.origin)),
        });
    }
    for error in errors {
        tell(Check::fail("settings", error.to_string(), "correct it"));
    }
}
