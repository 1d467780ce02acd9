//! The S3 operations that R2 has. `s3s` has parsed the XML and checked names, headers and signatures before it calls them.

use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result};

use super::convert::{attributes, described};
use super::list::{self, PAGE};
use super::store::{Conditions, ObjectAttributes, ObjectRecord, ObjectStore, internal};
use super::{body, convert};

/// The most keys in one DeleteObjects; R2's documentation.
const DELETE_KEYS: usize = 1000;

pub(super) struct Api(pub(super) Arc<ObjectStore>);

impl Api {
    /// Runs `work`, which reads or writes files, on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ObjectStore) -> S3Result<T> + Send + 'static,
    ) -> S3Result<T> {
        let store = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&store)).await.map_err(internal)?
    }
}

fn answer<T>(output: T) -> S3Result<S3Response<T>> {
    Ok(S3Response::new(output))
}

#[async_trait::async_trait]
impl S3 for Api {
    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let named = |(name, created): (String, std::time::SystemTime)| Bucket {
            name: Some(name),
            creation_date: Some(created.into()),
            ..Bucket::default()
        };
        let buckets = self.0.buckets()?.into_iter().map(named).collect();
        answer(ListBucketsOutput { buckets: Some(buckets), ..ListBucketsOutput::default() })
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        super::store::need_bucket(&self.0.index(), &req.input.bucket)?;
        answer(HeadBucketOutput::default())
    }

    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        if !self.0.create_bucket(&req.input.bucket)? {
            return Err(S3ErrorCode::BucketAlreadyOwnedByYou.into());
        }
        answer(CreateBucketOutput { location: Some(format!("/{}", req.input.bucket)) })
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = req.input;
        let blob = body::receive(&self.0, input.body).await?;
        let conditions = Conditions::new(input.if_match, input.if_none_match);
        let (bucket, key, attributes) = (input.bucket, input.key, attributes!(input));
        let object = self.blocking(move |store| store.put(&bucket, &key, &blob, &attributes, &conditions)).await?;
        answer(PutObjectOutput { e_tag: convert::etag(&object), ..PutObjectOutput::default() })
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        let (object, file) = self.0.read(&input.bucket, &input.key)?;
        convert::check_read(&Conditions::new(input.if_match, input.if_none_match), &object)?;
        let range = input.range.map(|range| range.check(object.size)).transpose()?;
        let sent = range.clone().unwrap_or(0..object.size);
        answer(GetObjectOutput {
            content_range: range.map(|range| format!("bytes {}-{}/{}", range.start, range.end - 1, object.size)),
            body: Some(body::send(file, sent.clone()).map_err(internal)?),
            ..described!(GetObjectOutput, object, sent.end - sent.start)
        })
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        let (object, _) = self.0.read(&input.bucket, &input.key)?;
        convert::check_read(&Conditions::new(input.if_match, input.if_none_match), &object)?;
        let size = object.size;
        answer(described!(HeadObjectOutput, object, size))
    }

    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = req.input;
        let CopySource::Bucket { bucket: from_bucket, key: from_key, .. } = input.copy_source else {
            return Err(S3ErrorCode::NotImplemented.into());
        };
        let directive = input.metadata_directive.as_ref().map(MetadataDirective::as_str);
        let replaced = (directive == Some(MetadataDirective::REPLACE)).then(|| attributes!(input));
        let source = Conditions::new(input.copy_source_if_match, input.copy_source_if_none_match);
        let (bucket, key) = (input.bucket, input.key);
        let copy = move |store: &ObjectStore| {
            let (from, _) = store.read(&from_bucket, &from_key)?;
            if !source.wanted(Some(&from.etag)) || source.excluded(Some(&from.etag)) {
                return Err(S3ErrorCode::PreconditionFailed.into());
            }
            let blob = store.blobs.duplicate(&from.blob).map_err(internal)?;
            let attributes = replaced.unwrap_or(from.attributes);
            let copy = ObjectRecord { key, blob, attributes, modified: std::time::SystemTime::now(), ..from };
            store.replace(&bucket, &copy, &Conditions::default(), |_| Ok(()))?;
            Ok(copy)
        };
        let copy = self.blocking(copy).await?;
        let result = CopyObjectResult {
            e_tag: convert::etag(&copy),
            last_modified: Some(copy.modified.into()),
            ..CopyObjectResult::default()
        };
        answer(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() })
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let (bucket, key) = (req.input.bucket, req.input.key);
        self.blocking(move |store| store.delete(&bucket, &[key])).await?;
        answer(DeleteObjectOutput::default())
    }

    async fn delete_objects(&self, req: S3Request<DeleteObjectsInput>) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = req.input;
        if delete.objects.is_empty() || delete.objects.len() > DELETE_KEYS {
            return Err(S3ErrorCode::MalformedXML.into());
        }
        let keys: Vec<String> = delete.objects.into_iter().map(|object| object.key).collect();
        let removed = keys.clone();
        self.blocking(move |store| store.delete(&bucket, &keys)).await?;
        let named = |key| DeletedObject { key: Some(key), ..DeletedObject::default() };
        let deleted = removed.into_iter().map(named).collect();
        answer(DeleteObjectsOutput { deleted: Some(deleted), ..DeleteObjectsOutput::default() })
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let max_keys = input.max_keys.unwrap_or(PAGE as i32);
        let limit = usize::try_from(max_keys).unwrap_or(0).min(PAGE);
        let after = match &input.continuation_token {
            Some(token) => convert::key_of_token(token)?,
            None => input.start_after.clone().unwrap_or_default(),
        };
        let (bucket, prefix) = (input.bucket.clone(), input.prefix.clone().unwrap_or_default());
        let delimiter = input.delimiter.clone().unwrap_or_default();
        let page =
            self.blocking(move |store| list::page(&store.index(), &bucket, &prefix, &delimiter, &after, limit)).await?;
        let contents: Vec<Object> = page.objects.into_iter().map(convert::entry).collect();
        let prefixes: Vec<CommonPrefix> =
            page.prefixes.into_iter().map(|prefix| CommonPrefix { prefix: Some(prefix) }).collect();
        answer(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(input.prefix.unwrap_or_default()),
            delimiter: input.delimiter,
            start_after: input.start_after,
            continuation_token: input.continuation_token,
            max_keys: Some(max_keys),
            key_count: Some((contents.len() + prefixes.len()) as i32),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.map(convert::token),
            contents: Some(contents),
            common_prefixes: Some(prefixes),
            ..ListObjectsV2Output::default()
        })
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        let id = self.0.begin_upload(&input.bucket, &input.key, &attributes!(input))?;
        answer(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        })
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let input = req.input;
        let blob = body::receive(&self.0, input.body).await?;
        let part = move |store: &ObjectStore| {
            store.put_part(&input.bucket, &input.key, &input.upload_id, input.part_number, &blob)
        };
        let etag = self.blocking(part).await?;
        answer(UploadPartOutput { e_tag: Some(ETag::Strong(etag)), ..UploadPartOutput::default() })
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let part = |part: CompletedPart| Some((part.part_number?, part.e_tag?.into_value()));
        let parts: Option<Vec<_>> = parts.into_iter().map(part).collect();
        let parts = parts.filter(|parts| !parts.is_empty()).ok_or(S3ErrorCode::MalformedXML)?;
        let conditions = Conditions::new(input.if_match, input.if_none_match);
        let (bucket, key, id) = (input.bucket.clone(), input.key.clone(), input.upload_id);
        let complete = move |store: &ObjectStore| store.complete_upload(&bucket, &key, &id, &parts, &conditions);
        let object = self.blocking(complete).await?;
        answer(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: convert::etag(&object),
            ..CompleteMultipartUploadOutput::default()
        })
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = req.input;
        self.blocking(move |store| store.abort_upload(&input.bucket, &input.key, &input.upload_id)).await?;
        answer(AbortMultipartUploadOutput::default())
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let upload = |upload: super::multipart::UnfinishedUpload| MultipartUpload {
            key: Some(upload.key),
            upload_id: Some(upload.id),
            initiated: Some(upload.created.into()),
            ..MultipartUpload::default()
        };
        let uploads = self.0.uploads(&req.input.bucket)?.into_iter().map(upload).collect();
        answer(ListMultipartUploadsOutput {
            bucket: Some(req.input.bucket),
            is_truncated: Some(false),
            uploads: Some(uploads),
            ..ListMultipartUploadsOutput::default()
        })
    }
}
