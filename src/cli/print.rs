//! What the commands say. Everything goes through here, a line at a time: names and messages that come from outside can neither begin
//! a line nor move the cursor (`liteflare::shown`). Colours are pieces of a line, beside its texts.

use std::fmt::Display;
use std::io::{Result, Write};

use clap::builder::styling::Style;
use liteflare::shown;
use serde::Serialize;

/// A line to stdout.
pub fn line(text: impl Display) -> Result<()> {
    lines([text])
}

/// Lines to stdout, all at once.
pub fn lines<T: Display>(texts: impl IntoIterator<Item = T>) -> Result<()> {
    out(&joined(texts))
}

/// A line to stdout whose pieces have styles; they are dropped where they are not wanted.
pub fn styled(pieces: &[(Style, &str)]) -> Result<()> {
    let mut out = anstream::stdout().lock();
    for (style, text) in pieces {
        write!(out, "{style}{}{style:#}", shown::one_line(text))?;
    }
    writeln!(out)
}

/// A value to stdout as JSON, on one line or over several.
pub fn json(value: &impl Serialize, is_pretty: bool) -> anyhow::Result<()> {
    let text = if is_pretty { serde_json::to_string_pretty(value)? } else { serde_json::to_string(value)? };
    Ok(out(&(shown::json(text) + "\n"))?)
}

/// A terminal's picture: what was there goes, these lines come.
pub fn picture<T: Display>(texts: impl IntoIterator<Item = T>) -> Result<()> {
    out(&format!("\x1b[H\x1b[2J{}", joined(texts))) // to the corner, and clear
}

/// A line to stderr. One that cannot be written is lost: there is no better place to say so.
pub fn note(text: impl Display) {
    let _ = std::io::stderr().write_all(joined([text]).as_bytes());
}

/// Why the command, or a part of it, has failed.
pub fn error(error: impl Display) {
    note(format_args!("liteflare: {error}"));
}

fn joined<T: Display>(texts: impl IntoIterator<Item = T>) -> String {
    texts.into_iter().map(|text| shown::one_line(&text.to_string()).into_owned() + "\n").collect()
}

fn out(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
