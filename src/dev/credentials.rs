//! The account and the token that a cloud accepts. They are kept in its folder, so that a client's settings remain valid when a cloud is
//! started again on the same folder.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::local_file;

/// For its owner alone.
const MODE: u32 = 0o600;

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Credentials {
    pub(super) id: String,
    pub(super) token: String,
}

impl Credentials {
    pub(super) fn find_or_create(dir: &Path) -> anyhow::Result<Credentials> {
        let path = dir.join("account.json");
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Credentials::create(&path),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// The token's id, which doubles as the id of its S3 key pair.
    pub(super) fn access_key_id(&self) -> String {
        hex::encode(Sha256::digest(format!("id of {}", self.token)))[..32].to_owned()
    }

    /// The secret of that pair, derived from the token as Cloudflare does it.
    pub(super) fn secret_access_key(&self) -> String {
        hex::encode(Sha256::digest(&self.token))
    }

    fn create(path: &Path) -> anyhow::Result<Credentials> {
        let credentials = Credentials { id: Uuid::new_v4().simple().to_string(), token: Uuid::new_v4().to_string() };
        local_file::replace(path, &serde_json::to_vec(&credentials)?, MODE)?;
        Ok(credentials)
    }
}
