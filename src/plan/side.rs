//! The two images a transaction lies between. Each has a type of its own, so that swapping them does not compile.

use std::ops::Deref;

use rusqlite::Connection;

use crate::schema::Schema;

/// One image: its rows, read through a connection, and its schema.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    /// Shows the rows; is only read.
    pub connection: &'a Connection,
    pub schema: &'a Schema,
}

/// BEFORE: the image the transaction began on.
#[derive(Clone, Copy)]
pub(crate) struct Before<'a>(pub Side<'a>);

/// AFTER: the image the transaction made.
#[derive(Clone, Copy)]
pub(crate) struct After<'a>(pub Side<'a>);

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
