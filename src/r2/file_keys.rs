//! A page of names, before `object_store` reads it: that refuses a whole page for one key it does not take, and whoever may write to the
//! bucket could hide a folder so. In: the page, as XML. Out: the page without the objects whose keys can be no file's name, and those keys.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::Event;

use super::bucket;

/// The longest name of a file, as on a disk.
const NAME_BYTES: usize = 255;

/// What was left out of a page, in its order; `object_store` hands it on beside the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// Keys that can be no file's name.
    pub(super) keys: Vec<String>,
    /// The same, as the page has them: they cannot be read.
    pub(super) unreadable: Vec<String>,
    /// Keys of the empty objects that a dashboard stands for a folder. As the folder's name each would be in the way of what is in it.
    pub(super) folders: Vec<String>,
}

impl LeftOut {
    /// How many objects.
    pub(super) fn count(&self) -> usize {
        self.keys.len() + self.unreadable.len() + self.folders.len()
    }

    /// Those whose place in the order of names is known.
    pub(super) fn ordered(&self) -> impl Iterator<Item = &String> {
        self.keys.iter().chain(&self.folders)
    }

    /// Those that somebody should know of.
    pub(super) fn unusable(&self) -> impl Iterator<Item = &String> {
        self.keys.iter().chain(&self.unreadable)
    }
}

/// Whether the keys below a mapped folder's prefix may include this one: each of its parts is a file's name.
pub fn is_file_key(key: &str) -> bool {
    bucket::path(key).is_ok() && key.split('/').all(|name| name.len() <= NAME_BYTES)
}

/// Takes out what is not to be read. `None`: nothing is, or this is no page; then its reader says what is wrong with it.
pub(super) fn without_unusable(page: &[u8]) -> Option<(Vec<u8>, LeftOut)> {
    let page = std::str::from_utf8(page).ok()?;
    let (mut rest, mut from, mut left) = (String::with_capacity(page.len()), 0, LeftOut::default());
    for object in objects(page)? {
        let key = object.key;
        if key.as_deref().is_ok_and(is_file_key) {
            continue;
        }
        rest.push_str(&page[from..object.place.start]);
        from = object.place.end;
        match key {
            Ok(key) if key.strip_suffix('/').is_some_and(is_file_key) => left.folders.push(key),
            Ok(key) => left.keys.push(key),
            Err(key) => left.unreadable.push(key),
        }
    }
    (from > 0).then(|| {
        rest.push_str(&page[from..]);
        (rest.into_bytes(), left)
    })
}

struct Listed {
    /// Where the page tells of it.
    place: Range<usize>,
    /// Its key; the error: the key as the page has it, which cannot be read.
    key: Result<String, String>,
}

/// The objects of a page, in order.
fn objects(page: &str) -> Option<Vec<Listed>> {
    let mut reader = Reader::from_str(page);
    let (mut found, mut begun, mut key) = (Vec::new(), 0, None);
    loop {
        let before = at(&reader)?;
        match reader.read_event().ok()? {
            Event::Start(tag) if tag.name().as_ref() == b"Contents" => (begun, key) = (before, None),
            Event::Start(tag) if tag.name().as_ref() == b"Key" => {
                let span = reader.read_to_end(tag.to_end().name()).ok()?;
                let text = page.get(usize::try_from(span.start).ok()?..usize::try_from(span.end).ok()?)?;
                key = Some(unescape(text).map(String::from).map_err(|_| text.to_owned()));
            }
            Event::End(tag) if tag.name().as_ref() == b"Contents" => {
                found.push(Listed { place: begun..at(&reader)?, key: key.take()? });
            }
            Event::Eof => return Some(found),
            _ => {}
        }
    }
}

fn at(reader: &Reader<&[u8]>) -> Option<usize> {
    usize::try_from(reader.buffer_position()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(keys: &[&str]) -> String {
        let object = |key: &&str| format!("<Contents><Size>1</Size><Key>{key}</Key>\n</Contents>");
        format!(
            "<?xml version=\"1.0\"?><R><Prefix>a</Prefix>{}<T>t</T></R>",
            keys.iter().map(object).collect::<String>()
        )
    }

    fn left(keys: &[&str]) -> Option<(String, Vec<String>)> {
        let (rest, left) = without_unusable(page(keys).as_bytes())?;
        Some((String::from_utf8(rest).expect("UTF-8"), left.unusable().cloned().collect()))
    }

    #[test]
    fn good_keys_stay_and_the_others_are_named() {
        assert_eq!(left(&["a/b", "a/c &amp; &#x1F600;", "a/ü"]), None);
        assert_eq!(left(&[]), None);
        for bad in ["a//b", "a/../b", "a/./b", "..", "/a", "a/\n", "a/&#1;", "a&#0;b", "&none;", "&#xD800;"] {
            let named = unescape(bad).map_or(bad.to_owned(), String::from);
            let long = "n".repeat(256);
            let (rest, mut found) = left(&["a/1", bad, "a/2", &long, "a/3"]).unwrap();
            found.sort_by_key(String::len);
            assert_eq!((rest, found), (page(&["a/1", "a/2", "a/3"]), vec![named, long]), "{bad}");
        }
        assert_eq!(left(&["a/", "a/b/"]), Some((page(&[]), Vec::new())), "folders of a dashboard");
        assert_eq!(left(&["a//"]), Some((page(&[]), vec!["a//".to_owned()])));
    }

    #[test]
    fn what_is_no_page_is_left_to_its_reader() {
        for text in ["", "<Contents><Key>..</Key>", "<R><Contents></Contents></R>", "<Key", "{}", "<a></b>"] {
            assert_eq!(without_unusable(text.as_bytes()), None, "{text}");
        }
        assert_eq!(without_unusable(b"\xff"), None);
    }
}
