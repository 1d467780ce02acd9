//! The ways by which D1's schema texts come into this library, each tried on a D1 that somebody else has prepared.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use liteflare::config::{Refresh, Settings};
use liteflare::d1::Statement;

use crate::support::{Folder, TestCloud, open, settings};
use crate::transfer::root::Root;
use crate::transfer::world::{Done, World, files};

/// No door may take longer, whatever D1 holds. (An endless statement is stopped after 10 s of its own; tests share the machine.)
const LONGEST: Duration = Duration::from_secs(60);

/// A way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// An application opens the database.
    Open,
    /// An application that has it open sees that the schema has changed.
    Refresh,
    Export,
    Verify,
    /// `import --replace`: what D1 held is deleted.
    Replace,
}

pub const ALL: [Door; 5] = [Door::Open, Door::Refresh, Door::Export, Door::Verify, Door::Replace];

/// A database on a cloud, the user's files beside which an attack would leave its traces, and what goes through a door.
pub struct Scene {
    pub world: World,
    /// The folder of the user's files: a local database with a secret in it.
    home: PathBuf,
    before: Vec<(String, Vec<u8>, std::time::SystemTime)>,
}

/// What the user's local database has, and must never come to D1.
const SECRET: &str = "the secret of a local database";

impl Scene {
    pub fn new(cloud: &TestCloud) -> Scene {
        let world = World::new(cloud);
        let home = world.path("user");
        std::fs::create_dir(&home).unwrap();
        let local = rusqlite::Connection::open(home.join("local.db")).unwrap();
        local.execute_batch("CREATE TABLE secret(x)").unwrap();
        local.execute("INSERT INTO secret VALUES (?1)", [SECRET]).unwrap();
        drop(local);
        let before = files(&home);
        Scene { world, home, before }
    }

    /// The user's local database.
    pub fn local(&self) -> PathBuf {
        self.home.join("local.db")
    }

    /// A path at which there is nothing.
    pub fn new_file(&self) -> PathBuf {
        self.home.join("written")
    }

    /// Goes through `door`, behind which `attack` has been put on D1. Returns what an error said; `None` is success.
    pub fn enter(&self, door: Door, attack: &[Statement]) -> Option<String> {
        let (folder, database) = (Folder::new(), &self.world.database);
        let always = Settings { refresh: Refresh::Always, timeout: Duration::from_secs(20), ..settings(database) };
        let path = folder.attach("app.db", always);
        let app = (door == Door::Refresh).then(|| {
            let app = open(&path);
            app.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (1)").unwrap();
            app
        });
        if app.is_none() {
            self.world.write_d1("CREATE TABLE t(x)");
        }
        database.batch(attack).unwrap_or_else(|error| panic!("{attack:?}: {error:?}"));
        let began = Instant::now();
        let said = match door {
            Door::Open => uses(&path),
            Door::Refresh => {
                self.world.write_d1(
                    "INSERT INTO _lf_commit(seq, txn, at, source, changes) \
                     SELECT max(seq) + 1, 'x', '2026-11-28', 'dashboard', '{\"all\":true}' FROM _lf_commit",
                );
                counts(&app.expect("opened above")).err().map(|error| error.to_string() + &logged())
            }
            Door::Export => failure(&self.world.run(&["export", "back"])),
            Door::Verify => failure(&self.world.run(&["verify"])),
            Door::Replace => {
                let root = Root::new(self.world.path("root"), 3, 1);
                failure(&self.world.run(&["import", root.path.to_str().unwrap(), "--replace"]))
            }
        };
        assert!(began.elapsed() < LONGEST, "{door:?} took {:?}", began.elapsed());
        said
    }

    /// An application commits: what an attack has brought into its database goes to D1 with that, at the latest.
    pub fn commit(&self) {
        let folder = Folder::new();
        let app = open(&folder.attach("app.db", settings(&self.world.database)));
        app.execute_batch("INSERT INTO t VALUES (3)").unwrap();
    }

    /// Nothing was written or changed beside the database, and nothing was read that D1 has now.
    pub fn assert_untouched(&self, what: &str) {
        assert_eq!(files(&self.home), self.before, "{what}: the user's files have changed");
        let held = format!("{:?}", self.world.d1_state());
        assert!(!held.contains(SECRET), "{what}: a local database's rows are on D1");
    }
}

/// What an application does first.
fn uses(path: &Path) -> Option<String> {
    let app = match rusqlite::Connection::open(path) {
        Ok(app) => app,
        Err(error) => return Some(error.to_string() + &logged()),
    };
    counts(&app).err().map(|error| error.to_string() + &logged())
}

fn counts(app: &rusqlite::Connection) -> rusqlite::Result<()> {
    let stolen: i64 = app.query_row("SELECT count(*) FROM t WHERE x = ?1", [SECRET], |row| row.get(0))?;
    assert_eq!(stolen, 0, "the application sees a local database's rows");
    Ok(())
}

/// The reason of the last failure, as the log has it.
fn logged() -> String {
    format!(": {}", liteflare::log::last_error().unwrap_or_default())
}

fn failure(done: &Done) -> Option<String> {
    (done.code != Some(0)).then(|| format!("{}{}", done.out, done.err))
}
