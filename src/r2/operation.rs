//! Which of R2's operations a request is: what the client and the local cloud count.

use http::{HeaderMap, Method};

use crate::metrics::{Counter, R2Metrics};

/// A request, by what R2 charges for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// An upload, or a step of a multipart upload.
    Put,
    /// A download.
    Get,
    /// A question about one object.
    Head,
    /// A page of names.
    List,
    /// A copy.
    Copy,
    /// One object, up to 1,000 of them, or an unfinished upload.
    Delete,
}

impl Operation {
    /// What a request of the S3 protocol does.
    pub fn of(method: &Method, query: &str, headers: &HeaderMap) -> Operation {
        let asks = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
        match method.as_str() {
            "PUT" if headers.contains_key("x-amz-copy-source") => Operation::Copy,
            "DELETE" => Operation::Delete,
            "POST" if asks("delete") => Operation::Delete,
            "HEAD" => Operation::Head,
            "GET" if asks("list-type") || asks("prefix") || asks("uploads") => Operation::List,
            "GET" => Operation::Get,
            _ => Operation::Put,
        }
    }
}

impl R2Metrics {
    /// The counter of an operation.
    pub fn of(&self, operation: Operation) -> &Counter {
        match operation {
            Operation::Put => &self.put,
            Operation::Get => &self.get,
            Operation::Head => &self.head,
            Operation::List => &self.list,
            Operation::Copy => &self.copy,
            Operation::Delete => &self.delete,
        }
    }
}

/// How many requests of each kind there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Uploads and their parts.
    pub put: u64,
    /// Downloads and their ranges.
    pub get: u64,
    /// Questions about one object.
    pub head: u64,
    /// Pages of names.
    pub list: u64,
    /// Copies.
    pub copy: u64,
    /// Deletions.
    pub delete: u64,
}

impl Requests {
    /// The counters as they are now.
    pub fn read(metrics: &R2Metrics) -> Requests {
        let count = |operation| metrics.of(operation).get();
        Requests {
            put: count(Operation::Put),
            get: count(Operation::Get),
            head: count(Operation::Head),
            list: count(Operation::List),
            copy: count(Operation::Copy),
            delete: count(Operation::Delete),
        }
    }

    /// What came since `earlier`.
    pub fn since(self, earlier: Requests) -> Requests {
        Requests {
            put: self.put - earlier.put,
            get: self.get - earlier.get,
            head: self.head - earlier.head,
            list: self.list - earlier.list,
            copy: self.copy - earlier.copy,
            delete: self.delete - earlier.delete,
        }
    }

    /// All of them.
    pub fn total(self) -> u64 {
        self.put + self.get + self.head + self.list + self.copy + self.delete
    }
}
