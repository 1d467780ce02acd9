//! Names below a prefix.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore};

use super::bucket::{Bucket, Remote};
use super::error::Error;
use super::key_range::KeyRange;
use super::meta::{Meta, below};
use super::page::Unusable;

/// Pages on the way at once.
const PAGES: usize = 10;

/// What stands below a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The objects, by key.
    pub objects: Vec<Meta>,
    /// The keys that can be no file's name (`is_file_key`), which somebody else has made. No operation takes them.
    pub unusable: Vec<String>,
}

impl Bucket {
    /// All objects below `prefix` whose keys can be files' names.
    pub fn list(&self, prefix: &str) -> Result<Vec<Meta>, Error> {
        Ok(self.listing(prefix)?.objects)
    }

    /// All that stands below `prefix`, by key; an empty prefix stands for the bucket. Long listings are read in several places at once.
    pub fn listing(&self, prefix: &str) -> Result<Listing, Error> {
        self.run(prefix.to_owned(), async |remote, prefix| remote.list(&prefix).await)
    }

    /// Whether there is any object below `prefix`.
    pub fn any_below(&self, prefix: &str) -> Result<bool, Error> {
        self.run(prefix.to_owned(), async |remote, prefix| remote.any_below(&prefix).await)
    }
}

impl Remote {
    async fn any_below(&self, prefix: &str) -> Result<bool, Error> {
        let task = self.task("list", prefix, Duration::ZERO);
        let attempt = || async {
            let one = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
            let page = self.store.list_paginated(Some(&below(prefix)), one).await?;
            Ok(!page.result.objects.is_empty() || page.result.extensions.get::<Unusable>().is_some())
        };
        self.retrying(&task, attempt).await.map_err(|cause| task.error(cause))
    }

    async fn list(&self, prefix: &str) -> Result<Listing, Error> {
        let below = below(prefix);
        let (mut objects, mut unusable) = (BTreeMap::new(), BTreeSet::new());
        let mut waiting = VecDeque::from([KeyRange::everything()]);
        let mut coming = FuturesUnordered::new();
        loop {
            while coming.len() < PAGES
                && let Some(range) = waiting.pop_front()
            {
                coming.push(self.page(prefix, &below, range));
            }
            let Some(page) = coming.next().await else { break };
            let (range, page) = page?;
            if let Some(Unusable(keys)) = page.result.extensions.get() {
                unusable.extend(keys.iter().cloned());
            }
            let found: Vec<Meta> = page.result.objects.into_iter().map(Meta::of).collect();
            let names: Vec<&str> = found.iter().map(|meta| meta.key.as_str()).collect();
            let here = range.clone();
            waiting.extend(range.rest(&names, page.page_token));
            objects.extend(found.into_iter().filter(|meta| here.has(&meta.key)).map(|meta| (meta.key.clone(), meta)));
        }
        Ok(Listing { objects: objects.into_values().collect(), unusable: unusable.into_iter().collect() })
    }

    async fn page(&self, prefix: &str, below: &str, range: KeyRange) -> Result<(KeyRange, PaginatedListResult), Error> {
        let task = self.task("list", prefix, Duration::ZERO);
        let attempt = || async {
            let options = PaginatedListOptions {
                offset: range.after.clone().filter(|_| range.token.is_none()),
                page_token: range.token.clone(),
                ..PaginatedListOptions::default()
            };
            Ok(self.store.list_paginated(Some(below), options).await?)
        };
        match self.retrying(&task, attempt).await {
            Ok(page) => Ok((range, page)),
            Err(cause) => Err(task.error(cause)),
        }
    }
}
