//! SQLite's file system interface. `raw` speaks C on one side and the two traits below on the other; `scratch` serves images to the
//! SQLite inside this library, whose connections `inner` opens. Whose files there are, and what is in them, is the business of the rooms above.

pub(crate) mod inner;
pub mod raw;
pub mod scratch;

use std::ffi::{CStr, c_int};

/// A result code of SQLite's.
pub type Code = c_int;

/// Answers for the paths a VFS serves itself; `None` passes the call on to the VFS below, if it has others.
pub trait Vfs: Sync {
    /// Opens the main database file `path`.
    fn open(&self, path: &CStr, flags: c_int) -> Option<Result<Box<dyn File>, Code>>;
    /// Whether `path` exists.
    fn exists(&self, path: &CStr) -> Option<bool>;
    /// Whether `name` is to be taken as it stands, without making it absolute.
    fn is_full_path(&self, name: &CStr) -> bool;
    /// Whether the VFS below serves all other paths. If not, there are none.
    fn has_others(&self) -> bool;
}

/// SQLite's five lock levels (`lockingv3`); what each means for a replica stands in `serve::file`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockLevel {
    /// No lock.
    None,
    /// Reading.
    Shared,
    /// Reading, and about to write.
    Reserved,
    /// Waiting for readers to leave.
    Pending,
    /// Writing.
    Exclusive,
}

impl LockLevel {
    fn of(level: c_int) -> LockLevel {
        match level {
            0 => LockLevel::None,
            1 => LockLevel::Shared,
            2 => LockLevel::Reserved,
            3 => LockLevel::Pending,
            _ => LockLevel::Exclusive,
        }
    }
}

/// What a file does with a PRAGMA before SQLite sees it.
pub enum Pragma {
    /// SQLite goes on as usual.
    PassOn,
    /// The pragma is done; this is its result.
    Answer(String),
    /// The pragma fails with this message.
    Refuse(String),
}

/// A connection's database file. SQLite calls with the connection's mutex held: never two calls at once.
pub trait File: Send {
    /// Fills `buffer` from `offset` on; what lies past the end becomes zeros. Returns whether all bytes existed.
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<bool, Code>;
    /// Writes `bytes` at `offset`.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Code>;
    /// Sets the file's length.
    fn truncate(&mut self, size: u64) -> Result<(), Code>;
    /// The file's length.
    fn size(&mut self) -> Result<u64, Code>;
    /// All pages of a transaction are written and SQLite is about to end it (or has just undone it).
    fn end_of_transaction(&mut self) -> Result<(), Code>;
    /// Raises the lock.
    fn lock(&mut self, level: LockLevel) -> Result<(), Code>;
    /// Lowers the lock, to `Shared` or `None`.
    fn unlock(&mut self, level: LockLevel);
    /// Whether some connection holds `Reserved` or more.
    fn is_reserved(&self) -> bool;
    /// A PRAGMA statement, its name in lower case.
    fn pragma(&mut self, name: &str, value: Option<&str>) -> Pragma;
}
