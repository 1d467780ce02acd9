//! Between what the store knows of an object and S3's own types.

use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::store::{Conditions, ObjectRecord};

/// What an upload says about its object, out of any of the inputs that say it.
macro_rules! attributes {
    ($input:expr) => {
        ObjectAttributes {
            content_type: $input.content_type,
            content_encoding: $input.content_encoding,
            content_disposition: $input.content_disposition,
            content_language: $input.content_language,
            cache_control: $input.cache_control,
            metadata: $input.metadata.unwrap_or_default().into_iter().collect(),
        }
    };
}

/// The part that the answers to GET and HEAD have in common. `$bytes`: how many of the object's bytes the answer stands for.
macro_rules! described {
    ($output:ident, $object:expr, $bytes:expr) => {{
        let object: ObjectRecord = $object;
        $output {
            content_length: Some($bytes as i64),
            accept_ranges: Some("bytes".to_owned()),
            e_tag: convert::etag(&object),
            last_modified: Some(object.modified.into()),
            content_type: convert::content_type(&object),
            metadata: convert::metadata(&object),
            content_encoding: object.attributes.content_encoding,
            content_disposition: object.attributes.content_disposition,
            content_language: object.attributes.content_language,
            cache_control: object.attributes.cache_control,
            ..$output::default()
        }
    }};
}

pub(super) use {attributes, described};

pub(super) fn etag(object: &ObjectRecord) -> Option<ETag> {
    Some(ETag::Strong(object.etag.clone()))
}

pub(super) fn metadata(object: &ObjectRecord) -> Option<Metadata> {
    Some(object.attributes.metadata.clone().into_iter().collect())
}

pub(super) fn content_type(object: &ObjectRecord) -> Option<String> {
    Some(object.attributes.content_type.clone().unwrap_or_else(|| "application/octet-stream".to_owned()))
}

/// Refuses a read whose conditions the object fails: 412 for `If-Match`, 304 for `If-None-Match`.
pub(super) fn check_read(conditions: &Conditions, object: &ObjectRecord) -> S3Result<()> {
    if !conditions.wanted(Some(&object.etag)) {
        return Err(S3ErrorCode::PreconditionFailed.into());
    }
    if conditions.excluded(Some(&object.etag)) {
        return Err(S3ErrorCode::NotModified.into());
    }
    Ok(())
}

/// An object as an entry of a listing.
pub(super) fn entry(object: ObjectRecord) -> Object {
    Object {
        e_tag: etag(&object),
        size: Some(object.size as i64),
        last_modified: Some(object.modified.into()),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        key: Some(object.key),
        ..Object::default()
    }
}

/// The key that a continuation token stands for. [`token`] makes them.
pub(super) fn key_of_token(token: &str) -> S3Result<String> {
    let text = hex::decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| S3Error::with_message(S3ErrorCode::InvalidArgument, "This is no token of ours."))
}

/// Continues a listing after `key`.
pub(super) fn token(key: String) -> String {
    hex::encode(key)
}
