//! Takes the rows out of an answer while it arrives.
//!
//! In: the bytes of `{"result":[{"results":{"columns":[…],"rows":[[…],…]},…}],…}`, in pieces of any size, fields in any order. Out:
//! each row's JSON text, and at the end the answer without its rows, which says whether all went well. It does not judge: what is
//! no JSON, or no answer of D1's, stays in the rest. None of its parts may be larger than there is reason for.

use std::collections::VecDeque;

use super::bounds;
use crate::cloudflare::Oversized;

/// The names around D1's rows.
const ROWS: [&[u8]; 5] = [b"", b"result", b"", b"results", b"rows"];

/// What came last in the array of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Between {
    #[default]
    Nothing,
    Row,
    Comma,
}

/// Takes the rows out of one answer.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// The names of the containers around this place: the key it stands under, empty in an array.
    names: Vec<Vec<u8>>,
    /// The last string, without its quotes; before a `:` it is a key.
    string: Vec<u8>,
    key: Vec<u8>,
    in_string: bool,
    escaped: bool,
    /// Inside of the array of rows, or of a row: 1, or more.
    depth: usize,
    /// Between two rows: what came last.
    last: Between,
    row: Vec<u8>,
    rows: VecDeque<Vec<u8>>,
    rest: Vec<u8>,
}

impl Scanner {
    /// Takes the next piece.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), Oversized> {
        while let [byte, ..] = bytes {
            let taken = match (self.depth, self.in_string) {
                (2.., true) => self.row_string(bytes),
                (2.., false) => self.row_byte(*byte),
                (1, _) => self.between_rows(*byte),
                _ => self.around(*byte),
            };
            bytes = &bytes[taken..];
        }
        self.check()
    }

    fn check(&self) -> Result<(), Oversized> {
        let depth = self.depth.max(self.names.len());
        for (has, bound) in [(self.row.len(), bounds::ROW), (self.rest.len(), bounds::AROUND), (depth, bounds::DEPTH)] {
            if has as u64 > bound.most {
                return Err(bound);
            }
        }
        Ok(())
    }

    /// The next row that is complete.
    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        self.rows.pop_front()
    }

    /// Whether a row is waiting.
    pub(super) fn has_row(&self) -> bool {
        !self.rows.is_empty()
    }

    /// The answer without its rows.
    pub(super) fn rest(&self) -> &[u8] {
        &self.rest
    }

    /// Most of an answer is text: all of it up to the next quote or backslash is taken at once.
    fn row_string(&mut self, bytes: &[u8]) -> usize {
        if self.escaped {
            self.escaped = false;
            self.row.push(bytes[0]);
            return 1;
        }
        let special = bytes.iter().position(|byte| *byte == b'"' || *byte == b'\\');
        let end = special.map_or(bytes.len(), |at| at + 1);
        if let Some(at) = special {
            self.escaped = bytes[at] == b'\\';
            self.in_string = self.escaped;
        }
        self.row.extend_from_slice(&bytes[..end]);
        end
    }

    fn row_byte(&mut self, byte: u8) -> usize {
        self.row.push(byte);
        match byte {
            b'"' => self.in_string = true,
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.depth -= 1,
            _ => {}
        }
        if self.depth == 1 {
            self.rows.push_back(std::mem::take(&mut self.row));
            self.last = Between::Row;
        }
        1
    }

    fn between_rows(&mut self, byte: u8) -> usize {
        match (byte, self.last) {
            (b'[', Between::Nothing | Between::Comma) => {
                self.depth = 2;
                self.row.push(byte);
            }
            (b',', Between::Row) => self.last = Between::Comma,
            (b']', last) => {
                (self.depth, self.last) = (0, Between::Nothing);
                self.names.pop();
                self.rest.extend_from_slice(if last == Between::Comma { b",]" } else { b"]" });
            }
            (b' ' | b'\n' | b'\r' | b'\t', _) => {}
            // No row, or out of place. The comma sees to it that the rest is no answer either.
            (other, _) => self.rest.extend_from_slice(&[b',', other]),
        }
        1
    }

    fn around(&mut self, byte: u8) -> usize {
        self.rest.push(byte);
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => self.string.push(byte),
            }
            return 1;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.string.clear();
            }
            b':' => self.key.clone_from(&self.string),
            b',' => self.key.clear(),
            b'[' | b'{' => {
                self.names.push(std::mem::take(&mut self.key));
                if byte == b'[' && self.names.iter().map(Vec::as_slice).eq(ROWS) {
                    self.depth = 1;
                }
            }
            b']' | b'}' => {
                self.names.pop();
                self.key.clear();
            }
            _ => {}
        }
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str, piece: usize) -> (Vec<String>, String) {
        let mut scanner = Scanner::default();
        let mut rows = Vec::new();
        for bytes in text.as_bytes().chunks(piece) {
            scanner.push(bytes).unwrap();
            rows.extend(std::iter::from_fn(|| scanner.pop()).map(|row| String::from_utf8(row).unwrap()));
        }
        (rows, String::from_utf8(scanner.rest().to_vec()).unwrap())
    }

    #[test]
    fn rows_come_out_whole_whatever_the_pieces() {
        let rows = [r#"["a]\"[\\",1]"#, r#"[[1,2],{"rows":[[3]]},null]"#, "[]", r#"["\\\""]"#];
        let text = format!(
            r#"{{"success":true, "rows":[[0]],"result":[{{"results":{{"columns":["rows","a]"],"rows":[{}]}},"meta":{{"rows":[[9]]}}}}]}}"#,
            rows.join(" ,\n")
        );
        let rest = r#"{"success":true, "rows":[[0]],"result":[{"results":{"columns":["rows","a]"],"rows":[]},"meta":{"rows":[[9]]}}]}"#;
        for piece in 1..text.len() {
            assert_eq!(scan(&text, piece), (rows.map(str::to_owned).to_vec(), rest.to_owned()), "pieces of {piece}");
        }
    }

    #[test]
    fn what_is_no_answer_stays_as_it_is() {
        for text in [
            "",
            "<html>",
            r#"{"success":false,"errors":[{"message":"a \"b\" [c"}],"result":[]}"#,
            r#"[{"rows":[[1]]}]"#,
        ] {
            assert_eq!(scan(text, 3), (vec![], text.to_owned()));
        }
    }

    #[test]
    fn rows_that_are_no_arrays_make_no_good_answer() {
        let (rows, rest) = scan(r#"{"result":[{"results":{"rows":[{"a":1},2]}}]}"#, 100);
        assert!(rows.is_empty() && serde_json::from_str::<serde_json::Value>(&rest).is_err(), "{rest}");
    }

    #[test]
    fn commas_that_are_missing_or_too_many_make_no_good_answer() {
        for rows in ["[1][2]", "[1],,[2]", ",[1]", "[1],", ","] {
            let (_, rest) = scan(&format!(r#"{{"result":[{{"results":{{"rows":[{rows}]}}}}]}}"#), 100);
            assert!(serde_json::from_str::<serde_json::Value>(&rest).is_err(), "{rows}: {rest}");
        }
        let (rows, rest) = scan(r#"{"result":[{"results":{"rows":[[1], [2]]}},{"results":{"rows":[[3]]}}]}"#, 100);
        assert!(rows.len() == 3 && serde_json::from_str::<serde_json::Value>(&rest).is_ok(), "{rows:?}: {rest}");
    }
}
