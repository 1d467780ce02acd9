//! Directories of the mapped folders: making, removing and listing them. A bucket has none, only keys with `/` in them.

use std::collections::BTreeMap;

use super::directories::Entry;
use super::errno::{Errno, Result};
use super::paths::{Place, Prefix};
use super::store::{Node, Store};
use crate::r2::Name;

impl Store {
    /// Makes a directory, without a request: a bucket has no directories, only keys with `/` in them.
    pub(crate) fn mkdir(&self, place: &Place) -> Result<()> {
        let key = place.key().ok_or(Errno(libc::EEXIST))?;
        self.check_new(key)?;
        let prefix = key.prefix();
        let known = self.objects.known_name(key.as_str());
        let is_deferred = self.deferred.has(key);
        let is_there = match known {
            // The bucket is asked again if that was a while ago: the file may be gone.
            Name::Present { .. } if !is_deferred => !matches!(self.node(key)?, Node::Missing),
            _ => self.open_for_writing(key).is_some() || self.is_known_directory(&prefix),
        };
        if is_there {
            return Err(Errno(libc::EEXIST));
        }
        // It counts as new only if a listing says so; the bucket is not asked.
        let is_absent = is_deferred || matches!(known, Name::Absent { .. });
        let is_new = is_absent && self.objects.known_below(prefix.folder()) == Some(false);
        self.directories.lock().make(&prefix, is_new);
        Ok(())
    }

    /// Removes an empty directory.
    pub(crate) fn rmdir(&self, place: &Place) -> Result<()> {
        let key = place.key().ok_or(Errno(libc::EBUSY))?;
        match self.node(key)? {
            Node::Directory => {}
            Node::Missing => return Err(self.absent(key)),
            Node::Open(_) | Node::File(_) => return Err(Errno(libc::ENOTDIR)),
        }
        let prefix = key.prefix();
        self.deferred.delete_below(&prefix)?;
        if !self.is_empty(place)? {
            return Err(Errno(libc::ENOTEMPTY));
        }
        let mut made = self.directories.lock();
        made.remove(&prefix)?;
        made.keep_parent(key);
        Ok(())
    }

    /// Whether a directory has no entries. For one that was made here and that nobody else knows of, the bucket is not asked.
    pub(super) fn is_empty(&self, place: &Place) -> Result<bool> {
        let prefix = place.prefix();
        let is_known_empty = self.objects.known_below(prefix.folder()) == Some(false);
        if is_known_empty && self.directories.lock().is_private(&prefix.join("x")) {
            let has_open = !self.written_below(&prefix).is_empty();
            return Ok(!has_open && self.directories.lock().names_in(&prefix).is_empty());
        }
        Ok(self.entries(place)?.is_empty())
    }

    /// The entries of a directory, by name.
    pub(crate) fn entries(&self, place: &Place) -> Result<Vec<Entry>> {
        let prefix = place.prefix();
        let mut entries = self.listed(&prefix)?;
        let deferred = self.deferred.keys();
        entries.retain(|name, is_directory| *is_directory || !deferred.contains(&prefix.join(name)));
        entries.extend(self.directories.lock().names_in(&prefix).into_iter().map(|name| (name, true)));
        for key in self.written_below(&prefix) {
            if let Some(rest) = key.as_str().strip_prefix(prefix.as_str()) {
                let (name, is_directory) = rest.split_once('/').map_or((rest, false), |(name, _)| (name, true));
                entries.insert(name.to_string(), is_directory);
            }
        }
        if entries.is_empty()
            && let Some(key) = place.key()
        {
            match self.node(key)? {
                Node::Directory => {}
                Node::Missing => return Err(self.absent(key)),
                Node::Open(_) | Node::File(_) => return Err(Errno(libc::ENOTDIR)),
            }
        }
        Ok(entries.into_iter().map(|(name, is_directory)| Entry { name, is_directory }).collect())
    }

    /// Names directly below a prefix, and whether they are directories. All that lies below is listed at once: from then on every
    /// name there is known, down to the thumbnails of the images.
    fn listed(&self, prefix: &Prefix) -> Result<BTreeMap<String, bool>> {
        let name = |key: &str| key.strip_prefix(prefix.as_str()).unwrap_or(key).to_string();
        let is_ours = self.directories.lock().is_private(&prefix.join("x"));
        if let Some(level) = self.objects.known_level(prefix.folder(), is_ours) {
            let folders = level.folders.iter().map(|folder| (name(folder), true));
            return Ok(folders.chain(level.objects.iter().map(|meta| (name(&meta.key), false))).collect());
        }
        let below = self.objects.list(prefix.folder())?;
        let split = below.iter().map(|meta| match name(&meta.key).split_once('/') {
            Some((folder, _)) => (folder.to_string(), true),
            None => (name(&meta.key), false),
        });
        Ok(split.collect())
    }
}
