//! The application's Python: found, able to load the extension, and with the hook in its `open`.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::child::{Secrets, ask, ask_under_liteflare};
use super::r2::Working;
use super::{Check, Options, Tell};
use crate::config;
use crate::invokeai;
use crate::r2::Error;

/// Prints one line of JSON, without importing `sqlite3`. Its argument is the application's package.
const FACTS: &str = "
import json, platform, sys
from importlib import metadata
try: application = metadata.version(sys.argv[1])
except metadata.PackageNotFoundError: application = None
print(json.dumps({'python': platform.python_version(), 'application': application}))";

/// Prints liteflare's version as a connection sees it, and SQLite's.
const LOAD: &str = "
import sqlite3
print(sqlite3.connect(':memory:').execute('SELECT liteflare_version()').fetchone()[0], sqlite3.sqlite_version)";

const WRITE: &str = "
import sys
with open(sys.argv[1], 'wb') as file: file.write(b'liteflare doctor')";

#[derive(Deserialize)]
struct Facts {
    python: String,
    /// Its version.
    application: Option<String>,
}

pub(super) fn check(options: &Options, bucket: Option<&Working>, tell: Tell<'_>) {
    root(tell);
    let (python, how) = find(options);
    let facts = ask(&python, vec!["-c".into(), FACTS.into(), invokeai::PACKAGE.into()]).and_then(|text| {
        serde_json::from_str::<Facts>(&text).map_err(|_| format!("{}: this is no Python", python.display()))
    });
    let facts = match facts {
        Ok(facts) => facts,
        Err(problem) => return tell(Check::fail("python", problem, "name the application's with --python PATH")),
    };
    let detail = format!("{} {} ({how})", python.display(), facts.python);
    let name = invokeai::NAME;
    tell(match facts.application {
        Some(version) => Check::ok("python", format!("{detail}, {name} {version}")),
        None => Check::warn("python", format!("{detail}, without {name}"), format!("name {name}'s with --python PATH")),
    });
    if extension(options, &python, tell)
        && let Some(working) = bucket
    {
        tell(hook(options, &python, working));
    }
}

fn root(tell: Tell<'_>) {
    let root = config::root();
    let (name, file) = (invokeai::NAME, invokeai::SETTINGS_FILE);
    let shown = root.display();
    tell(match (root.is_dir(), root.join(file).is_file()) {
        (_, true) => Check::ok("root", format!("{shown} has an {file}")),
        (true, false) => Check::ok("root", format!("{shown} has no {file} yet: {name}'s first start writes it")),
        (false, _) => {
            Check::warn("root", format!("{shown} does not exist"), "give the application's folder with --root DIR")
        }
    });
}

/// The Python that was named, that of the application's command, or any; and why it is that one.
fn find(options: &Options) -> (PathBuf, String) {
    if let Some(python) = &options.python {
        return (python.clone(), "--python".into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    if let Some(python) = folders.find_map(|folder| interpreter(&folder.join(invokeai::COMMAND))) {
        return (python, format!("that of {}", invokeai::COMMAND));
    }
    let environment = std::env::var_os("VIRTUAL_ENV").map(|folder| PathBuf::from(folder).join("bin/python"));
    match environment.filter(|python| python.is_file()) {
        Some(python) => (python, "VIRTUAL_ENV".into()),
        None => ("python3".into(), "in PATH".into()),
    }
}

/// What a script's first line names.
fn interpreter(script: &Path) -> Option<PathBuf> {
    let bytes = fs::read(script).ok()?;
    let line = bytes.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let word = line.split(|byte| byte.is_ascii_whitespace()).find(|word| !word.is_empty())?;
    let python = PathBuf::from(OsString::from_vec(word.to_vec()));
    // pip writes `#!/bin/sh` where the path is too long for a first line; Python's path is in the second then.
    python.file_name()?.to_string_lossy().starts_with("python").then_some(python)
}

fn extension(options: &Options, python: &Path, tell: Tell<'_>) -> bool {
    let name = "extension";
    let answer = ask_under_liteflare(&options.command, python, &["-c", LOAD], Secrets::Withheld);
    let (check, works) = match answer.as_deref().map(|text| text.split_once(' ')) {
        Ok(Some((version, sqlite))) if version == env!("CARGO_PKG_VERSION") => {
            (Check::ok(name, format!("loaded, version {version}, into SQLite {sqlite}")), true)
        }
        Ok(found) => {
            let found = found.map_or("something else", |(version, _)| version);
            let detail = format!("Python loads {found}, this command is {}", env!("CARGO_PKG_VERSION"));
            (Check::fail(name, detail, "install command and library of one version"), false)
        }
        Err(problem) => {
            let advice = "use Debian's or uv's Python, without -I, -E and -S";
            (Check::fail(name, problem.as_str(), advice), false)
        }
    };
    tell(check);
    works
}

/// A file that a child writes into the first mapped folder must be an object, and nothing on the disk.
fn hook(options: &Options, python: &Path, working: &Working) -> Check {
    let name = "hook";
    let Some(folder) = working.settings.folders.first() else {
        return Check::warn(name, "no folder is kept in R2", "name one in LITEFLARE_R2_PATHS");
    };
    let file = format!(".liteflare-doctor-{}", uuid::Uuid::new_v4().simple());
    let (path, key) = (folder.dir.join(&file), format!("{}/{file}", folder.prefix));
    let write = ["-c", WRITE, &path.to_string_lossy()];
    let written = ask_under_liteflare(&options.command, python, &write, Secrets::Kept);
    let seen = working.bucket.head(&key);
    let stayed_local = fs::remove_file(&path).is_ok();
    let deleted = working.bucket.delete(&[&key]);
    let advice = "without it files stay on the disk: see LD_PRELOAD, and that the program is linked dynamically";
    match (written, seen, deleted) {
        (Err(problem), ..) => Check::fail(name, problem, advice),
        (_, Ok(_), Err(error)) => Check::fail(name, error.to_string(), format!("delete {key} by any S3 client")),
        (_, Ok(_), Ok(())) if !stayed_local => {
            Check::ok(name, format!("a child's file in {} is in the bucket", folder.dir.display()))
        }
        (_, Err(error), _) if !matches!(error, Error::NotFound { .. }) => Check::fail(name, error.to_string(), advice),
        _ => Check::fail(name, format!("a child's file in {} stayed on the disk", folder.dir.display()), advice),
    }
}
