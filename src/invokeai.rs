//! All that is known of InvokeAI, as data: what it is called, where it keeps what, which files its rows stand for, and how its
//! commands are told their root. Nothing here depends on anything else of liteflare.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What people call it.
pub const NAME: &str = "InvokeAI";

/// What its Python package is called, and what a D1 database and a bucket are called when nobody says.
pub const PACKAGE: &str = "invokeai";

/// The command that starts it: a script whose first line names its Python.
pub const COMMAND: &str = "invokeai-web";

/// The variable that names its root.
pub const ROOT_VARIABLE: &str = "INVOKEAI_ROOT";

/// Its root below the home folder when nobody says.
pub const ROOT_FOLDER: &str = "invokeai";

/// Its own settings, below the root; written by its first start.
pub const SETTINGS_FILE: &str = "invokeai.yaml";

/// Its database, below the root.
pub const DATABASE: &str = "databases/invokeai.db";

/// Names in its media folders that begin like this are journals, by which it ends an interrupted deletion at its next start.
pub const JOURNAL: &str = ".delete_";

/// A media folder, and the files that the rows of one table have there.
pub struct Media {
    /// Relative to the root.
    pub folder: &'static str,
    /// The table.
    pub table: &'static str,
    /// The column with the name or the id.
    pub name: &'static str,
    /// The column with the folder below, in newer versions.
    pub subfolder: Option<&'static str>,
    /// The files of a row, `{stem}` and `{name}` standing for the name without and with its extension, `{sub}` for the folder below.
    pub required: &'static [&'static str],
    /// Files that a row may have.
    pub possible: &'static [&'static str],
}

/// Its media folders and their tables, as its `*_files_disk.py`, `*_images_disk.py` and the like have it.
pub const MEDIA: &[Media] = &[
    Media {
        folder: "outputs/images",
        table: "images",
        name: "image_name",
        subfolder: Some("image_subfolder"),
        required: &["{sub}{name}", "thumbnails/{sub}{stem}.webp"],
        possible: &[],
    },
    Media {
        folder: "outputs/videos",
        table: "videos",
        name: "video_name",
        subfolder: Some("video_subfolder"),
        required: &["{sub}{name}"],
        possible: &["thumbnails/{sub}{stem}.webp", "sidecars/{sub}{stem}.json"],
    },
    Media::picture("style_presets/images", "style_presets", "id"),
    Media::picture("workflow_thumbnails", "workflow_library", "workflow_id"),
    Media::picture("models/model_images", "models", "id"),
];

impl Media {
    /// A row may have a picture that is called by its id.
    const fn picture(folder: &'static str, table: &'static str, name: &'static str) -> Media {
        Media { folder, table, name, subfolder: None, required: &[], possible: &["{name}.webp"] }
    }
}

/// The prefixes that the media folders have in a bucket when nobody says, as `LITEFLARE_R2_PATHS` has them.
pub const PREFIXES: &str = "outputs/images=images:outputs/videos=videos:style_presets/images=style_presets:\
                            workflow_thumbnails=workflow_thumbnails:models/model_images=model_images";

/// The value of `--root DIR`, `--root=DIR` or `-r DIR` among the arguments of one of its commands; the last one counts.
pub fn root_argument(args: &[OsString]) -> Option<PathBuf> {
    let mut root = None;
    for (at, arg) in args.iter().enumerate() {
        if arg == "--root" || arg == "-r" {
            root = args.get(at + 1).map(OsString::as_os_str).or(root);
        } else if let Some(joined) = arg.as_bytes().strip_prefix(b"--root=") {
            root = Some(OsStr::from_bytes(joined));
        }
    }
    root.map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_of(args: &[&str]) -> Option<PathBuf> {
        root_argument(&args.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_root_is_found_in_each_spelling_and_the_last_one_counts() {
        assert_eq!(root_of(&["--root", "/a", "--port", "1"]), Some("/a".into()));
        assert_eq!(root_of(&["x", "--root=/b"]), Some("/b".into()));
        assert_eq!(root_of(&["-r", "/b"]), Some("/b".into()));
        assert_eq!(root_of(&["--root=/b", "--root", "/c"]), Some("/c".into()));
        assert_eq!(root_of(&["--rooted", "/a", "--root"]), None);
    }

    #[test]
    fn each_media_folder_has_its_prefix() {
        let mapped = PREFIXES.split(':').map(|entry| entry.split_once('=').expect("folder=prefix").0);
        assert!(mapped.eq(MEDIA.iter().map(|media| media.folder)));
    }
}
