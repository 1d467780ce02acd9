//! Open files. A file that is only read is a copy of its object's bytes. A file that may be written is an [`Inode`]: all who have it
//! open share its bytes, and `close` and `fsync` put them into the bucket when they have changed.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use parking_lot::Mutex;

use super::errno::Result;
use super::memfd::Memfd;
use super::paths::ObjectKey;
use super::stat::Attributes;

/// A file that may be written.
pub struct Inode {
    /// The bytes.
    pub memfd: Memfd,
    /// The process that will put them into the bucket. A child made by `fork` shares the bytes, but leaves that to its parent.
    pub pid: u32,
    /// Rank 6. Held to look at or change the fields.
    pub state: Mutex<State>,
    /// Held while the bytes are put into the bucket, so that two puts of the same file cannot pass each other. Rank 4.
    pub uploading: Mutex<()>,
}

/// What becomes of a file's bytes.
pub struct State {
    /// Where they belong; `None`: unlinked, they go nowhere.
    pub key: Option<ObjectKey>,
    /// What the bucket holds; `None`: nothing yet, so that even an empty file has to be put.
    pub stored: Option<Bytes>,
    /// Opened with O_EXCL, and not put yet: nobody else may have made it in the meantime.
    pub must_be_new: bool,
    /// The inode number it was opened with, which a rename does not change while it is open.
    pub inode: u64,
}

impl Inode {
    /// What `fstat` says.
    pub fn attributes(&self) -> Result<Attributes> {
        let (size, modified) = (self.memfd.len()?, self.memfd.modified()?);
        Ok(Attributes { inode: self.state.lock().inode, is_directory: false, size, modified })
    }

    /// Whether the bytes differ from what the bucket holds.
    pub fn is_changed(&self) -> Result<bool> {
        let stored = self.state.lock().stored.clone();
        stored.map_or(Ok(true), |stored| Ok(!self.memfd.holds(&stored)?))
    }
}

/// An open file: what descriptors made by `dup` share.
pub enum OpenFile {
    /// Opened for reading only, when nobody was writing it.
    Read {
        /// What `fstat` says.
        attributes: Attributes,
    },
    /// A file that somebody may write.
    Shared {
        /// Its bytes.
        inode: Arc<Inode>,
        /// Whether this open file may write them.
        writes: bool,
    },
}

impl OpenFile {
    /// What `fstat` says.
    pub fn attributes(&self) -> Result<Attributes> {
        match self {
            OpenFile::Read { attributes } => Ok(*attributes),
            OpenFile::Shared { inode, .. } => inode.attributes(),
        }
    }
}

/// A new file's time, or one whose object has none.
pub fn now() -> SystemTime {
    SystemTime::now()
}
