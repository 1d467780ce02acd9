//! What this machine has: the database's file, memory, versions.

use std::path::Path;

use super::{Check, Tell, raw};
use crate::config::Source;
use crate::error::Error;
use crate::invokeai;
use crate::serve::marker;

/// A replica's images while one is replaced, and the application beside it.
const SPARE_BYTES: u64 = 256 << 20;

pub(super) fn database_files(source: &Source, tell: Tell<'_>) {
    let paths = match source.named_databases() {
        Ok(paths) => paths,
        Err(error) => return tell(Check::fail("database file", error.to_string(), "correct it")),
    };
    for path in paths {
        tell(database_file(&path));
    }
}

fn database_file(path: &Path) -> Check {
    let name = "database file";
    let shown = path.display();
    match marker::check(path) {
        Ok(()) if path.exists() => Check::ok(name, format!("{shown} says that the database is in D1")),
        Ok(()) => Check::ok(name, format!("{shown}: not there yet")),
        Err(Error::Occupied { what, .. }) => {
            let advice = "bring it to D1 with `liteflare import`, or move it away: liteflare never touches it";
            Check::fail(name, format!("{shown} is {what}"), advice)
        }
        Err(Error::NoFolder { .. }) => Check::warn(
            name,
            format!("{shown}: its folder does not exist"),
            format!("{}'s first start makes it; others may not", invokeai::NAME),
        ),
        Err(error) => Check::fail(name, error.to_string(), "move away what is there, or correct its permissions"),
    }
}

pub(super) fn memory(database: Option<u64>, tell: Tell<'_>) {
    let name = "memory";
    let Some(free) = crate::memory::available_bytes() else {
        return tell(Check::ok(name, "this system does not tell"));
    };
    tell(judge(free, database));
}

fn judge(free: u64, database: Option<u64>) -> Check {
    let name = "memory";
    let mib = |bytes: u64| bytes >> 20;
    let Some(size) = database else { return Check::ok(name, format!("{} MiB free", mib(free))) };
    let detail = format!("{} MiB free; the database takes {} MiB", mib(free), mib(size));
    // A replica takes at most 1.2 times the database's size.
    match size.saturating_mul(6) / 5 + SPARE_BYTES > free {
        true => Check::warn(name, detail, "the database is held in memory: give this machine more"),
        false => Check::ok(name, detail),
    }
}

pub(super) fn versions() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_else(|_| "unknown".into());
    format!(
        "liteflare {}, SQLite {} inside, Linux {}, {}",
        env!("CARGO_PKG_VERSION"),
        rusqlite::version(),
        kernel.trim(),
        raw::libc_version()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn a_database_must_fit_in_memory() {
        assert_eq!(judge(1 << 30, Some(500 << 20)).status, Status::Ok);
        assert_eq!(judge(1 << 30, Some(700 << 20)).status, Status::Warn);
        assert_eq!(judge(1 << 30, None).status, Status::Ok);
    }
}
