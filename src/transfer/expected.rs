//! Which objects InvokeAI's rows stand for: the names it derives from them (its `*_files_disk.py`, `*_images_disk.py` and the like).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::Connection;

use super::Error;
use super::compare::Differences;
use crate::config::R2Settings;
use crate::r2::Meta;
use crate::schema::quoted;

/// What rows of one table have in one mapped folder.
struct Rule {
    /// Relative to the root.
    folder: &'static str,
    table: &'static str,
    /// The column with the name or the id.
    name: &'static str,
    /// The column with the folder below, in newer versions.
    subfolder: Option<&'static str>,
    /// The files, `{stem}` and `{name}` standing for the name without and with its extension, `{sub}` for the folder below.
    required: &'static [&'static str],
    /// Files that a row may have.
    possible: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        folder: "outputs/images",
        table: "images",
        name: "image_name",
        subfolder: Some("image_subfolder"),
        required: &["{sub}{name}", "thumbnails/{sub}{stem}.webp"],
        possible: &[],
    },
    Rule {
        folder: "outputs/videos",
        table: "videos",
        name: "video_name",
        subfolder: Some("video_subfolder"),
        required: &["{sub}{name}"],
        possible: &["thumbnails/{sub}{stem}.webp", "sidecars/{sub}{stem}.json"],
    },
    Rule::picture("style_presets/images", "style_presets", "id"),
    Rule::picture("workflow_thumbnails", "workflow_library", "workflow_id"),
    Rule::picture("models/model_images", "models", "id"),
];

/// Keys without the prefix.
#[derive(Default)]
struct Keys {
    /// Those that must be there.
    required: BTreeSet<String>,
    /// All that may.
    possible: BTreeSet<String>,
}

impl Rule {
    /// A row may have a picture that is called by its id.
    const fn picture(folder: &'static str, table: &'static str, name: &'static str) -> Rule {
        Rule { folder, table, name, subfolder: None, required: &[], possible: &["{name}.webp"] }
    }

    /// The keys of all rows. `None`: there is no such table.
    fn keys(&self, connection: &Connection) -> Result<Option<Keys>, Error> {
        let mut columns = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
        let columns = columns.query_map([self.table], |row| row.get(0))?.collect::<Result<BTreeSet<String>, _>>()?;
        if !columns.contains(self.name) {
            return Ok(None); // another application's table, or none
        }
        let subfolder = self.subfolder.filter(|name| columns.contains(*name)).map_or("''".to_owned(), quoted);
        let sql = format!("SELECT {},{subfolder} FROM {}", quoted(self.name), quoted(self.table));
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut keys = Keys::default();
        while let Some(row) = rows.next()? {
            let (name, subfolder): (String, Option<String>) = (row.get(0)?, row.get(1)?);
            let fill = |pattern: &&str| fill(pattern, &name, subfolder.as_deref().unwrap_or_default());
            keys.required.extend(self.required.iter().map(fill));
            keys.possible.extend(self.required.iter().chain(self.possible).map(fill));
        }
        Ok(Some(keys))
    }
}

fn fill(pattern: &str, name: &str, subfolder: &str) -> String {
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
    let subfolder = if subfolder.is_empty() { String::new() } else { format!("{subfolder}/") };
    pattern.replace("{sub}", &subfolder).replace("{name}", name).replace("{stem}", stem)
}

/// Adds rows without their objects, and objects without a row. Returns how many objects were looked at.
pub fn compare(
    connection: &Connection,
    settings: &R2Settings,
    root: &Path,
    objects: &BTreeMap<String, Meta>,
    found: &mut Differences,
) -> Result<u64, Error> {
    let mut count = 0;
    for rule in RULES {
        let dir = root.join(rule.folder);
        let Some(mapped) = settings.folders.iter().find(|mapped| mapped.dir == dir) else { continue };
        let Some(Keys { required, possible }) = rule.keys(connection)? else { continue };
        let below = format!("{}/", mapped.prefix);
        for name in required.iter().filter(|name| !objects.contains_key(&format!("{below}{name}"))) {
            found.add(format!("object {below}{name}"), format!("it is missing, a row of {} needs it", rule.table));
        }
        for name in objects.keys().filter_map(|key| key.strip_prefix(&below)) {
            count += 1;
            // Journals by which InvokeAI ends an interrupted deletion at its next start.
            if !possible.contains(name) && !name.starts_with(".delete_") {
                found.add(format!("object {below}{name}"), format!("no row of {} needs it", rule.table));
            }
        }
    }
    Ok(count)
}
