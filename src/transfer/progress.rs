//! What a transfer reports of its progress. How it is shown is up to the caller.

/// A part of a transfer that takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading the local database; in rows.
    CheckDatabase,
    /// Comparing rows with D1's; in rows.
    CompareRows,
    /// Sending rows to D1; in rows.
    SendRows,
    /// Comparing local files with objects of the same size; in bytes.
    CompareFiles,
    /// Sending files to R2; in bytes.
    SendFiles,
    /// Fetching objects from R2; in bytes.
    FetchFiles,
}

impl Step {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Step::CheckDatabase => "checking the database",
            Step::CompareRows => "comparing with D1",
            Step::SendRows => "sending rows",
            Step::CompareFiles => "comparing files",
            Step::SendFiles => "sending files",
            Step::FetchFiles => "fetching files",
        }
    }

    /// Whether it counts bytes rather than rows.
    pub fn counts_bytes(self) -> bool {
        matches!(self, Step::CompareFiles | Step::SendFiles | Step::FetchFiles)
    }
}

/// A report of progress.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A step begins. The number: how much it has to do.
    Begins(Step, u64),
    /// This much more of the step is done.
    Advances(u64),
    /// The step is done.
    Ends,
}

/// Receives the events; may be called from any thread.
pub type Progress<'p> = &'p (dyn Fn(Event) + Sync);
