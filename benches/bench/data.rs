//! The databases that are measured: tables, indexes and triggers in the shape of InvokeAI's, filled by D1 itself.

use liteflare::d1::{Client, Statement};

/// A row of `images` takes about this much of the file, its index entries included.
const IMAGE_BYTES: u64 = 1200;
/// Rows of `pages`: each fills a page of its own.
pub const PAGES: u64 = 2000;
/// Rows of `images` for each row of `boards`.
const IMAGES_PER_BOARD: u64 = 100;

/// Tables nobody writes to here; a commit must not become slower by their number.
const OTHERS: [&str; 12] = [
    "workflows",
    "workflow_images",
    "session_queue",
    "models",
    "model_files",
    "style_presets",
    "users",
    "user_settings",
    "app_settings",
    "client_state",
    "downloads",
    "migrations",
];

/// The schema, a statement a line.
pub fn schema() -> String {
    let mut sql = String::from(
        "CREATE TABLE boards(board_id TEXT NOT NULL PRIMARY KEY, board_name TEXT NOT NULL, created_at DATETIME NOT NULL);
         CREATE TABLE images(image_name TEXT NOT NULL PRIMARY KEY, image_category TEXT NOT NULL, width INTEGER NOT NULL, \
            height INTEGER NOT NULL, starred BOOLEAN DEFAULT FALSE, score REAL, metadata TEXT, created_at DATETIME NOT NULL, \
            updated_at DATETIME NOT NULL DEFAULT(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')));
         CREATE INDEX idx_images_created_at ON images(created_at);
         CREATE INDEX idx_images_starred ON images(starred);
         CREATE TRIGGER tg_images_updated_at AFTER UPDATE ON images FOR EACH ROW BEGIN UPDATE images SET updated_at = \
            STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW') WHERE image_name = old.image_name; END;
         CREATE TABLE board_images(image_name TEXT NOT NULL PRIMARY KEY, board_id TEXT NOT NULL, \
            FOREIGN KEY (board_id) REFERENCES boards(board_id) ON DELETE CASCADE, \
            FOREIGN KEY (image_name) REFERENCES images(image_name) ON DELETE CASCADE);
         CREATE INDEX idx_board_images_board_id ON board_images(board_id);
         CREATE TABLE pages(id INTEGER PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL);\n",
    );
    for table in OTHERS {
        sql.push_str(&format!(
            "CREATE TABLE {table}(id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, data TEXT, created_at DATETIME);\n\
             CREATE INDEX idx_{table}_name ON {table}(name);\n"
        ));
    }
    sql
}

/// How many images a database of `megabytes` has.
pub fn images(megabytes: u64) -> u64 {
    (megabytes * 1_000_000).saturating_sub(PAGES * 4096) / IMAGE_BYTES
}

/// Fills the tables. `random` is D1's own: what the rows hold does not matter.
pub fn fill(client: &Client, megabytes: u64) {
    let send = |sql: String| {
        client.send(&[Statement::new(sql)]).expect("the cloud takes the rows");
    };
    send(format!("INSERT INTO pages {} SELECT i, 0, hex(randomblob(1900)) FROM n", numbers(0, PAGES)));
    let total = images(megabytes);
    send(format!(
        "INSERT INTO boards {} SELECT printf('board-%06d', i), 'Board '||i, datetime(i, 'unixepoch') FROM n",
        numbers(0, total.div_ceil(IMAGES_PER_BOARD))
    ));
    for from in (0..total).step_by(20_000) {
        let to = total.min(from + 20_000);
        send(format!(
            "INSERT INTO images {} SELECT printf('image-%08d.png', i), 'general', 1024, 768, i%10=0, i/7.0, \
             '{{\"positive_prompt\":\"'||hex(randomblob(450))||'\"}}', datetime(i, 'unixepoch'), datetime(i, 'unixepoch') FROM n",
            numbers(from, to)
        ));
        send(format!(
            "INSERT INTO board_images {} SELECT printf('image-%08d.png', i), printf('board-%06d', i/{IMAGES_PER_BOARD}) FROM n",
            numbers(from, to)
        ));
    }
}

fn numbers(from: u64, to: u64) -> String {
    let last = to.saturating_sub(1);
    format!("WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i+1 FROM n WHERE i<{last})")
}
