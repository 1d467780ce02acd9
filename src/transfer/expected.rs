//! Compares the application's rows with the objects that they need.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use super::Error;
use super::compare::Differences;
use crate::config::R2Settings;
use crate::invokeai::{JOURNAL, Media};
use crate::r2::Meta;
use crate::schema::quoted;

/// The keys, without prefix, that the rows of one table account for.
#[derive(Default)]
struct MediaKeys {
    /// Keys that must exist.
    required: BTreeSet<String>,
    /// Keys that may exist, including the required ones.
    possible: BTreeSet<String>,
}

impl MediaKeys {
    /// `None`: there is no such table.
    fn of(media: &Media, connection: &Connection) -> Result<Option<MediaKeys>, Error> {
        // A view of that name is somebody else's, and is not run.
        let kind = "SELECT type FROM pragma_table_list(?1) WHERE schema='main'";
        let kind: Option<String> = connection.query_row(kind, [media.table], |row| row.get(0)).optional()?;
        if kind.as_deref() != Some("table") {
            return Ok(None);
        }
        let mut columns = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
        let columns = columns.query_map([media.table], |row| row.get(0))?.collect::<Result<BTreeSet<String>, _>>()?;
        if !columns.contains(media.name) {
            return Ok(None); // another application's table, or none
        }
        let subfolder = media.subfolder.filter(|name| columns.contains(*name)).map_or("''".to_owned(), quoted);
        let sql = format!("SELECT {},{subfolder} FROM {}", quoted(media.name), quoted(media.table));
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut keys = MediaKeys::default();
        while let Some(row) = rows.next()? {
            let (name, subfolder): (String, Option<String>) = (row.get(0)?, row.get(1)?);
            let fill = |pattern: &&str| fill(pattern, &name, subfolder.as_deref().unwrap_or_default());
            keys.required.extend(media.required.iter().map(fill));
            keys.possible.extend(media.required.iter().chain(media.possible).map(fill));
        }
        Ok(Some(keys))
    }
}

fn fill(pattern: &str, name: &str, subfolder: &str) -> String {
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
    let subfolder = if subfolder.is_empty() { String::new() } else { format!("{subfolder}/") };
    pattern.replace("{sub}", &subfolder).replace("{name}", name).replace("{stem}", stem)
}

/// What the media in `folder` have before their names in the bucket; `None`: they are not kept there.
fn prefix_of(folder: &Path, settings: &R2Settings) -> Option<String> {
    settings.folders.iter().find_map(|mapped| {
        let below = folder.strip_prefix(&mapped.dir).ok()?.to_str()?;
        Some(if below.is_empty() { format!("{}/", mapped.prefix) } else { format!("{}/{below}/", mapped.prefix) })
    })
}

/// The objects that the rows need, of those media that are kept in the bucket, by kind: the prefix, and the names below it.
fn needed<'m>(
    connection: &Connection,
    settings: &R2Settings,
    folders: &[(&'m Media, PathBuf)],
) -> Result<Vec<(&'m Media, String, MediaKeys)>, Error> {
    let mut needed = Vec::new();
    for (media, folder) in folders {
        let Some(below) = prefix_of(folder, settings) else { continue };
        if let Some(keys) = MediaKeys::of(media, connection)? {
            needed.push((*media, below, keys));
        }
    }
    Ok(needed)
}

/// Reports rows whose objects are missing. `objects`: the keys that there are. `folders`: where the application keeps its media.
pub(crate) fn missing(
    connection: &Connection,
    settings: &R2Settings,
    folders: &[(&Media, PathBuf)],
    objects: &BTreeSet<&str>,
) -> Result<Differences, Error> {
    let mut found = Differences::default();
    for (media, below, MediaKeys { required, .. }) in needed(connection, settings, folders)? {
        add_missing(&mut found, media, &below, required, |key| objects.contains(key));
    }
    Ok(found)
}

fn add_missing(
    found: &mut Differences,
    media: &Media,
    below: &str,
    required: BTreeSet<String>,
    is_there: impl Fn(&str) -> bool,
) {
    let keys = required.into_iter().map(|name| format!("{below}{name}"));
    for key in keys.filter(|key| !is_there(key)) {
        found.add(format!("object {key}"), format!("it is missing, a row of {} needs it", media.table));
    }
}

/// Reports rows whose objects are missing, and objects that no row needs. Returns the number of objects checked.
pub(crate) fn compare(
    connection: &Connection,
    settings: &R2Settings,
    folders: &[(&Media, PathBuf)],
    objects: &BTreeMap<String, Meta>,
    found: &mut Differences,
) -> Result<u64, Error> {
    let mut count = 0;
    for (media, below, MediaKeys { required, possible }) in needed(connection, settings, folders)? {
        add_missing(found, media, &below, required, |key| objects.contains_key(key));
        for name in objects.keys().filter_map(|key| key.strip_prefix(&below)) {
            count += 1;
            if !possible.contains(name) && !name.starts_with(JOURNAL) {
                found.add(format!("object {below}{name}"), format!("no row of {} needs it", media.table));
            }
        }
    }
    Ok(count)
}
