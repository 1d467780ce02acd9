//! stub
use bytes::Bytes;
pub struct Meta {
    pub key: String,
    pub size: u64,
    pub etag: String,
    pub modified: std::time::SystemTime,
}
pub enum PutMode {
    Create,
    Overwrite,
}
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct E;
impl E {
    pub fn errno(&self) -> i32 {
        5
    }
}
pub struct Bucket;
impl Bucket {
    pub fn connect(_: &crate::config::R2Settings) -> Result<Bucket, E> {
        Err(E)
    }
    pub fn head(&self, _: &str) -> Result<Option<Meta>, E> {
        Err(E)
    }
    pub fn get(&self, _: &str) -> Result<Option<(Bytes, Meta)>, E> {
        Err(E)
    }
    pub fn put(&self, _: &str, _: Bytes, _: PutMode) -> Result<Meta, E> {
        Err(E)
    }
    pub fn delete(&self, _: &[&str]) -> Result<(), E> {
        Err(E)
    }
    pub fn copy(&self, _: &str, _: &str) -> Result<Option<Meta>, E> {
        Err(E)
    }
    pub fn list(&self, _: &str) -> Result<Vec<Meta>, E> {
        Err(E)
    }
    pub fn has_any(&self, _: &str) -> Result<bool, E> {
        Err(E)
    }
    pub fn metrics(&self) -> &crate::metrics::Metrics {
        todo!()
    }
}
#[derive(Default)]
pub struct Cache;
impl Cache {
    pub fn get(&mut self, _: &str, _: &str) -> Option<Bytes> {
        None
    }
    pub fn insert(&mut self, _: &str, _: &str, _: Bytes) {}
    pub fn remove(&mut self, _: &str) {}
    pub fn rename(&mut self, _: &str, _: &str, _: &str) {}
}
