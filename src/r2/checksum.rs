//! The checksum that R2 keeps of an object, made of the bytes that are sent or received.

use md5::{Digest, Md5};

use super::multipart::part_bytes;

/// What the ETag of an object with these bytes is: their MD5, or after an upload in parts the MD5 of the parts' MD5s and how many there
/// were.
pub struct Checksum {
    part_bytes: u64,
    in_part: u64,
    whole: Md5,
    part: Md5,
    parts: Vec<u8>,
    size: u64,
}

impl Checksum {
    /// The checksum of nothing yet; the file will have `size` bytes.
    pub fn new(size: u64) -> Checksum {
        Checksum {
            part_bytes: part_bytes(size),
            in_part: 0,
            whole: Md5::new(),
            part: Md5::new(),
            parts: Vec::new(),
            size: 0,
        }
    }

    /// Takes the next bytes.
    pub fn add(&mut self, mut bytes: &[u8]) {
        self.whole.update(bytes);
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = usize::try_from(self.part_bytes - self.in_part).unwrap_or(usize::MAX);
            let (now, rest) = bytes.split_at(bytes.len().min(room));
            self.part.update(now);
            self.in_part += now.len() as u64;
            if self.in_part == self.part_bytes {
                self.end_part();
            }
            bytes = rest;
        }
    }

    fn end_part(&mut self) {
        self.parts.extend_from_slice(&self.part.finalize_reset());
        self.in_part = 0;
    }

    /// Bytes taken.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The ETags an object with these bytes may have here: sent in one request, and in parts.
    pub fn etags(mut self) -> [String; 2] {
        if self.in_part > 0 || self.parts.is_empty() {
            self.end_part();
        }
        let count = self.parts.len() / 16;
        [hex::encode(self.whole.finalize()), format!("{}-{count}", hex::encode(Md5::digest(&self.parts)))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::r2::multipart::PART_BYTES;

    fn etags(bytes: &[u8], step: usize) -> [String; 2] {
        let mut checksum = Checksum::new(bytes.len() as u64);
        bytes.chunks(step).for_each(|chunk| checksum.add(chunk));
        checksum.etags()
    }

    #[test]
    fn checksums_do_not_depend_on_how_the_bytes_come() {
        let bytes: Vec<u8> = (0..PART_BYTES as u32 * 2 + 5).map(|n| n as u8).collect();
        let parts: Vec<u8> = bytes.chunks(PART_BYTES).flat_map(|part| Md5::digest(part).to_vec()).collect();
        let expected = [hex::encode(Md5::digest(&bytes)), format!("{}-3", hex::encode(Md5::digest(&parts)))];
        assert_eq!(etags(&bytes, PART_BYTES), expected);
        assert_eq!(etags(&bytes, 1_000_003), expected);
        assert_eq!(etags(b"", 1), ["d41d8cd98f00b204e9800998ecf8427e".to_owned(), etags(b"", 1)[1].clone()]);
    }
}
