//! Moves objects' bytes between the network and the files.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::blobs::Blob;
use super::store::{ObjectStore, internal};

/// Bytes read from a file at a time.
const CHUNK_BYTES: u64 = 256 << 10;

/// Receives a whole body. One that breaks off, or does not match its signature, leaves nothing behind.
pub(super) async fn receive(store: &Arc<ObjectStore>, body: Option<StreamingBlob>) -> S3Result<Blob> {
    let mut writer = store.blobs.create().map_err(internal)?;
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| S3Error::with_source(S3ErrorCode::IncompleteBody, error))?;
            writer.write(&chunk).map_err(internal)?; // only reaches the page cache: not worth another thread
        }
    }
    let finishing = Arc::clone(store);
    let finished = tokio::task::spawn_blocking(move || finishing.blobs.finish(writer)).await.map_err(internal)?;
    finished.map_err(internal)
}

/// A range of a file as a body.
pub(super) fn send(mut file: File, range: Range<u64>) -> io::Result<StreamingBlob> {
    file.seek(SeekFrom::Start(range.start))?;
    let chunks = stream::try_unfold((file, range.end - range.start), |(file, left)| async move {
        if left == 0 {
            return Ok::<_, io::Error>(None);
        }
        let read = tokio::task::spawn_blocking(move || chunk(file, left)).await.map_err(io::Error::other)?;
        let (bytes, file) = read?;
        let left = left - bytes.len() as u64;
        Ok(Some((bytes, (file, left))))
    });
    Ok(StreamingBlob::wrap(chunks))
}

fn chunk(mut file: File, left: u64) -> io::Result<(Bytes, File)> {
    let mut bytes = vec![0; left.min(CHUNK_BYTES) as usize];
    file.read_exact(&mut bytes)?;
    Ok((bytes.into(), file))
}
