//! Every setting, where it came from, and what is wrong with it.

use std::os::unix::fs::PermissionsExt;

use super::{Check, Tell};
use crate::config::{SettingError, Source, table};

pub(super) fn check(source: &Source, tell: Tell<'_>) {
    for setting in source.described() {
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
    readable_secrets(source, tell);
    for error in &source.problems {
        tell(Check::fail("settings", error.to_string(), "correct it"));
    }
}

fn readable_secrets(source: &Source, tell: Tell<'_>) {
    let has_secret = [&table::TOKEN, &table::KEY_SECRET].iter().any(|setting| source.in_file(setting).is_some());
    let others_read = std::fs::metadata(&source.path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
    if has_secret && others_read {
        let path = source.path.display();
        tell(Check::warn(
            "settings file",
            format!("{path} holds a secret, and others may read it"),
            format!("chmod 600 {path}"),
        ));
    }
}
