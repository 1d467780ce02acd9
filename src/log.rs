//! The log, to stderr, and the last error that went into it.

use std::sync::Once;

use crate::config;
use crate::lock::Mutex;

/// Starts the log with the filter of `LITEFLARE_LOG`. The first call counts.
pub fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let filter = tracing_subscriber::EnvFilter::new(config::log_filter());
        // Fails only when the host process has a log already, and then that one is used.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_target(false)
            .try_init();
    });
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
