//! Whether a page is one of the listing that was asked for. Only then it ends, and the names in it are names below the prefix.

use object_store::list::PaginatedListResult;

use super::bounds::{ETAG, OBJECT_BYTES, PAGE_KEYS};
use super::file_keys::LeftOut;
use super::key_range::KeyRange;

/// Checks a page of names that begin with `below`, read for `range`. `left`: what was taken out of it. An error says what is wrong with it.
pub(super) fn check(page: &PaginatedListResult, left: &LeftOut, below: &str, range: &KeyRange) -> Result<(), String> {
    let objects = &page.result.objects;
    let count = objects.len() + left.count();
    if count > PAGE_KEYS {
        return Err(format!("a page has {count} names, and not 1,000 at most"));
    }
    if objects.iter().any(|object| object.e_tag.as_ref().is_some_and(|etag| etag.len() as u64 > ETAG.most)) {
        return Err(format!("an ETag has more than {} bytes", ETAG.most));
    }
    if let Some(large) = objects.iter().find(|object| object.size > OBJECT_BYTES) {
        return Err(format!(
            "{:?} has {} bytes, and R2 has no object with more than 5 TiB",
            large.location.as_ref(),
            large.size
        ));
    }
    let mut last = range.after.clone().unwrap_or_default();
    for object in objects {
        last = next(object.location.as_ref(), below, &last)?;
    }
    // What was taken out may be all there is. It brings the listing on as well, unless it stands before where the page begins.
    let goes_on = |name: &&String| name.starts_with(below) && range.after.as_ref().is_none_or(|after| *name > after);
    match &page.page_token {
        Some(_) if objects.is_empty() && !left.ordered().any(|name| goes_on(&name)) => {
            Err("a page without names says that there are more".into())
        }
        Some(token) if range.token.as_ref() == Some(token) => Err("the next page is the same page again".into()),
        _ => Ok(()),
    }
}

/// A name that comes after `last`.
fn next(name: &str, below: &str, last: &str) -> Result<String, String> {
    if !name.starts_with(below) {
        return Err(format!("the name {name:?} does not begin with {below:?}"));
    }
    if name <= last {
        return Err(format!("the name {name:?} comes after {last:?}, and names come in their order"));
    }
    Ok(name.to_owned())
}
