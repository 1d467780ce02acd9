//! Whoever may write to D1 runs nothing here: schema texts that are several statements by the time they are read, and expressions that
//! never end or want gigabytes. Each comes through every door that builds a database from D1's texts.

mod bombs;
mod doors;
mod smuggled;
