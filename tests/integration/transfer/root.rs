//! A root as plain InvokeAI leaves it: its real schema with generated rows, and files for them.

use std::fs;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use rusqlite::Connection;

/// The database InvokeAI makes at its first start.
const SCHEMA: &str = include_str!("invokeai.sql");

pub struct Root {
    pub path: PathBuf,
}

impl Root {
    /// A root with so many images, a tenth as many boards, and one of everything else that has files.
    pub fn new(path: PathBuf, images: usize, seed: u64) -> Root {
        let root = Root { path };
        let mut rng = StdRng::seed_from_u64(seed);
        let connection = root.create();
        connection.execute_batch("BEGIN").unwrap();
        for board in 0..images / 10 {
            let sql = "INSERT INTO boards(board_id, board_name) VALUES (?1, ?2)";
            connection.execute(sql, (format!("board{board}"), format!("Katzen & \u{1f600} '{board}'"))).unwrap();
        }
        for number in 0..images {
            root.image(&connection, number, images / 10, &mut rng);
        }
        root.one_of_each(&connection, &mut rng);
        connection.execute_batch("COMMIT").unwrap();
        root
    }

    pub fn database(&self) -> PathBuf {
        self.path.join("databases/invokeai.db")
    }

    /// With the database's files as the application left them, the WAL too.
    fn create(&self) -> Connection {
        fs::create_dir_all(self.path.join("databases")).unwrap();
        let connection = Connection::open(self.database()).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        connection
    }

    fn image(&self, connection: &Connection, number: usize, boards: usize, rng: &mut StdRng) {
        let name = format!("{:032x}.png", rng.random::<u128>());
        let subfolder = if number.is_multiple_of(7) { "2026/11" } else { "" };
        let metadata =
            format!("{{\"seed\":{},\"prompt\":\"{}\"}}", rng.random::<u32>(), "Größe € ".repeat(number % 40));
        connection
            .execute(
                "INSERT INTO images(image_name, image_origin, image_category, width, height, metadata, image_subfolder) \
                 VALUES (?1, 'internal', 'general', 64, ?2, ?3, ?4)",
                (&name, number as i64, metadata, subfolder),
            )
            .unwrap();
        if boards > 0 && number.is_multiple_of(2) {
            let board = format!("board{}", number % boards);
            connection
                .execute("INSERT INTO board_images(board_id, image_name) VALUES (?1, ?2)", (board, &name))
                .unwrap();
        }
        let stem = name.trim_end_matches(".png");
        self.file(&format!("outputs/images/{subfolder}/{name}"), 200 + number % 1500, rng);
        self.file(&format!("outputs/images/thumbnails/{subfolder}/{stem}.webp"), 90, rng);
    }

    fn one_of_each(&self, connection: &Connection, rng: &mut StdRng) {
        connection
            .execute_batch(
                "INSERT INTO videos(video_name, video_origin, video_category, width, height, fps) VALUES ('v.mp4', 'internal', 'general', 1, 2, 29.97);
                 INSERT INTO style_presets(id, name, preset_data) VALUES ('preset', 'p', '{}');
                 INSERT INTO workflow_library(workflow_id, workflow) VALUES ('flow', '{\"meta\":{\"category\":\"user\"},\"name\":\"n\",\"description\":\"d\"}');
                 INSERT INTO session_queue(batch_id, queue_id, session_id, session) VALUES ('b', 'q', 's1', '{}'), ('b', 'q', 's2', '{}');
                 DELETE FROM session_queue WHERE session_id = 's2';",
            )
            .unwrap();
        self.file("outputs/videos/v.mp4", 5_000, rng);
        self.file("outputs/videos/thumbnails/v.webp", 50, rng);
        self.file("outputs/videos/sidecars/v.json", 30, rng);
        self.file("style_presets/images/preset.webp", 40, rng);
        self.file("workflow_thumbnails/flow.webp", 40, rng);
        // Neither is media.
        self.file("outputs/tensors/t.pt", 10, rng);
        fs::write(self.path.join("invokeai.yaml"), "schema_version: 4.0.3\n").unwrap();
    }

    pub fn file(&self, name: &str, size: usize, rng: &mut StdRng) {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut bytes = vec![0; size];
        rng.fill_bytes(&mut bytes);
        fs::write(path, bytes).unwrap();
    }

    /// Runs SQL on the database, as the application would.
    pub fn sql(&self, sql: &str) {
        Connection::open(self.database()).unwrap().execute_batch(sql).unwrap();
    }
}

/// Files in the mapped folders, by their names relative to the root.
pub fn media(root: &Path) -> Vec<(String, Vec<u8>)> {
    let folders = ["outputs/images", "outputs/videos", "style_presets", "workflow_thumbnails", "models/model_images"];
    let files = super::world::files(root).into_iter().map(|(name, bytes, _)| (name, bytes));
    files.filter(|(name, _)| folders.iter().any(|folder| name.starts_with(folder))).collect()
}

/// Schema and rows of a plain SQLite file with types, rowids, counters and header fields, a line an item.
pub fn dump(path: &Path) -> Vec<String> {
    assert!(path.exists());
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("db");
    for suffix in ["", "-wal"] {
        let name = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        if name(path).exists() {
            fs::copy(name(path), name(&copy)).unwrap();
        }
    }
    let connection = Connection::open(copy).unwrap();
    crate::support::dump(&connection)
}
