//! Records (SQLite's file format, section 2.1), as far as keys need them: the first columns of a WITHOUT ROWID row.

use super::Corrupt;
use super::btree::varint;
use crate::value::Value;

/// The first `count` values of a record, text in the database's encoding. A REAL column may store integral values as integers.
pub(crate) fn values(record: &[u8], count: usize) -> Result<Vec<Value>, Corrupt> {
    parse(record, count).ok_or(Corrupt::Record)
}

fn parse(record: &[u8], count: usize) -> Option<Vec<Value>> {
    let (header_len, _) = varint(record)?;
    let header_len = usize::try_from(header_len).ok()?;
    let (header, mut body) = record.split_at_checked(header_len)?;
    let (_, mut types) = varint(header)?;
    let mut values = Vec::with_capacity(count.min(header_len));
    while values.len() < count {
        let (serial, rest) = varint(types)?;
        types = rest;
        let (bytes, rest) = body.split_at_checked(width(serial)?)?;
        body = rest;
        values.push(value(serial, bytes)?);
    }
    Some(values)
}

fn width(serial: u64) -> Option<usize> {
    Some(match serial {
        0 | 8 | 9 => 0,
        1..=4 => serial as usize,
        5 => 6,
        6 | 7 => 8,
        10 | 11 => return None,
        _ => usize::try_from((serial - 12) / 2).ok()?,
    })
}

fn value(serial: u64, bytes: &[u8]) -> Option<Value> {
    Some(match serial {
        0 => Value::Null,
        1..=6 => Value::Integer(big_endian(bytes)),
        7 => Value::Real(f64::from_be_bytes(bytes.try_into().ok()?)),
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        _ if serial.is_multiple_of(2) => Value::Blob(bytes.to_vec()),
        _ => Value::Text(bytes.to_vec()),
    })
}

fn big_endian(bytes: &[u8]) -> i64 {
    let sign = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(sign, |value: i64, byte| (value << 8) | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_serial_type_is_read() {
        let record = [
            &[11, 0, 1, 2, 5, 6, 7, 8, 9, 16, 17][..],
            &[0xff],
            &[0x01, 0x00],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xfe],
            &i64::MIN.to_be_bytes(),
            &0.1f64.to_be_bytes(),
            b"\x00\x01hi",
        ]
        .concat();
        let expected = vec![
            Value::Null,
            Value::Integer(-1),
            Value::Integer(256),
            Value::Integer(-2),
            Value::Integer(i64::MIN),
            Value::Real(0.1),
            Value::Integer(0),
            Value::Integer(1),
            Value::Blob(vec![0, 1]),
            Value::Text(b"hi".to_vec()),
        ];
        assert_eq!(values(&record, 10), Ok(expected));
        assert_eq!(values(&record[..20], 10), Err(Corrupt::Record));
        assert_eq!(values(&record, 11), Err(Corrupt::Record));
    }
}
