//! How large R2's answers may be, from what was asked, and how large objects are.

use http::header::RANGE;
use object_store::client::HttpRequest;

use super::operation::Operation;
use crate::cloudflare::Oversized;

/// The largest object; R2's documentation, "Limits": 5 TiB.
pub(super) const OBJECT_BYTES: u64 = 5 << 40;

/// Names on a page of a listing, and keys in one deletion; R2's documentation.
pub(super) const PAGE_KEYS: usize = 1000;

/// An ETag is a checksum in hex digits and the number of parts. A gateway in front of another store may have longer ones.
pub(super) const ETAG: Oversized = Oversized { most: 1024, what: "an ETag" };

/// What is read of an answer that says no: the code and the reason stand at its top.
pub(super) const ERROR_BYTES: u64 = 64 << 10;

/// An answer that names up to 1,000 keys: each has up to 1 KiB, up to six times that as XML, and what goes with it.
const KEYS: Oversized = Oversized { most: 8 << 20, what: "an answer of R2 with 1,000 keys" };

/// An answer that says that something was done.
const DONE: Oversized = Oversized { most: 64 << 10, what: "an answer of R2 without an object or a list" };

/// The answer to a request that asks for no range: of an object, that is one that was empty a moment ago.
const WHOLE: Oversized = Oversized { most: super::read::RANGE_BYTES, what: "a small object" };

/// The answer to a request, if it is carried out.
pub(super) fn of(operation: Operation, request: &HttpRequest) -> Oversized {
    match operation {
        Operation::Get => {
            let range = request.headers().get(RANGE).and_then(|range| range_bytes(range.to_str().ok()?));
            range.map_or(WHOLE, |most| Oversized { most, what: "the range of an object that was asked for" })
        }
        Operation::List | Operation::Delete => KEYS,
        Operation::Put | Operation::Head | Operation::Copy => DONE,
    }
}

/// The bytes of a range, as our own requests name it.
fn range_bytes(range: &str) -> Option<u64> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    last.checked_sub(first)?.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_so_many_bytes() {
        assert_eq!(range_bytes("bytes=0-8388607"), Some(8 << 20));
        assert_eq!(range_bytes("bytes=5-5"), Some(1));
        assert_eq!(["bytes=5-", "bytes=-5", "bytes=5-4", "bytes=0-18446744073709551615"].map(range_bytes), [None; 4]);
    }
}
