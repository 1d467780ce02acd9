//! The rows of one statement while its answer arrives.
//!
//! One request, so one state of the database, however many rows there are; what waits to be taken stays with D1 and on the way.
//! A row may be taken before the answer's end is there, and the end may still bring an error. There is no bound for all of it: a row
//! goes to whoever asked for it before the next one is waited for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::answer::{SendError, StatementResult, result};
use super::bounds;
use super::client::Client;
use super::scanner::Scanner;
use super::statement::Statement;
use crate::cloudflare::Reply;
use crate::metrics::Metrics;
use crate::runtime::Runtime;

/// The rows of one statement. Dropping it ends the request.
pub struct RowStream {
    runtime: Arc<Runtime>,
    /// `None`: all of it has arrived.
    response: Option<reqwest::Response>,
    answer_time: Duration,
    scanner: Scanner,
    metrics: Arc<Metrics>,
}

impl Client {
    /// Asks for the rows of a statement that only reads. Until the first row is there it is tried again, as long as the deadline allows.
    pub fn stream(&self, statement: &Statement) -> Result<RowStream, SendError> {
        self.retrying(|| self.open_stream(statement))
    }

    fn open_stream(&self, statement: &Statement) -> Result<RowStream, SendError> {
        let body = serde_json::json!({ "batch": [statement] }).to_string();
        let (runtime, request) = self.query(body)?;
        let answer_time = self.answer_time();
        let response = wait(&runtime, answer_time, request.send())?;
        let status = response.status();
        if !status.is_success() {
            let reply = wait(&runtime, answer_time, Reply::read(response, bounds::ROWS))?;
            let answered: Vec<StatementResult> = self.read(&reply)?;
            return Err(SendError::Unknown(format!("HTTP {status} with {} results", answered.len())));
        }
        let (scanner, metrics) = (Scanner::default(), Arc::clone(&self.metrics));
        let mut stream = RowStream { runtime, response: Some(response), answer_time, scanner, metrics };
        stream.fill()?;
        Ok(stream)
    }
}

impl RowStream {
    /// The next row, as JSON text. `None`: there is none, and D1 says that all went well.
    pub fn next_row(&mut self) -> Result<Option<Vec<u8>>, SendError> {
        self.fill()?;
        Ok(self.scanner.pop())
    }

    /// Waits until there is a row or the answer's end.
    fn fill(&mut self) -> Result<(), SendError> {
        while !self.scanner.has_row() {
            let Some(mut response) = self.response.take() else { return Ok(()) };
            let piece = async move { response.chunk().await.map(|piece| (response, piece)) };
            match wait(&self.runtime, self.answer_time, piece)? {
                (response, Some(bytes)) => {
                    self.metrics.d1_bytes_received.add(bytes.len());
                    self.scanner.push(&bytes)?;
                    self.response = Some(response);
                }
                (_, None) => end(&self.scanner)?,
            }
        }
        Ok(())
    }
}

/// Whether all went well, as an answer that was read to its end says.
pub(super) fn end(scanner: &Scanner) -> Result<(), SendError> {
    let rest = Bytes::copy_from_slice(scanner.rest());
    let reply = Reply { status: 200, retry_after: None, ray: None, redirect: None, body: Ok(rest) };
    let results: Vec<StatementResult> = result(&reply)?;
    StatementResult::all_good(&results)?;
    // They stand under names that JSON lets one write in other ways than D1 does: taken for none, they would be lost.
    if results.iter().any(|result| !result.results.rows.is_empty()) {
        return Err(SendError::Unknown(
            "D1's answer cannot be understood: its rows are not where they should be".into(),
        ));
    }
    Ok(())
}

impl Drop for RowStream {
    fn drop(&mut self) {
        if !self.runtime.is_good() {
            std::mem::forget(self.response.take()); // of a connection whose descriptor may be another file's by now
        }
    }
}

/// Waits so long for a part of an answer.
fn wait<T: Send + 'static>(
    runtime: &Runtime,
    answer_time: Duration,
    part: impl Future<Output = reqwest::Result<T>> + Send + 'static,
) -> Result<T, SendError> {
    let part = runtime.wait(async move { tokio::time::timeout(answer_time, part).await });
    let part = part.ok_or_else(SendError::interrupted)?;
    let part = part.map_err(|_| SendError::Unknown(format!("no answer from D1 in {answer_time:?}")))?;
    part.map_err(|error| SendError::no_answer(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_under_a_name_that_is_written_otherwise_are_not_lost() {
        let read = |name: &str| {
            let mut scanner = Scanner::default();
            let answer = format!(r#"{{"success":true,"result":[{{"results":{{"{name}":[["i1"]]}}}}]}}"#);
            let taken = scanner.push(answer.as_bytes());
            (taken.is_ok() && scanner.has_row(), end(&scanner))
        };
        assert!(matches!(read("rows"), (true, Ok(()))));
        assert!(matches!(read(r"r\u006fws"), (false, Err(SendError::Unknown(_)))));
    }
}
