//! The rows of one statement while its answer arrives.
//!
//! One request, so one state of the database, however many rows there are; what waits to be taken stays with D1 and on the way.
//! A row may be taken before the answer's end is there, and the end may still bring an error.

use std::sync::Arc;

use super::client::{answer, interrupted, no_answer, retry_after};
use super::scanner::Scanner;
use super::{Client, Rows, SendError, Statement};
use crate::metrics::Metrics;
use crate::runtime::Runtime;

/// The rows of one statement. Dropping it ends the request.
pub struct RowStream {
    runtime: Arc<Runtime>,
    /// `None`: all of it has arrived.
    response: Option<reqwest::Response>,
    patience: std::time::Duration,
    scanner: Scanner,
    metrics: Arc<Metrics>,
}

impl Client {
    /// Asks for the rows of a statement that only reads. Until the first row is there it is tried again, as long as the deadline allows.
    pub fn stream(&self, statement: &Statement) -> Result<RowStream, SendError> {
        self.patiently(|| self.open_stream(statement))
    }

    fn open_stream(&self, statement: &Statement) -> Result<RowStream, SendError> {
        let body = serde_json::json!({ "batch": [statement] }).to_string();
        let (runtime, request) = self.prepare(reqwest::Method::POST, &self.raw_url(), body)?;
        let patience = self.answer_time();
        let response = wait(&runtime, patience, request.send())?.map_err(|error| no_answer(&error))?;
        let status = response.status();
        if !status.is_success() {
            let retry_after = retry_after(response.headers());
            let body = wait(&runtime, patience, response.bytes())?.map_err(|error| no_answer(&error))?;
            self.metrics.d1_bytes_received.add(body.len());
            let answered: Vec<Rows> = answer(status.as_u16(), retry_after, &body)?;
            return Err(SendError::Unknown(format!("HTTP {status} with {} results", answered.len())));
        }
        let (scanner, metrics) = (Scanner::default(), self.metrics.clone());
        let mut stream = RowStream { runtime, response: Some(response), patience, scanner, metrics };
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
            let piece = async move {
                let piece = response.chunk().await;
                (response, piece)
            };
            let (response, piece) = wait(&self.runtime, self.patience, piece)?;
            match piece.map_err(|error| no_answer(&error))? {
                Some(bytes) => {
                    self.metrics.d1_bytes_received.add(bytes.len());
                    self.scanner.push(&bytes);
                    self.response = Some(response);
                }
                None => {
                    answer::<Vec<Rows>>(200, None, self.scanner.rest())?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for RowStream {
    fn drop(&mut self) {
        if !self.runtime.is_good() {
            std::mem::forget(self.response.take()); // of a connection whose descriptor may be another file's by now
        }
    }
}

fn wait<T: Send + 'static>(
    runtime: &Runtime,
    patience: std::time::Duration,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, SendError> {
    let late = move |_| SendError::Unknown(format!("no answer from D1 in {patience:?}"));
    runtime
        .wait(async move { tokio::time::timeout(patience, work).await.map_err(late) })
        .unwrap_or_else(|| Err(interrupted()))
}
