//! What the bytes of a large file are recognized by, where there is no room for a second copy of them: the SHA-256 sums of its pieces.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::errno::{Errno, Result};
use super::memfd::Memfd;
use crate::lock::Mutex;
use crate::r2::Source;

/// Bytes read at a time.
const PIECE_BYTES: usize = 1 << 20;

type Sum = [u8; 32];

/// What the bytes of a large file are recognized by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    size: u64,
    /// Where each piece begins, and its sum.
    pieces: BTreeMap<u64, Sum>,
}

impl Fingerprint {
    /// Of what a file holds now.
    pub(crate) fn of(file: &Memfd) -> Result<Fingerprint> {
        let size = file.len()?;
        let mut pieces = BTreeMap::new();
        for start in (0..size).step_by(PIECE_BYTES) {
            pieces.insert(start, sum(&file.read_range(piece(start, size))?));
        }
        Ok(Fingerprint { size, pieces })
    }

    /// Of bytes that are all here.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Fingerprint {
        Fingerprint { size: bytes.len() as u64, pieces: sums(0, bytes).collect() }
    }

    /// Whether a file holds these bytes.
    pub(crate) fn is_of(&self, file: &Memfd) -> Result<bool> {
        if file.len()? != self.size {
            return Ok(false);
        }
        for (start, expected) in &self.pieces {
            if sum(&file.read_range(piece(*start, self.size))?) != *expected {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn piece(start: u64, size: u64) -> Range<u64> {
    start..size.min(start + PIECE_BYTES as u64)
}

/// The sums of the pieces of `bytes`, which begin at `start`, with where each begins.
fn sums(start: u64, bytes: &[u8]) -> impl Iterator<Item = (u64, Sum)> {
    (start..).step_by(PIECE_BYTES).zip(bytes.chunks(PIECE_BYTES)).map(|(start, bytes)| (start, sum(bytes)))
}

fn sum(bytes: &[u8]) -> Sum {
    Sha256::digest(bytes).into()
}

/// A file that is being uploaded, and the sums of what was read of it: a program may go on writing meanwhile.
pub(crate) struct Fingerprinted {
    file: Memfd,
    /// Rank 9. Held to note a sum.
    pieces: Mutex<BTreeMap<u64, Sum>, 9>,
}

impl Fingerprinted {
    /// Of a file that the upload opens once more.
    pub(crate) fn new(file: &Memfd) -> Result<Fingerprinted> {
        Ok(Fingerprinted { file: file.again()?, pieces: Mutex::default() })
    }

    /// Of what was read last.
    pub(crate) fn fingerprint(&self, size: u64) -> Fingerprint {
        Fingerprint { size, pieces: self.pieces.lock().clone() }
    }
}

impl Source for Fingerprinted {
    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let bytes = self.file.read_range(range.clone()).map_err(|Errno(errno)| io::Error::from_raw_os_error(errno))?;
        let sums: Vec<_> = sums(range.start, &bytes).collect(); // not under the lock
        self.pieces.lock().extend(sums);
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_recognized_by_every_byte() {
        let bytes: Vec<u8> = (0..2 * PIECE_BYTES as u32 + 5).map(|number| (number / 7) as u8).collect();
        let file = Memfd::new("test", &bytes).unwrap();
        let print = Fingerprint::of(&file).unwrap();
        assert_eq!(print, Fingerprint::of_bytes(&bytes));
        assert!(print.is_of(&file).unwrap());
        for at in [0, PIECE_BYTES, bytes.len() - 1] {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(!print.is_of(&Memfd::new("test", &other).unwrap()).unwrap(), "{at}");
        }
        assert!(!print.is_of(&Memfd::new("test", &bytes[1..]).unwrap()).unwrap());
        assert!(!print.is_of(&Memfd::new("test", &[]).unwrap()).unwrap());
    }

    #[test]
    fn an_upload_knows_what_it_has_read() {
        let bytes: Vec<u8> = (0..3 * PIECE_BYTES as u32).map(|number| (number / 11) as u8).collect();
        let file = Memfd::new("test", &bytes).unwrap();
        let source = Fingerprinted::new(&file).unwrap();
        let (size, half) = (bytes.len() as u64, 2 * PIECE_BYTES as u64);
        assert_eq!(source.read(half..size).unwrap(), bytes[half as usize..]);
        assert_eq!(source.read(0..half).unwrap(), bytes[..half as usize]);
        file.append(b"more").unwrap();
        assert_eq!(source.fingerprint(size), Fingerprint::of_bytes(&bytes));
        assert!(!source.fingerprint(size).is_of(&file).unwrap());
    }
}
