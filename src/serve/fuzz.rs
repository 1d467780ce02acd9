//! What must hold of any file at a database's path, and of any name that a marker tells.

use std::fs;
use std::path::Path;

use super::marker::{MOST_BYTES, check, is_marker, leave};
use crate::config::fuzz::settings;

/// Takes `input` for the file at the path, and then for the name of a database.
pub fn marker_file(input: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("x.db");
    fs::write(&path, input).expect("a temporary file");
    let is_free = check(&path).is_ok();
    assert_eq!(is_free, input.is_empty() || is_marker(input));
    assert!(!(is_free && input.starts_with(b"SQLite format 3\0")), "a database is never taken for a marker");
    assert_eq!(fs::read(&path).expect("it is there"), input, "who looks changes nothing");
    if is_free {
        left_at(&path, "database");
    }
    left_at(&folder.path().join("new.db"), &String::from_utf8_lossy(input));
}

/// A marker that was left is one, for whoever looks at its first bytes, and is left as it is the next time.
fn left_at(path: &Path, database: &str) {
    let Some(settings) = &settings(database) else { return }; // no name
    assert!(leave(path, settings).is_ok() && check(path).is_ok());
    let text = fs::read(path).expect("it was left");
    assert!(is_marker(&text) && text.len() as u64 <= MOST_BYTES, "{} bytes", text.len());
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 4, "a name has no lines of its own");
    assert!(leave(path, settings).is_ok() && fs::read(path).is_ok_and(|again| again == text));
}
