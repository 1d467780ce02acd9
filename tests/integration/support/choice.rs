//! Which clouds a run covers. Workerd is left out where it is not installed, but never without a word, and never when it was asked for.

use std::io::Write;

use super::cloud::Cloud;
use super::workerd;

/// The setting that names them.
pub const SETTING: &str = "LITEFLARE_TEST_CLOUDS";

/// How to have workerd.
const REMEDY: &str = "npm ci --prefix tests/clouds (with Node 20 or newer)";

/// Those of this run. Says on standard error what is left out.
pub fn of_this_run() -> Result<Vec<Cloud>, String> {
    match std::env::var(SETTING) {
        Ok(names) => asked_for(&names, workerd::missing()),
        Err(_) => Ok(those_there_are(workerd::missing())),
    }
}

fn asked_for(names: &str, missing: Option<&str>) -> Result<Vec<Cloud>, String> {
    let cloud = |name: &str| match (name.trim(), missing) {
        ("embedded", _) => Ok(Cloud::Embedded),
        ("workerd", None) => Ok(Cloud::Workerd),
        ("workerd", Some(reason)) => Err(format!("{SETTING} names workerd, but {reason}: {REMEDY}")),
        (other, _) => Err(format!("{SETTING} names \"{other}\"; there are embedded and workerd")),
    };
    names.split(',').map(cloud).collect()
}

fn those_there_are(missing: Option<&str>) -> Vec<Cloud> {
    let Some(reason) = missing else { return vec![Cloud::Embedded, Cloud::Workerd] };
    // Not by `eprintln!`, which a test that passes keeps to itself.
    let _ = writeln!(
        std::io::stderr(),
        "\nSKIPPED on workerd, Cloudflare's own runtime: {reason}. All tests run on the embedded cloud only.\nTo have both: {REMEDY}\n"
    );
    vec![Cloud::Embedded]
}
