//! What must hold of any cell that comes from D1: both ways of reading it see the same value.

use serde_json::Value as Json;

use super::Value;
use super::from_d1::{Computed, parse_stored};

/// Reads each cell of a row both ways.
pub(crate) fn cells(row: &[u8]) {
    let cells: Vec<Json> = serde_json::from_slice(row).unwrap_or_default();
    for cell in cells {
        let mut is_doubtful = false;
        let stored = parse_stored(cell.clone(), &mut is_doubtful);
        let computed = serde_json::from_value::<Computed>(cell.clone());
        match (stored, computed) {
            (Some(Some(stored)), Ok(computed)) => {
                assert_eq!(stored, computed.value, "{cell}");
                assert_eq!(is_doubtful, computed.is_mended, "{cell}");
            }
            (Some(None), Err(_)) => assert_eq!(cell, ">", "only what is large is fetched by itself"),
            // A large blob comes as its bytes, but only to those who cannot fetch it later.
            (None, Ok(computed)) => assert!(matches!(computed.value, Value::Blob(_)) && cell.is_array(), "{cell}"),
            (None, Err(_)) => {}
            (stored, _) => panic!("{cell} is {stored:?}, or nothing"),
        }
    }
}
