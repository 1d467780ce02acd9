//! `liteflare run`: becomes the given command, in an environment in which its Python keeps the database in D1.
//! In: the command and the root. Out: `LITEFLARE*` and `PYTHONPATH` for it and its children.
//! It knows nothing of accounts or tokens: those are checked when a database path is first opened.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use clap::Args;
use liteflare::invokeai;

/// Arguments of `liteflare run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The application's root folder [default: the command's own --root, else INVOKEAI_ROOT, the folder above
    /// VIRTUAL_ENV, ~/invokeai]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD ARGS")]
    command: Vec<OsString>,
}

/// Replaces this process with the command; returns only when that was not possible.
pub fn main(args: RunArgs) -> anyhow::Result<()> {
    let program = env::current_exe().context("this program's own path")?;
    let beside = program.parent().context("this program's folder")?;
    let library = beside.join("libliteflare.so");
    if !library.is_file() {
        bail!("{} is missing: it belongs beside the command (`cargo build` makes both)", library.display());
    }

    let (name, rest) = args.command.split_first().context("a command is missing after `--`")?;
    let mut command = Command::new(name);
    command.args(rest).env("LITEFLARE", "1").env("LITEFLARE_LIBRARY", &library);
    command.env("PYTHONPATH", first_of(&loader_folder(beside)?, env::var_os("PYTHONPATH").as_deref()));
    // The path hook. Without a bucket among the settings it lets everything through.
    if library.as_os_str().as_bytes().iter().any(|byte| b": ".contains(byte)) {
        bail!("{}: a path with a colon or a space cannot stand in LD_PRELOAD", library.display());
    }
    command.env("LD_PRELOAD", first_of(&library, env::var_os("LD_PRELOAD").as_deref()));
    if let Some(root) = args.root.or_else(|| invokeai::told_by(&args.command).root) {
        // Absolute, since the application may change its folder before it opens the database. `~` is expanded where settings are read.
        let absolute = if root.starts_with("~") { Ok(root.clone()) } else { std::path::absolute(&root) };
        command.env("LITEFLARE_ROOT", absolute.with_context(|| root.display().to_string())?);
    }

    let error = command.exec();
    match error.kind() {
        ErrorKind::NotFound => bail!("{}: command not found", name.display()),
        _ => Err(error).with_context(|| format!("{} does not start", name.display())),
    }
}

/// The folder whose `sitecustomize.py` loads the library: in the wheel beside this program, else in the checkout it was built from.
fn loader_folder(beside: &Path) -> anyhow::Result<PathBuf> {
    let places = [beside.join("path"), Path::new(env!("CARGO_MANIFEST_DIR")).join("python/liteflare/path")];
    let Some(place) = places.iter().find(|place| place.join("sitecustomize.py").is_file()) else {
        bail!("the loader for Python is missing: looked in {} and {}", places[0].display(), places[1].display());
    };
    if place.as_os_str().as_bytes().contains(&b':') {
        bail!("{}: a folder with a colon in its name cannot stand in PYTHONPATH", place.display());
    }
    Ok(place.clone())
}

/// First in a list of paths, and once only, however deep `liteflare run` is nested.
fn first_of(first: &Path, before: Option<&OsStr>) -> OsString {
    let mut paths = first.as_os_str().as_bytes().to_vec();
    let others = before.unwrap_or_default().as_bytes().split(|byte| *byte == b':');
    for other in others.filter(|other| !other.is_empty() && *other != first.as_os_str().as_bytes()) {
        paths.push(b':');
        paths.extend_from_slice(other);
    }
    OsString::from_vec(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_comes_first_and_once() {
        let loader = Path::new("/l");
        assert_eq!(first_of(loader, None), "/l");
        assert_eq!(first_of(loader, Some(OsStr::new("/a:/l::/b"))), "/l:/a:/b");
    }
}
