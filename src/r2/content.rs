//! The bytes of an object: small ones are held in memory, as the cache holds them; large ones go, part by part as they come, where
//! whoever wants them says.

use std::fs::File;
use std::io::{self, Write};

use bytes::Bytes;

/// Objects up to this size are held; larger ones would leave too little room for others in the cache.
pub const HELD_BYTES: u64 = 64 << 20;

/// The bytes of an object.
#[derive(Debug)]
pub enum Content<S> {
    /// A small one's.
    Held(Bytes),
    /// A large one's, all of which have gone into what was made for them.
    Poured(S),
}

/// What takes the bytes of a large object, in their order.
pub trait Sink: Send + 'static {
    /// Takes the next ones.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl Sink for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }
}
