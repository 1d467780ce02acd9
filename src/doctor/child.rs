//! Runs a program and takes what it prints, within a time limit.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::config::{self, table};

/// A Python with a cold cache takes seconds to start.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a child gets of the secrets in the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    /// All: it works in the bucket.
    Kept,
    /// None.
    Withheld,
}

/// What a program printed, which is told no secret; else why it failed, in a line.
pub(super) fn ask(program: &Path, args: Vec<OsString>) -> Result<String, String> {
    ask_with(program, args, Secrets::Withheld)
}

fn ask_with(program: &Path, args: Vec<OsString>, secrets: Secrets) -> Result<String, String> {
    let shown = program.display().to_string();
    let failed = |error: std::io::Error| format!("{shown}: {error}");
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if secrets == Secrets::Withheld {
        for setting in table::secrets() {
            command.env_remove(setting.name);
        }
    }
    let child = command.spawn().map_err(failed)?;
    let pid = Pid::from_child(&child);
    let (done, output) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    match output.recv_timeout(TIMEOUT) {
        Err(_) => {
            let _ = kill_process(pid, Signal::KILL); // it has ended by itself just now, or nothing can be done
            Err(format!("{shown}: no answer within {TIMEOUT:?}"))
        }
        Ok(Err(error)) => Err(failed(error)),
        Ok(Ok(output)) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).trim().to_string()),
        Ok(Ok(output)) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            let last = errors.lines().rfind(|line| !line.trim().is_empty());
            Err(last.map_or_else(|| format!("{shown}: {}", output.status), str::to_string))
        }
    }
}

/// The same under `liteflare run`.
pub(super) fn ask_under_liteflare(
    command: &Path,
    program: &Path,
    args: &[&str],
    secrets: Secrets,
) -> Result<String, String> {
    let mut all: Vec<OsString> =
        vec!["run".into(), "--root".into(), config::root().into(), "--".into(), program.into()];
    all.extend(args.iter().map(OsString::from));
    ask_with(command, all, secrets)
}
