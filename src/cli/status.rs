//! `liteflare status`: what D1 and R2 hold, once or again and again.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use liteflare::status::{Status, StatusError, Watch};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

/// Between two views.
const INTERVAL: Duration = Duration::from_secs(2);

/// Arguments of `liteflare status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// The application's root folder [default: INVOKEAI_ROOT, else ~/invokeai]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Print one JSON object (one a line with --watch)
    #[arg(long)]
    json: bool,
    /// Show it again every 2 seconds, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// Prints what is there.
pub fn main(args: StatusArgs) -> anyhow::Result<()> {
    super::use_root(args.root)?;
    liteflare::log::start();
    if !args.watch {
        let text = show(&Watch::open()?.poll()?, args.json, false)?;
        return Ok(io::stdout().lock().write_all(text.as_bytes())?);
    }
    end_on_interrupt()?;
    let on_terminal = io::stdout().is_terminal() && !args.json;
    let mut watch = None;
    loop {
        let mut text = match poll(&mut watch) {
            Ok(status) => show(&status, args.json, true)?,
            // A wrong setting stays wrong; a network comes back.
            Err(error @ StatusError::Setting(_)) => return Err(error.into()),
            Err(error) if on_terminal => format!("{error}\n"),
            Err(error) => {
                eprintln!("liteflare: {error}");
                String::new()
            }
        };
        if on_terminal {
            text.insert_str(0, "\x1b[H\x1b[2J"); // to the corner, and clear
        }
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()), // `| head`
            written => written?,
        }
        drop(out);
        std::thread::sleep(INTERVAL);
    }
}

fn poll(watch: &mut Option<Watch>) -> Result<Status, StatusError> {
    match watch {
        Some(watch) => watch.poll(),
        None => watch.insert(Watch::open()?).poll(),
    }
}

/// Nothing has to be cleaned up, so that Ctrl-C may come in the middle of a request.
fn end_on_interrupt() -> anyhow::Result<()> {
    let mut interrupts = Signals::new([SIGINT])?;
    std::thread::Builder::new().name("interrupt".into()).spawn(move || {
        interrupts.forever().next();
        std::process::exit(0);
    })?;
    Ok(())
}

fn show(status: &Status, json: bool, goes_on: bool) -> anyhow::Result<String> {
    if json {
        let text = if goes_on { serde_json::to_string(status)? } else { serde_json::to_string_pretty(status)? };
        return Ok(text + "\n");
    }
    let mut text = String::new();
    writeln!(text, "database {}: seq {}, {}", status.database, status.seq, size(status.bytes))?;
    let widest = |names: &mut dyn Iterator<Item = &String>| names.map(|name| name.chars().count()).max().unwrap_or(0);
    let width = widest(&mut status.tables.iter().map(|table| &table.name));
    for table in &status.tables {
        writeln!(text, "  {:width$}  {:>9} rows", table.name, table.rows)?;
    }
    if !status.commits.is_empty() {
        writeln!(text, "last commits")?;
    }
    for commit in &status.commits {
        let tables = if commit.tables.is_empty() { "schema, or many rows".into() } else { commit.tables.join(", ") };
        writeln!(text, "  {}  {}  {}  {tables}", commit.seq, commit.at, commit.source)?;
    }
    match &status.bucket {
        Some(bucket) => writeln!(text, "bucket {bucket}")?,
        None => writeln!(text, "no bucket: files stay local")?,
    }
    let width = widest(&mut status.prefixes.iter().map(|prefix| &prefix.prefix));
    for prefix in &status.prefixes {
        writeln!(text, "  {:width$}  {:>9} objects  {:>10}", prefix.prefix, prefix.objects, size(prefix.bytes))?;
    }
    writeln!(text, "requests: {} to D1, {} to R2", status.requests.d1, status.requests.r2)?;
    if goes_on {
        writeln!(text)?;
    }
    Ok(text)
}

fn size(bytes: u64) -> String {
    let units = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let large = units.iter().find(|(_, unit)| bytes as f64 >= *unit);
    large.map_or_else(|| format!("{bytes} B"), |(name, unit)| format!("{:.1} {name}", bytes as f64 / unit))
}
