//! Which clouds the tests run on: both, or it is said why not.

use std::process::Output;

use crate::support::{CLOUDS_SETTING, Cloud, clouds, rerun};

/// What this says of workerd, where that is not installed, is shown by `cargo nextest run` too (`.config/nextest.toml`).
#[test]
fn tests_run_on_the_embedded_cloud_and_on_workerd_where_it_is_installed() {
    for _ in 0..2 {
        assert!(clouds().iter().any(|cloud| cloud.kind == Cloud::Embedded));
    }
}

/// The test above on a machine without Node.
fn without_node(wanted: Option<&str>) -> (Output, String) {
    let mut command = rerun("clouds::tests_run_on_the_embedded_cloud_and_on_workerd_where_it_is_installed");
    command.env("PATH", "/nowhere").env_remove("LITEFLARE_TEST_WORKERD_API").env_remove(CLOUDS_SETTING);
    let output = command.envs(wanted.map(|names| (CLOUDS_SETTING, names))).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

#[test]
fn a_missing_workerd_is_told_once_and_is_no_failure() {
    let (output, said) = without_node(None);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    assert_eq!(said.matches("SKIPPED on workerd").count(), 1, "{said}");
    assert!(said.contains("Node is not installed") && said.contains("npm ci --prefix tests/clouds"), "{said}");
}

#[test]
fn a_missing_workerd_that_was_asked_for_is_a_failure() {
    let (output, said) = without_node(Some("embedded,workerd"));
    assert!(!output.status.success());
    assert!(said.contains("names workerd, but Node is not installed: npm ci --prefix tests/clouds"), "{said}");
    let (output, said) = without_node(Some("embedded"));
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn a_cloud_that_does_not_exist_is_a_failure() {
    let (output, said) = without_node(Some("embeded"));
    assert!(!output.status.success());
    assert!(said.contains("\"embeded\"; there are embedded and workerd"), "{said}");
}
