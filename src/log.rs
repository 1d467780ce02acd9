//! The log, to stderr, and the last error that went into it.

use std::io::Write;
use std::sync::Once;

use crate::config;
use crate::lock::Mutex;
use crate::shown;

/// Starts the log with the filter of `LITEFLARE_LOG`. The first call counts.
pub fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let filter = tracing_subscriber::EnvFilter::new(config::log_filter());
        // Fails only when the host process has a log already, and then that one is used.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(|| Lines(std::io::stderr()))
            .with_target(false)
            .with_ansi(false)
            .try_init();
    });
}

/// Writes each event as one line, whatever the texts in it are: nobody outside may begin a line of ours.
struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    /// `event`: a whole one, as `tracing_subscriber` hands them over.
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = shown::one_line(text.strip_suffix('\n').unwrap_or(&text));
        self.0.write_all(format!("{line}\n").as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// The last error that was logged. Rank 10: held to copy a text.
static LAST: Mutex<Option<String>, 10> = Mutex::new(None);

/// Logs what the application is about to see as a code, without the secrets that it may quote.
pub fn warn(error: &dyn std::fmt::Display) {
    let text = config::masked(error.to_string());
    tracing::warn!("{text}");
    *LAST.lock() = Some(text);
}

/// The last error of this process that was reported to the application, for `liteflare_status`.
pub fn last_error() -> Option<String> {
    LAST.lock().clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let mut written = Vec::new();
        Lines(&mut written).write_all("12:00 WARN a\n12:00 WARN b\x1b[2J\r\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), "12:00 WARN a\\n12:00 WARN b\\u{1b}[2J\\r\n");
    }
}
