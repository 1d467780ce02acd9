//! stub
#![allow(missing_docs)]
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::time::SystemTime;
pub struct Meta {
    pub key: String,
    pub size: u64,
    pub etag: String,
    pub modified: SystemTime,
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
pub struct Bucket(crate::metrics::Metrics);
static B: Mutex<BTreeMap<String, (Bytes, SystemTime)>> = Mutex::new(BTreeMap::new());
fn log(s: &str, k: &str) {
    if std::env::var("LFSTUB").is_ok() {
        eprintln!("R2 {s} {k}");
    }
}
fn meta(k: &str, b: &(Bytes, SystemTime)) -> Meta {
    Meta { key: k.into(), size: b.0.len() as u64, etag: format!("{:?}", b.1), modified: b.1 }
}
impl Bucket {
    pub fn connect(_: &crate::config::R2Settings) -> Result<Bucket, E> {
        Ok(Bucket(Default::default()))
    }
    pub fn head(&self, k: &str) -> Result<Option<Meta>, E> {
        log("head", k);
        Ok(B.lock().get(k).map(|b| meta(k, b)))
    }
    pub fn get(&self, k: &str) -> Result<Option<(Bytes, Meta)>, E> {
        log("get", k);
        Ok(B.lock().get(k).map(|b| (b.0.clone(), meta(k, b))))
    }
    pub fn put(&self, k: &str, b: Bytes, _: PutMode) -> Result<Meta, E> {
        log("put", k);
        let v = (b, SystemTime::now());
        let m = meta(k, &v);
        B.lock().insert(k.into(), v);
        Ok(m)
    }
    pub fn delete(&self, k: &[&str]) -> Result<(), E> {
        for k in k {
            log("delete", k);
            B.lock().remove(*k);
        }
        Ok(())
    }
    pub fn copy(&self, a: &str, b: &str) -> Result<Option<Meta>, E> {
        log("copy", b);
        let x = B.lock().get(a).cloned();
        Ok(x.map(|x| {
            let m = meta(b, &x);
            B.lock().insert(b.into(), x);
            m
        }))
    }
    pub fn list(&self, p: &str) -> Result<Vec<Meta>, E> {
        log("list", p);
        Ok(B.lock().iter().filter(|(k, _)| k.starts_with(p)).map(|(k, v)| meta(k, v)).collect())
    }
    pub fn has_any(&self, p: &str) -> Result<bool, E> {
        log("any", p);
        Ok(B.lock().keys().any(|k| k.starts_with(p)))
    }
    pub fn metrics(&self) -> &crate::metrics::Metrics {
        &self.0
    }
}
#[derive(Default)]
pub struct Cache(BTreeMap<String, (String, Bytes)>);
impl Cache {
    pub fn get(&mut self, k: &str, e: &str) -> Option<Bytes> {
        self.0.get(k).filter(|x| x.0 == e).map(|x| x.1.clone())
    }
    pub fn insert(&mut self, k: &str, e: &str, b: Bytes) {
        self.0.insert(k.into(), (e.into(), b));
    }
    pub fn remove(&mut self, k: &str) {
        self.0.remove(k);
    }
    pub fn rename(&mut self, a: &str, b: &str, e: &str) {
        if let Some(x) = self.0.remove(a) {
            self.0.insert(b.into(), (e.into(), x.1));
        }
    }
}
