//! The commands, one file each: arguments in, exit code out.

pub mod dev;
pub mod doctor;
pub mod export;
pub mod import;
pub mod init;
pub mod print;
pub mod progress;
pub mod run;
pub mod status;
pub mod verify;

use std::path::PathBuf;

use anyhow::Context;

/// The value of a command's `--root`: the settings are those of this folder.
fn use_root(root: Option<PathBuf>) -> anyhow::Result<()> {
    if let Some(root) = root {
        liteflare::config::use_root(std::path::absolute(&root).with_context(|| root.display().to_string())?);
    }
    Ok(())
}
