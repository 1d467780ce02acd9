//! Who may use a cloud. A cloud with a folder of its own keeps its account and token there, so that the settings a client was given
//! stay good when the cloud is started again.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) token: String,
}

impl Account {
    pub(super) fn find_or_create(dir: &Path) -> anyhow::Result<Account> {
        let path = dir.join("account.json");
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Account::create(&path),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// The token's id, which is also the id of the S3 key pair that belongs to it.
    pub(super) fn access_key_id(&self) -> String {
        hex::encode(Sha256::digest(format!("id of {}", self.token)))[..32].to_owned()
    }

    /// The secret of that pair, made as Cloudflare makes it.
    pub(super) fn secret_access_key(&self) -> String {
        hex::encode(Sha256::digest(&self.token))
    }

    fn create(path: &Path) -> anyhow::Result<Account> {
        let account = Account { id: Uuid::new_v4().simple().to_string(), token: Uuid::new_v4().to_string() };
        // Written whole and then named, so that a crash leaves no half of it; readable by its owner alone.
        let next = path.with_extension("json.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        file.write_all(&serde_json::to_vec(&account)?)?;
        file.sync_all()?;
        fs::rename(&next, path)?;
        Ok(account)
    }
}
