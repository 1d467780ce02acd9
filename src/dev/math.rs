//! SQLite's math functions, which D1's SQLite has and rusqlite's bundled build leaves out.
//! <https://www.sqlite.org/lang_mathfunc.html>; the names are those that workerd allows. SQLite returns NULL for a domain error; here the
//! result is NaN, which SQLite turns into NULL.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Result};

type Unary = (&'static str, fn(f64) -> f64);
type Binary = (&'static str, fn(f64, f64) -> f64);

const UNARY: &[Unary] = &[
    ("acos", f64::acos),
    ("acosh", f64::acosh),
    ("asin", f64::asin),
    ("asinh", f64::asinh),
    ("atan", f64::atan),
    ("atanh", f64::atanh),
    ("cos", f64::cos),
    ("cosh", f64::cosh),
    ("degrees", f64::to_degrees),
    ("exp", f64::exp),
    ("ln", |x| positive(x).ln()),
    ("log", |x| positive(x).log10()),
    ("log2", |x| positive(x).log2()),
    ("radians", f64::to_radians),
    ("sin", f64::sin),
    ("sinh", f64::sinh),
    ("sqrt", f64::sqrt),
    ("tan", f64::tan),
    ("tanh", f64::tanh),
];

const BINARY: &[Binary] = &[
    ("atan2", f64::atan2),
    ("log", |base, x| positive(x).ln() / positive(base).ln()),
    ("mod", |x, y| x % y),
    ("pow", f64::powf),
];

/// These return an INTEGER unchanged.
const ROUNDING: &[Unary] = &[("ceil", f64::ceil), ("floor", f64::floor), ("trunc", f64::trunc)];

pub(super) fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    for &(name, function) in UNARY {
        connection.create_scalar_function(name, 1, flags, move |args| Ok(number(args, 0)?.map(function)))?;
    }
    for &(name, function) in BINARY {
        connection.create_scalar_function(name, 2, flags, move |args| {
            Ok(number(args, 0)?.zip(number(args, 1)?).map(|(a, b)| function(a, b)))
        })?;
    }
    for &(name, function) in ROUNDING {
        connection.create_scalar_function(name, 1, flags, move |args| match args.get_raw(0) {
            ValueRef::Integer(i) => Ok(Value::Integer(i)),
            _ => Ok(number(args, 0)?.map_or(Value::Null, |x| Value::Real(function(x)))),
        })?;
    }
    connection.create_scalar_function("pi", 0, flags, |_| Ok(std::f64::consts::PI))
}

/// The logarithm of zero is NULL in SQLite, not -Infinity.
fn positive(x: f64) -> f64 {
    if x > 0.0 { x } else { f64::NAN }
}

// Text counts as a number only if all of it is one.
fn number(args: &Context<'_>, index: usize) -> Result<Option<f64>> {
    Ok(match args.get_raw(index) {
        ValueRef::Null | ValueRef::Blob(_) => None,
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok()),
        ValueRef::Integer(_) | ValueRef::Real(_) => Some(args.get(index)?),
    })
}
