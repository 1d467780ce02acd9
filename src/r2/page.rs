//! Whether a page is one of the listing that was asked for. Only then it ends, and the names in it are names below the prefix.

use object_store::list::PaginatedListResult;

use super::bounds::{ETAG, OBJECT_BYTES, PAGE_KEYS};
use super::key_range::KeyRange;

/// Checks a page of names that begin with `below`, read for `range`. An error says what is wrong with it.
pub(super) fn check(page: &PaginatedListResult, below: &str, range: &KeyRange) -> Result<(), String> {
    let objects = &page.result.objects;
    if objects.len() > PAGE_KEYS {
        return Err(format!("a page has {} names, and not 1,000 at most", objects.len()));
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
    match &page.page_token {
        Some(_) if !objects.iter().any(|object| object.location.as_ref().starts_with(below)) => {
            Err("a page without names says that there are more".into())
        }
        Some(token) if range.token.as_ref() == Some(token) => Err("the next page is the same page again".into()),
        _ => Ok(()),
    }
}

/// A name that comes after `last`. `object_store` has taken the slash from folders' markers, and which those are cannot be seen: any
/// name may have had one.
fn next(name: &str, below: &str, last: &str) -> Result<String, String> {
    let with_slash = format!("{name}/");
    let found = [name, &with_slash].into_iter().find(|name| *name > last && name.starts_with(below));
    found.map(str::to_owned).ok_or_else(|| match with_slash.starts_with(below) {
        true => format!("the name {name:?} comes after {last:?}, and names come in their order"),
        false => format!("the name {name:?} does not begin with {below:?}"),
    })
}
