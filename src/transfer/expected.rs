//! Compares the application's rows with the objects that they need.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::Error;
use super::compare::Differences;
use crate::config::R2Settings;
use crate::invokeai::{JOURNAL, MEDIA, Media};
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

/// Reports rows whose objects are missing, and objects that no row needs. Returns the number of objects checked.
pub(crate) fn compare(
    connection: &Connection,
    settings: &R2Settings,
    root: &Path,
    objects: &BTreeMap<String, Meta>,
    found: &mut Differences,
) -> Result<u64, Error> {
    let mut count = 0;
    for media in MEDIA {
        let dir = root.join(media.folder);
        let Some(mapped) = settings.folders.iter().find(|mapped| mapped.dir == dir) else { continue };
        let Some(MediaKeys { required, possible }) = MediaKeys::of(media, connection)? else { continue };
        let below = format!("{}/", mapped.prefix);
        for name in required.iter().filter(|name| !objects.contains_key(&format!("{below}{name}"))) {
            found.add(format!("object {below}{name}"), format!("it is missing, a row of {} needs it", media.table));
        }
        for name in objects.keys().filter_map(|key| key.strip_prefix(&below)) {
            count += 1;
            if !possible.contains(name) && !name.starts_with(JOURNAL) {
                found.add(format!("object {below}{name}"), format!("no row of {} needs it", media.table));
            }
        }
    }
    Ok(count)
}
