//! How an upload whose answer was lost is recognized: each carries a random id among its object's metadata.

use object_store::path::Path;
use object_store::{Attribute, Attributes, GetOptions, ObjectStore};
use uuid::Uuid;

use super::bucket::Remote;
use super::content_type::content_type;
use super::error::Cause;
use super::meta::unquoted;

/// Where the id stands.
const NAME: &str = "liteflare-id";

/// The id of one upload.
pub(super) struct UploadId(String);

impl UploadId {
    pub(super) fn new() -> UploadId {
        UploadId(Uuid::new_v4().to_string())
    }

    /// The attributes of an object with this id under `key`.
    pub(super) fn attributes(&self, key: &str) -> Attributes {
        let mut attributes = typed(key);
        attributes.insert(Attribute::Metadata(NAME.into()), self.0.clone().into());
        attributes
    }
}

/// The attributes of an object under `key` that need not be recognized.
pub(super) fn typed(key: &str) -> Attributes {
    Attributes::from_iter([(Attribute::ContentType, content_type(key))])
}

impl Remote {
    /// The ETag of the object, if it is the one uploaded with this id.
    pub(super) async fn find_upload(&self, path: &Path, id: &UploadId) -> Result<Option<String>, Cause> {
        let head = GetOptions { head: true, ..GetOptions::default() };
        let found = match self.store.get_opts(path, head).await.map_err(Cause::from) {
            Err(Cause::NotFound) => return Ok(None),
            found => found?,
        };
        let there = found.attributes.get(&Attribute::Metadata(NAME.into()));
        let is_ours = there.is_some_and(|value| value.as_ref() == id.0);
        Ok(is_ours.then(|| unquoted(found.meta.e_tag)))
    }
}
