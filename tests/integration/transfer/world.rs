//! A database and a bucket on a cloud behind counting relays, and the command that is run against them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use liteflare::d1::Statement;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{BucketRef, DbRef, Relay, TestCloud};

/// Names of settings; a child gets only those that a test sets.
const OURS: [&str; 5] = ["LITEFLARE", "CLOUDFLARE", "R2_", "INVOKEAI", "TMPDIR"];

pub struct World {
    pub folder: TempDir,
    pub database: DbRef,
    pub bucket: BucketRef,
    pub d1: Relay,
    pub r2: Relay,
}

/// What the command did.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl World {
    pub fn new(cloud: &TestCloud) -> World {
        let (database, bucket) = (cloud.create_database(), cloud.create_bucket());
        let (d1, r2) = (Relay::new(&database.api), Relay::every(&bucket.endpoint));
        World { folder: tempfile::tempdir().unwrap(), database, bucket, d1, r2 }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command with all settings, through the relays. Its temporary files have a folder of their own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_liteflare"));
        for (name, _) in std::env::vars_os() {
            if OURS.iter().any(|ours| name.to_string_lossy().starts_with(ours)) {
                command.env_remove(name);
            }
        }
        let (database, bucket) = (self.database.through(&self.d1), self.bucket.through(&self.r2));
        std::fs::create_dir_all(self.path("tmp")).unwrap();
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("LITEFLARE_D1_API", database.api)
            .env("CLOUDFLARE_ACCOUNT_ID", database.account)
            .env("CLOUDFLARE_API_TOKEN", database.token)
            .env("LITEFLARE_D1_DATABASE", database.database)
            .env("LITEFLARE_R2_ENDPOINT", bucket.endpoint)
            .env("LITEFLARE_R2_BUCKET", bucket.bucket)
            .env("R2_ACCESS_KEY_ID", bucket.access_key)
            .env("R2_SECRET_ACCESS_KEY", bucket.secret_key)
            .env("LITEFLARE_TIMEOUT", "20s")
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end. No secret may be in what it says, and no temporary file may stay.
    pub fn run(&self, arguments: &[&str]) -> Done {
        self.finish(self.command(arguments).output().unwrap())
    }

    pub fn finish(&self, output: Output) -> Done {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let done = Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        for secret in [&self.database.token, &self.bucket.secret_key] {
            assert!(!done.out.contains(secret) && !done.err.contains(secret), "a secret was shown: {done:?}");
        }
        assert_eq!(std::fs::read_dir(self.path("tmp")).unwrap().count(), 0, "temporary files are left");
        done
    }

    /// Runs it with `--json`, which must succeed; its summary.
    pub fn succeed(&self, arguments: &[&str]) -> Value {
        let done = self.run(&[arguments, &["--json"]].concat());
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{arguments:?}: {done:?}");
        serde_json::from_str(&done.out).unwrap()
    }

    /// Runs it; it must fail with one line, which is returned.
    pub fn fail(&self, arguments: &[&str]) -> String {
        one_line(&self.run(arguments))
    }

    /// `verify --json`, whatever it finds.
    pub fn verify(&self, arguments: &[&str]) -> Value {
        let done = self.run(&[&["verify", "--json"], arguments].concat());
        let report: Value = serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{done:?}"));
        assert_eq!(done.code, Some(if report["equal"] == true { 0 } else { 1 }), "{done:?}");
        report
    }

    /// All objects and their bytes.
    pub fn objects(&self) -> Vec<(String, Vec<u8>)> {
        let bucket = self.bucket.client();
        let objects = bucket.list("").unwrap();
        objects.into_iter().map(|meta| (meta.key.clone(), bucket.get(&meta.key).unwrap().0.to_vec())).collect()
    }

    /// What D1 holds, as far as it can be seen from outside: schema, rows, commits.
    pub fn d1_state(&self) -> Vec<Value> {
        let objects =
            "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY type, name";
        let objects = self.database.rows(objects);
        let tables: Vec<String> = objects
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row[0] == "table" && row[1] != "sqlite_sequence")
            .map(|row| row[1].as_str().unwrap().replace('"', "\"\""))
            .collect();
        let rows = tables.iter().map(|name| self.database.rows(&format!("SELECT * FROM \"{name}\"")));
        std::iter::once(objects).chain(rows.collect::<Vec<_>>()).collect()
    }

    pub fn write_d1(&self, sql: &str) {
        self.database.one(&Statement::new(sql)).unwrap();
    }
}

pub fn one_line(done: &Done) -> String {
    assert_eq!(done.code, Some(1), "{done:?}");
    assert_eq!(done.out, "", "{done:?}");
    // Before it may stand what was done until then, a line a step.
    let is_step = |line: &str| line.starts_with("checking ") || line.starts_with("comparing ");
    let lines: Vec<&str> = done.err.lines().filter(|line| !is_step(line)).collect();
    let [line] = lines.as_slice() else { panic!("not one line: {done:?}") };
    line.strip_prefix("liteflare: ").unwrap_or_else(|| panic!("{done:?}")).to_owned()
}

/// Every file below a folder, with its bytes and the second it was changed.
pub fn files(dir: &Path) -> Vec<(String, Vec<u8>, std::time::SystemTime)> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
            found.push((name, std::fs::read(&path).unwrap(), path.metadata().unwrap().modified().unwrap()));
        }
    }
    found.sort();
    found
}
