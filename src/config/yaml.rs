//! What a YAML file of the application's says for single settings. The file is read event by event: nothing in it is built up, so no
//! file, however it is nested or refers to itself, takes more than its own size.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser};

/// The texts of the settings at the top of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    /// Settings by their names. Those with other values than a text are left out.
    pub(super) top: BTreeMap<String, String>,
    /// Those in the groups of the section that was asked for.
    pub(super) section: BTreeMap<String, String>,
}

/// A mapping or a list that the reader is in.
struct Level {
    /// The name it is the value of; `None`: it is not looked into.
    name: Option<String>,
    /// Whether it is a value; else it is a key, or in a list.
    is_value: bool,
}

/// Reads a file. `section`: a mapping at its top whose values are groups of settings. The last of several values counts.
pub(super) fn read(text: &str, section: &str) -> Result<Texts, String> {
    let mut texts = Texts::default();
    let mut levels: Vec<Level> = Vec::new();
    let mut key: Option<String> = None; // whose value comes next; empty: it is no text
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| format!("line {}: {}", error.marker().line(), error.info()))?;
        let names: Vec<Option<&str>> = levels.iter().map(|level| level.name.as_deref()).collect();
        let into = match names.as_slice() {
            [Some(_)] => Some(&mut texts.top),
            [Some(_), Some(name), Some(_)] if *name == section => Some(&mut texts.section),
            _ => None,
        };
        match event {
            Event::MappingStart(..) => {
                let is_top = levels.is_empty();
                let name = key.take().or(is_top.then(String::new));
                levels.push(Level { is_value: name.is_some(), name });
            }
            Event::SequenceStart(..) => levels.push(Level { name: None, is_value: key.take().is_some() }),
            Event::MappingEnd | Event::SequenceEnd => {
                let is_value = levels.pop().is_none_or(|level| level.is_value);
                key = (!is_value).then(String::new);
            }
            Event::Scalar(text, ..) => match key.take() {
                None => key = Some(text.into_owned()),
                Some(name) => {
                    // Empty: of a key that is no text.
                    if let Some(into) = into.filter(|_| !name.is_empty()) {
                        into.insert(name, text.into_owned());
                    }
                }
            },
            Event::Alias(_) => key = key.is_none().then(String::new),
            _ => {}
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(texts: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
        texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
    }

    #[test]
    fn texts_at_the_top_are_read_and_nothing_below() {
        let text = "# comment\nschema_version: 4.0.3\n\noutputs_dir: \"/srv/a b\" # here\nlist:\n- db_dir: no\n- x\nmap: {db_dir: no}\n\
                    anchored: &a {db_dir: no}\nagain: *a\n? [db_dir]\n: no\ndb_dir: 'it''s'\nuse_memory_db: true\n";
        let texts = read(text, "InvokeAI").unwrap();
        let top =
            [("db_dir", "it's"), ("outputs_dir", "/srv/a b"), ("schema_version", "4.0.3"), ("use_memory_db", "true")];
        assert_eq!(pairs(&texts.top), top);
        assert!(texts.section.is_empty());
    }

    #[test]
    fn the_groups_of_a_section_are_read() {
        let text = "InvokeAI:\n  Paths:\n    outdir: /o\n    deep: {db_dir: no}\n    db_dir: d\n  Web: {port: 1}\n  odd: x\nother:\n  Paths:\n    db_dir: no\n";
        let texts = read(text, "InvokeAI").unwrap();
        assert_eq!(pairs(&texts.section), [("db_dir", "d"), ("outdir", "/o"), ("port", "1")]);
        assert!(texts.top.is_empty());
    }

    #[test]
    fn nothing_is_too_odd_to_be_read_or_refused() {
        let bomb =
            format!("a: &a x\n{}db_dir: d\n", (0..50).map(|_| "b: &a [*a,*a,*a,*a,*a,*a,*a,*a]\n").collect::<String>());
        assert_eq!(pairs(&read(&bomb, "s").unwrap().top), [("a", "x"), ("db_dir", "d")]);
        for text in ["", "- a\n- db_dir: x", "just text", "---\n...\n"] {
            assert_eq!(read(text, "s"), Ok(Texts::default()), "{text}");
        }
        for text in ["a: [", "a: \"x", "a: b: c"] {
            assert!(read(text, "s").unwrap_err().starts_with("line "), "{text}");
        }
    }
}
