//! Names below a prefix.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore};

use super::bucket::{Bucket, Remote};
use super::error::{Cause, Error};
use super::file_keys::LeftOut;
use super::key_range::KeyRange;
use super::meta::{Meta, below};
use super::page;
use crate::memory;

/// Pages on the way at once.
const PAGES: usize = 10;

/// After so many pages it is looked whether there is room for more names.
const LOOK_PAGES: usize = 64;

/// What is known of a name takes so much memory beside its letters, and it stands in the listing and in the cache.
const NAME_BYTES: usize = 200;
const COPIES: u64 = 3;

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
            Ok(!page.result.objects.is_empty() || page.result.extensions.get::<LeftOut>().is_some())
        };
        self.retrying(&task, attempt).await.map_err(|cause| task.error(cause))
    }

    async fn list(&self, prefix: &str) -> Result<Listing, Error> {
        let (below, task) = (below(prefix), self.task("list", prefix, Duration::ZERO));
        let (mut objects, mut unusable) = (BTreeMap::new(), BTreeSet::new());
        let mut waiting = VecDeque::from([KeyRange::everything()]);
        let mut coming = FuturesUnordered::new();
        let (mut pages, mut name_bytes) = (0, 0_u64);
        loop {
            while coming.len() < PAGES
                && let Some(range) = waiting.pop_front()
            {
                coming.push(self.page(prefix, &below, range));
            }
            let Some(page) = coming.next().await else { break };
            let (range, page) = page?;
            let left = page.result.extensions.get::<LeftOut>().cloned().unwrap_or_default();
            page::check(&page, &left, &below, &range).map_err(|reason| task.error(Cause::Misfit(reason)))?;
            let found: Vec<Meta> = page.result.objects.into_iter().map(Meta::of).collect();
            let mut names: Vec<&str> = found.iter().map(|meta| meta.key.as_str()).collect();
            names.extend(left.ordered().map(String::as_str).filter(|name| name.starts_with(&below)));
            names.sort_unstable();
            name_bytes += found.iter().map(|meta| (meta.key.len() + meta.etag.len() + NAME_BYTES) as u64).sum::<u64>();
            name_bytes += left.unusable().map(|key| (key.len() + NAME_BYTES) as u64).sum::<u64>();
            pages += 1;
            if pages % LOOK_PAGES == 0
                && let Err(left) = memory::check(name_bytes * COPIES)
            {
                return Err(Error::LongList { prefix: prefix.to_owned(), count: objects.len(), left });
            }
            let here = range.clone();
            waiting.extend(range.rest(&names, page.page_token));
            unusable.extend(left.unusable().cloned());
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
