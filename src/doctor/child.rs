//! Runs a program and takes what it prints, within a time limit.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::config;
use crate::runtime::Runtime;

/// A Python with a cold cache takes seconds to start.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a program printed; else why it failed, in a line.
pub(super) fn ask(program: &Path, args: Vec<OsString>) -> Result<String, String> {
    let runtime = Runtime::current().map_err(|error| error.to_string())?;
    let shown = program.display().to_string();
    let mut command = tokio::process::Command::new(program);
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    let run = async move { tokio::time::timeout(TIMEOUT, command.output()).await };
    match runtime.wait(run) {
        None => Err(format!("{shown}: it could not be waited for")),
        Some(Err(_)) => Err(format!("{shown}: no answer within {TIMEOUT:?}")),
        Some(Ok(Err(error))) => Err(format!("{shown}: {error}")),
        Some(Ok(Ok(output))) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
        }
        Some(Ok(Ok(output))) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            let last = errors.lines().rfind(|line| !line.trim().is_empty());
            Err(last.map_or_else(|| format!("{shown}: {}", output.status), str::to_string))
        }
    }
}

/// The same under `liteflare run`.
pub(super) fn ask_under_liteflare(command: &Path, program: &Path, args: &[&str]) -> Result<String, String> {
    let mut all: Vec<OsString> =
        vec!["run".into(), "--root".into(), config::root().into(), "--".into(), program.into()];
    all.extend(args.iter().map(OsString::from));
    ask(command, all)
}
