//! Tests as processes of their own.

use std::process::Command;

/// The setting that tells a process which test it is there for.
const ALONE: &str = "LITEFLARE_TEST_ALONE";

/// Runs `body` where no other test has threads, locks or descriptors: in a process that runs `test`, the caller, and nothing else.
pub fn alone(test: &str, body: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some_and(|name| name == test) {
        return body();
    }
    let output = rerun(test).env(ALONE, test).output().expect("this program runs again");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // A name that is not there would be no failure to the process.
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
}

/// This program, to run one test. It says what it likes on standard output and standard error.
pub fn rerun(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("we run"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command
}
