//! Text for people's eyes. Names and messages come from D1, R2 and other people's folders, and a terminal obeys what is in them: it
//! clears the screen, changes what stands there, writes from right to left. In: any text. Out: one line, in which what would be obeyed is
//! seen.

use std::borrow::Cow;
use std::fmt::Write;

/// The text as one line: control characters, line breaks and what changes the direction of writing are escaped, as Rust does it.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => line.extend(character.escape_default()),
            character if is_obeyed(character) => line.extend(character.escape_unicode()),
            character => line.push(character),
        }
    }
    Cow::Owned(line)
}

/// JSON in which such characters are escaped too. Those below U+0020 are already, as JSON demands it; between the texts stand only
/// line breaks.
pub fn json(json: String) -> String {
    let is_raw = |character: char| character != '\n' && is_obeyed(character);
    if !json.contains(is_raw) {
        return json;
    }
    let mut safe = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_raw(character) {
            // All of them are in the first plane, so four digits will do.
            let _ = write!(safe, "\\u{:04x}", u32::from(character)); // a `String` takes everything
        } else {
            safe.push(character);
        }
    }
    safe
}

/// What a terminal obeys instead of showing it. Unicode's list of characters that change the direction is in its Annex 9, "Explicit
/// Directional Formatting Characters".
fn is_obeyed(character: char) -> bool {
    let turns =
        matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || turns || matches!(character, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_seen() {
        let all = (0..=0x10_ffff).filter_map(char::from_u32).collect::<String>();
        let line = one_line(&all).into_owned();
        assert!(!line.contains(is_obeyed) && line.contains("é漢😀") == all.contains("é漢😀"));
        assert_eq!(one_line("a\x1b[2J\u{9b}\x7f\u{202e}b\r\n\t"), r"a\u{1b}[2J\u{9b}\u{7f}\u{202e}b\r\n\t");
        assert_eq!(one_line("Größe: 漢字 😀 C:\\x"), "Größe: 漢字 😀 C:\\x");
    }

    #[test]
    fn json_means_the_same() {
        let all = (0..=0xffff).filter_map(char::from_u32).collect::<String>();
        let value = serde_json::json!({ "a": all, &all: [1] });
        for text in [value.to_string(), format!("{value:#}")] {
            let safe = json(text);
            assert!(!safe.replace('\n', "").contains(is_obeyed));
            assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        }
    }
}
