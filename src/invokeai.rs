//! All that is known of InvokeAI, as data: what it is called, where it keeps what, which files its rows stand for, and how its
//! commands are told their root. Nothing here depends on anything else of liteflare.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What people call it.
pub const NAME: &str = "InvokeAI";

/// What its Python package is called, and what a D1 database and a bucket are called when nobody says.
pub const PACKAGE: &str = "invokeai";

/// The command that starts it: a script whose first line names its Python.
pub const COMMAND: &str = "invokeai-web";

/// Its other commands, which open the same database.
const TOOLS: [&str; 4] = ["invoke-useradd", "invoke-userdel", "invoke-userlist", "invoke-usermod"];

/// The variable that names its root.
pub const ROOT_VARIABLE: &str = "INVOKEAI_ROOT";

/// Its root below the home folder when nobody says.
pub const ROOT_FOLDER: &str = "invokeai";

/// Its own settings, below the root; written by its first start.
pub const SETTINGS_FILE: &str = "invokeai.yaml";

/// What a setting's variable is called: this, and the setting's name. Letters of either case will do.
pub const VARIABLES: &str = "INVOKEAI_";

/// The section of its settings before version 4, which it brings up to date when it reads them.
pub const OLD_SECTION: &str = "InvokeAI";

/// A folder that a setting of its own names.
#[derive(Debug, PartialEq, Eq)]
pub struct Home {
    /// The setting's name.
    pub setting: &'static str,
    /// What it was called before version 4, if it was called otherwise.
    pub old_setting: Option<&'static str>,
    /// The folder when nobody says, below the root.
    pub default: &'static str,
}

/// Where its database is.
pub const DATABASES: &Home = &Home { setting: "db_dir", old_setting: None, default: "databases" };
const OUTPUTS: &Home = &Home { setting: "outputs_dir", old_setting: Some("outdir"), default: "outputs" };
const PRESETS: &Home = &Home { setting: "style_presets_dir", old_setting: None, default: "style_presets" };
const THUMBNAILS: &Home =
    &Home { setting: "workflow_thumbnails_dir", old_setting: None, default: "workflow_thumbnails" };
const MODELS: &Home = &Home { setting: "models_dir", old_setting: None, default: "models" };

/// The setting that keeps its database in memory alone.
pub const MEMORY_SETTING: &str = "use_memory_db";

/// Its database's file, in [`DATABASES`].
pub const DATABASE_FILE: &str = "invokeai.db";

/// Its database when nobody says, below the root.
pub const DATABASE: &str = "databases/invokeai.db";

/// Names in its media folders that begin like this are journals, by which it ends an interrupted deletion at its next start.
pub const JOURNAL: &str = ".delete_";

/// A media folder, and the files that the rows of one table have there.
pub struct Media {
    /// The folder it is in.
    pub home: &'static Home,
    /// Its place there; empty: it is that folder.
    pub below: &'static str,
    /// What it is called in a bucket when nobody says.
    pub prefix: &'static str,
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
        home: OUTPUTS,
        below: "images",
        prefix: "images",
        table: "images",
        name: "image_name",
        subfolder: Some("image_subfolder"),
        required: &["{sub}{name}", "thumbnails/{sub}{stem}.webp"],
        possible: &[],
    },
    Media {
        home: OUTPUTS,
        below: "videos",
        prefix: "videos",
        table: "videos",
        name: "video_name",
        subfolder: Some("video_subfolder"),
        required: &["{sub}{name}"],
        possible: &["thumbnails/{sub}{stem}.webp", "sidecars/{sub}{stem}.json"],
    },
    Media::picture(PRESETS, "images", "style_presets", "style_presets", "id"),
    Media::picture(THUMBNAILS, "", "workflow_thumbnails", "workflow_library", "workflow_id"),
    Media::picture(MODELS, "model_images", "model_images", "models", "id"),
];

impl Media {
    /// A row may have a picture that is called by its id.
    const fn picture(
        home: &'static Home,
        below: &'static str,
        prefix: &'static str,
        table: &'static str,
        name: &'static str,
    ) -> Media {
        Media { home, below, prefix, table, name, subfolder: None, required: &[], possible: &["{name}.webp"] }
    }

    /// Its folder, if its home is there.
    pub fn folder_in(&self, home: &Path) -> PathBuf {
        if self.below.is_empty() { home.to_path_buf() } else { home.join(self.below) }
    }

    /// Its folder when nobody says, below the root.
    pub fn default_folder(&self) -> PathBuf {
        self.folder_in(Path::new(self.home.default))
    }
}

/// All folders that its settings name.
pub fn homes() -> impl Iterator<Item = &'static Home> {
    std::iter::once(DATABASES).chain(MEDIA.iter().map(|media| media.home))
}

/// What its commands are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// `--root`.
    pub root: Option<PathBuf>,
    /// `--config`.
    pub config: Option<PathBuf>,
}

