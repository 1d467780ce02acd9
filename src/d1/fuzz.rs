//! What must hold of any answer of D1's: read while it arrives, and read whole, it says the same.

use bytes::Bytes;
use serde_json::Value as Json;

use super::answer::{SendError, StatementResult, result};
use super::scanner::Scanner;
use super::stream::end;
use crate::cloudflare::Reply;

/// Containers in containers that both ways of reading follow. Beyond, which of them refuses first depends on how the bytes come.
const DEEP: usize = 60;

/// Holds the two ways of reading `answer` against each other, and gives the rows that both see.
pub(crate) fn rows(answer: &[u8]) -> Vec<Vec<u8>> {
    for status in [200, 429, 500, 503] {
        let _ = whole(answer, status); // any answer will do, as long as there is one
    }
    let (rows, ended) = streamed(answer, answer.len().max(1));
    if depth(answer) > DEEP {
        return rows;
    }
    for piece in [1, 2, 7] {
        let (again, ended_again) = streamed(answer, piece);
        assert_eq!(again, rows, "rows depend on how the bytes come");
        assert_eq!(ended_again.is_ok(), ended.is_ok(), "the end depends on how the bytes come");
    }
    let found: Result<Vec<Json>, _> = rows.iter().map(|row| serde_json::from_slice(row)).collect();
    match (whole(answer, 200), ended, found) {
        (Ok(results), Ok(()), Ok(found)) => {
            let expected = results.into_iter().flat_map(|result| result.results.rows).map(Json::Array);
            assert_eq!(found, expected.collect::<Vec<_>>());
        }
        (Err(error), Ok(()), Ok(found)) => panic!("{error}, and yet {found:?} came out of it"),
        (Ok(_), Ok(()), Err(error)) => panic!("a good answer has rows that are none: {error}"),
        // JSON can be written in ways that D1 does not use. Such an answer may be refused, though not misread.
        (Ok(_), Err(error), _) => assert!(answer.contains(&b'\\'), "a good answer was not understood: {error}"),
        (Err(_), ..) => {}
    }
    rows
}

fn whole(answer: &[u8], status: u16) -> Result<Vec<StatementResult>, SendError> {
    result(&Reply { status, retry_after: None, ray: None, redirect: None, body: Ok(Bytes::copy_from_slice(answer)) })
}

fn streamed(answer: &[u8], piece: usize) -> (Vec<Vec<u8>>, Result<(), SendError>) {
    let mut scanner = Scanner::default();
    let mut rows = Vec::new();
    for bytes in answer.chunks(piece) {
        let taken = scanner.push(bytes);
        rows.extend(std::iter::from_fn(|| scanner.pop()));
        if let Err(oversized) = taken {
            return (rows, Err(oversized.into()));
        }
    }
    (rows, end(&scanner))
}

fn depth(answer: &[u8]) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    for byte in answer {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}
