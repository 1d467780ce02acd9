//! `liteflare doctor`: the checks, a line each, or all as JSON.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::styling::{AnsiColor, Style};
use liteflare::doctor::{self, Check, Options, Status};

use super::print;

/// Arguments of `liteflare doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// The application's root folder [default: INVOKEAI_ROOT, else ~/invokeai]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// The application's Python [default: that of invokeai-web, of VIRTUAL_ENV, or python3]
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
}

/// Prints every check; an error when one failed.
pub fn main(args: DoctorArgs) -> anyhow::Result<()> {
    super::use_root(args.root)?;
    liteflare::log::start();
    let options = Options { command: std::env::current_exe().context("this program's own path")?, python: args.python };
    let (mut checks, mut printed) = (Vec::new(), Ok(()));
    doctor::examine(&options, &mut |check| {
        if !args.json && printed.is_ok() {
            printed = show(&check);
        }
        checks.push(check);
    });
    printed?;
    let failed = checks.iter().filter(|check| check.status == Status::Fail).count();
    if args.json {
        let all = serde_json::json!({ "ok": failed == 0, "checks": checks });
        print::json(&all, true)?;
    }
    match failed {
        0 => Ok(()),
        1 => bail!("1 of {} checks failed", checks.len()),
        _ => bail!("{failed} of {} checks failed", checks.len()),
    }
}

fn show(check: &Check) -> std::io::Result<()> {
    let (word, color) = match check.status {
        Status::Ok => ("ok", AnsiColor::Green),
        Status::Warn => ("warn", AnsiColor::Yellow),
        Status::Fail => ("FAIL", AnsiColor::Red),
    };
    let (style, bold) = (color.on_default(), Style::new().bold());
    let plain = Style::new();
    let word = format!("{word:4}");
    let pieces = [(style, word.as_str()), (plain, "  "), (bold, &check.name), (plain, ": "), (plain, &check.detail)];
    print::styled(&pieces)?;
    if check.advice.is_empty() {
        return Ok(());
    }
    print::styled(&[(plain, "      "), (style, "→"), (plain, " "), (plain, &check.advice)])
}