/// What one of its commands is told by these arguments, the first of which is the program; `None`: it is another program. Its commands
/// are scripts, so the program may be their Python.
pub fn command_line(args: &[OsString]) -> Option<Told> {
    let name = |arg: &OsString| Path::new(arg).file_name().map(|name| name.to_string_lossy().into_owned());
    let program = name(args.first()?)?;
    if is_command(&program) {
        return Some(told(&args[1..]));
    }
    if !program.starts_with("python") {
        return None;
    }
    let mut at = 1;
    loop {
        match args.get(at)?.to_str() {
            Some("-m") => {
                let module = args.get(at + 1)?.to_str()?;
                let is_ours = module.split('.').next() == Some(PACKAGE);
                return is_ours.then(|| told(&args[at + 2..]));
            }
            Some("-X" | "-W") => at += 2,
            Some("-c") => return None,
            Some(option) if option.starts_with('-') => at += 1,
            _ => return is_command(&name(&args[at])?).then(|| told(&args[at + 1..])),
        }
    }
}

fn is_command(name: &str) -> bool {
    name == COMMAND || TOOLS.contains(&name)
}

/// As Python's argparse takes them: `--root DIR`, `--root=DIR`, abbreviated where nothing else begins so, and `-r DIR` of the tools. The
/// last one counts.
fn told(args: &[OsString]) -> Told {
    let mut told = Told::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let (option, joined) = match arg.as_bytes().iter().position(|byte| *byte == b'=') {
            Some(at) => (&arg.as_bytes()[..at], Some(OsStr::from_bytes(&arg.as_bytes()[at + 1..]))),
            None => (arg.as_bytes(), None),
        };
        let is = |name: &str| option.len() > 2 && name.as_bytes().starts_with(option);
        let place = match option {
            b"--" => break,
            b"-r" => &mut told.root,
            _ if is("--root") => &mut told.root,
            _ if is("--config") => &mut told.config,
            _ => continue,
        };
        if let Some(value) = joined.or_else(|| args.next().map(OsString::as_os_str)) {
            *place = Some(value.into());
        }
    }
    told
}

/// What stands behind the program among a command's arguments: what that program is told, if it is one of its commands, else the
/// value of `--root DIR`, `--root=DIR` or `-r DIR`, since it may be a script that starts one.
pub fn told_by(command: &[OsString]) -> Told {
    command_line(command).unwrap_or_else(|| {
        let is_root = |arg: &OsString| arg == "--root" || arg == "-r" || arg.as_bytes().starts_with(b"--root=");
        match command.iter().position(is_root) {
            Some(at) => Told { root: told(&command[at..]).root, config: None },
            None => Told::default(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(args: &[&str]) -> Vec<OsString> {
        args.iter().map(OsString::from).collect()
    }

    fn root_of(given: &[&str]) -> Option<PathBuf> {
        told_by(&args(given)).root
    }

    #[test]
    fn the_root_is_found_in_each_spelling_and_the_last_one_counts() {
        assert_eq!(root_of(&["x", "--root", "/a", "--port", "1"]), Some("/a".into()));
        assert_eq!(root_of(&["x", "y", "--root=/b"]), Some("/b".into()));
        assert_eq!(root_of(&["x", "-r", "/b"]), Some("/b".into()));
        assert_eq!(root_of(&["x", "--root=/b", "--root", "/c"]), Some("/c".into()));
        assert_eq!(root_of(&["x", "--rooted", "/a", "--root"]), None);
    }

    #[test]
    fn its_own_commands_take_what_argparse_takes() {
        let told = |root: Option<&str>, config: Option<&str>| {
            Some(Told { root: root.map(PathBuf::from), config: config.map(PathBuf::from) })
        };
        let read = |given: &[&str]| command_line(&args(given));
        assert_eq!(read(&["invokeai-web", "--ro", "/a", "--c=/b.yaml"]), told(Some("/a"), Some("/b.yaml")));
        assert_eq!(read(&["/v/bin/python3.11", "/v/bin/invokeai-web", "--r=/a"]), told(Some("/a"), None));
        assert_eq!(
            read(&["python", "-X", "dev", "-u", "-m", "invokeai.app.run_app", "--root", "x"]),
            told(Some("x"), None)
        );
        assert_eq!(read(&["python", "/v/bin/invoke-useradd", "-r", "/a"]), told(Some("/a"), None));
        assert_eq!(read(&["invokeai-web"]), told(None, None));
        assert_eq!(read(&["invokeai-web", "--", "--root", "/a"]), told(None, None));
        for other in [
            &["tar", "--root", "/a"][..],
            &["python", "-c", "x", "--root", "/a"],
            &["python", "x.py", "--root", "/a"],
            &[],
        ] {
            assert_eq!(read(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_database_is_in_its_folder() {
        assert_eq!(Path::new(DATABASE), Path::new(DATABASES.default).join(DATABASE_FILE));
    }
}
