//! The two images a transaction lies between. A type each, so that to swap them does not compile.

use std::ops::Deref;

use rusqlite::Connection;

use crate::schema::Schema;

/// One image: its rows, read through a connection, and its schema.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Shows the rows; is only read.
    pub connection: &'a Connection,
    /// Its schema.
    pub schema: &'a Schema,
}

/// BEFORE: the image the transaction began on.
#[derive(Clone, Copy)]
pub struct Before<'a>(pub Side<'a>);

/// AFTER: the image the transaction made.
#[derive(Clone, Copy)]
pub struct After<'a>(pub Side<'a>);

impl<'a> Deref for Before<'a> {
    type Target = Side<'a>;

    fn deref(&self) -> &Side<'a> {
        &self.0
    }
}

impl<'a> Deref for After<'a> {
    type Target = Side<'a>;

    fn deref(&self) -> &Side<'a> {
        &self.0
    }
}
