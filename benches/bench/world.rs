//! A cloud with a database and its twin, a plain file, and the application's connections to the first and the last.

use std::io::BufReader;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use liteflare::config::{Access, Refresh, Secret, Settings};
use liteflare::d1::Client;
use liteflare::dev::{Cloud, CloudOptions};
use liteflare::image::{Image, PageNo};
use liteflare::serve::{replicas, router};
use liteflare::sqlite::Sqlite;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::data;
use crate::relay::Relay;
use crate::relay::wire::{Message, connect};

/// One cloud with one database of a given size, twice.
pub struct World {
    /// The application's connection through liteflare.
    pub ours: Connection,
    pub plain: Connection,
    pub relay: Relay,
    pub path: PathBuf,
    pub plain_path: PathBuf,
    database: String,
    twin: String,
    wire: BufReader<TcpStream>,
    _folder: TempDir,
    _cloud: Cloud,
    _cloud_folder: TempDir,
}

impl World {
    /// Fills a database of about `megabytes`, its twin, and a plain file with the same pages as the replica.
    pub fn new(megabytes: u64) -> World {
        router::install(Sqlite::bundled()).expect("the VFS is registered");
        // In memory: the cloud's fsyncs are not what is measured here.
        let cloud_folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        let cloud = Cloud::start(&CloudOptions { dir: Some(cloud_folder.path().into()), ..CloudOptions::default() })
            .expect("the cloud starts");
        let relay = Relay::keeping_connections(&cloud.api());
        let [database, twin] = ["one", "two"].map(|name| cloud.create_database(name).expect("the name is new"));
        relay.watch(&database);
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("it exists");
        let (path, plain_path) = (root.join("ours.db"), root.join("plain.db"));
        router::attach(&path, settings(&cloud, relay.api(), &database));
        let wire = connect(&relay.host()).expect("the relay listens");

        open(&path).execute_batch(&data::schema()).expect("the schema is taken");
        let mut world = World {
            ours: Connection::open_in_memory().expect("memory"),
            plain: Connection::open_in_memory().expect("memory"),
            relay,
            path,
            plain_path,
            database,
            twin,
            wire,
            _folder: folder,
            _cloud: cloud,
            _cloud_folder: cloud_folder,
        };
        world.repeat_on_twin();
        for database in [&world.database, &world.twin] {
            let settings = settings(&world._cloud, world._cloud.api(), database);
            let client = Client::connect(&settings, Arc::default()).expect("a UUID is not looked up");
            data::fill(&client, megabytes);
        }
        world.ours = open(&world.path);
        world.relay.seen();
        write_file(&world.image(), &world.plain_path);
        world.plain = open(&world.plain_path);
        world
    }

    /// Where a client finds the database without the relay: API base, account, token, UUID.
    pub fn address(&self) -> [String; 4] {
        [self._cloud.api(), self._cloud.account.clone(), self._cloud.token.clone(), self.database.clone()]
    }

    /// The newest image of the replica.
    pub fn image(&self) -> Arc<Image> {
        let open = replicas::all();
        open.into_iter().find(|(path, _)| *path == self.path).expect("a connection is open").1.newest()
    }

    /// Sends the requests made since the last call to the twin. Returns how long each took and how long its body was.
    pub fn repeat_on_twin(&mut self) -> Vec<(f64, usize)> {
        let requests = self.relay.seen();
        requests.into_iter().map(|request| self.repeat(request)).collect()
    }

    fn repeat(&mut self, mut request: Message) -> (f64, usize) {
        request.head = request.head.replace(&self.database, &self.twin);
        let length = request.body.len();
        let mut answer = None;
        let seconds = crate::measure::seconds(|| answer = request.exchange_on(&mut self.wire).ok());
        let body = answer.expect("an answer").body;
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains("\"success\":true") && !text.contains("\"success\":false"), "the twin differs: {text}");
        (seconds, length)
    }
}

fn settings(cloud: &Cloud, api: String, database: &str) -> Settings {
    settings_of([&api, &cloud.account, &cloud.token, database])
}

/// Settings from [`World::address`].
pub fn settings_of([api, account, token, database]: [&str; 4]) -> Settings {
    Settings {
        account: account.to_owned(),
        database: database.to_owned(),
        api: Access::new(api, Secret::new(token)),
        refresh: Refresh::Never,
        timeout: Duration::from_secs(120),
    }
}

/// A connection as applications have it.
pub fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    connection.execute_batch("PRAGMA foreign_keys = ON").expect("a pragma");
    connection
}

/// A plain database file with exactly these pages.
fn write_file(image: &Image, path: &Path) {
    let pages = (1..=image.page_count()).filter_map(|no| image.page(PageNo::new(u32::try_from(no).ok()?)?));
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).expect("a new file"));
    for page in pages {
        std::io::Write::write_all(&mut file, page).expect("room on the disk");
    }
}
