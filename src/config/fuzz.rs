//! What must hold of any `liteflare.toml` and of any value: it is read the same again when it is written, and a secret is never shown.

use std::path::Path;

use super::found::Found;
use super::globs::Globs;
use super::inside::Root;
use super::origin::Origin;
use super::root::root;
use super::source::Source;
use super::{R2Settings, Settings, table, yaml};
use crate::invokeai;

/// Stands for a secret, wherever the input has a `$`. Longer than a key that is shown, since it may be one written wrong.
const SECRET: &str = "canary-0123456789-abcdefghijklmnopqrstuvwxyz";

/// Reads a settings file and does with it all that is done with settings. The application's own settings are read too, of whatever kind.
pub fn settings_file(text: &str) {
    let _ = yaml::read(text, invokeai::OLD_SECTION); // any answer will do
    let source = Source::of_text("/root/liteflare.toml".into(), &text.replace('$', SECRET));
    let mut said: Vec<String> = source.problems.iter().map(ToString::to_string).collect();
    let settings = Settings::of(&source);
    said.extend(settings.as_ref().err().map(ToString::to_string));
    // The account, the database and the endpoint are no secrets.
    let is_public = [&*table::ACCOUNT, &*table::DATABASE, &*table::API];
    if !is_public.iter().any(|setting| source.in_file(setting).is_some_and(|value| value.contains(SECRET))) {
        said.push(format!("{settings:?}"));
    }
    said.extend(R2Settings::of(&source).err().map(|error| error.to_string()));
    said.extend(source.named_databases().err().map(|error| error.to_string()));
    said.extend(source.described().into_iter().filter_map(|shown| Some(shown.problem?.to_string())));
    assert!(said.iter().all(|text| !text.contains(SECRET)), "a value is shown: {said:?}");
    paths(&source);
    in_its_own_root(text);
    written_again(&source);
    for setting in table::ALL {
        if let Some(value) = source.in_file(setting) {
            in_environment(setting, value);
        }
    }
}

/// The settings of a database of any name.
pub(crate) fn settings(database: &str) -> Option<Settings> {
    let text =
        format!("account_id = \"0123\"\napi_token = \"secret\"\nd1_database = {}\n", toml::Value::from(database));
    Settings::of(&Source::of_text("/root/liteflare.toml".into(), &text)).ok()
}

/// Mapped folders are absolute and apart from each other; a database's path passes the test that says which paths may be one.
fn paths(source: &Source) {
    let folders = source.mapped_folders();
    for (at, folder) in folders.iter().enumerate() {
        assert!(folder.dir.is_absolute() && !folder.prefix.is_empty(), "{folder:?}");
        let clashes = folders[..at].iter().any(|other| {
            other.dir.starts_with(&folder.dir) || folder.dir.starts_with(&other.dir) || other.prefix == folder.prefix
        });
        assert!(!clashes, "{folder:?} overlaps another");
    }
    let prefilters = source.database_prefilters();
    for path in source.named_databases().unwrap_or_default().iter().filter(|path| path.is_absolute()) {
        let passes = prefilters.iter().any(|prefilter| prefilter.may_match(path.as_os_str().as_encoded_bytes()));
        let globs = Globs::unchecked(source.in_file(&table::DB).unwrap_or_default().to_owned());
        assert!(passes || globs.matches(path) != Ok(true), "{path:?} is served, but nobody would ask");
    }
}

/// In a root's own file the same text names nothing outside of the root, or is refused.
fn in_its_own_root(text: &str) {
    let source = Source::of_text(root().join("liteflare.toml"), text);
    if !source.problems.is_empty() {
        return;
    }
    let is_inside = |path: &Path| Root::new(&root()).check(path).is_ok();
    let folders = source.mapped_folders();
    assert!(folders.iter().all(|folder| is_inside(&folder.dir)), "outside of the root: {folders:?}");
    let databases = source.named_databases().unwrap_or_default();
    assert!(databases.iter().all(|path| !path.is_absolute() || is_inside(path)), "outside of the root: {databases:?}");
    let globs = Globs::unchecked(source.in_file(&table::DB).unwrap_or_default().to_owned());
    for outside in ["/x.db", "/elsewhere/x.db", "/elsewhere/a/b/x.sqlite"] {
        assert_ne!(globs.matches(Path::new(outside)), Ok(true), "outside of the root: {globs:?}");
    }
}

/// What a file says can be written as `init` writes it, and says the same again.
fn written_again(source: &Source) {
    let said = || table::ALL.iter().filter_map(|setting| Some((setting.key, source.in_file(setting)?)));
    let text: String = said().map(|(key, value)| format!("{key} = {}\n", toml::Value::from(value))).collect();
    let again = Source::of_text("/root/liteflare.toml".into(), &text);
    for setting in table::ALL {
        assert_eq!(again.in_file(setting), source.in_file(setting), "{}", setting.key);
    }
}

/// The same value from the environment. A secret's message is the same whatever the secret is.
fn in_environment(setting: &'static table::Setting, value: &str) {
    let found = |text: &str| Found { setting, text: text.to_owned(), origin: Origin::Environment(setting.name) };
    let is_secret = [table::TOKEN.name, table::KEY_SECRET.name].contains(&setting.name);
    if let Err(problem) = found(value).check() {
        let other = found("\u{7f}").check();
        assert!(!is_secret || other.is_err_and(|other| other.to_string() == problem.to_string()), "{problem}");
    }
}
