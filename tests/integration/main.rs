//! The doors of liteflare: its command, its library and its clients, against the clouds, over a network that fails on command.
//! One crate for all of them: it is linked once, and what is shared (`support`) has one place.
//!
//! All tests run in threads of one process (`cargo test`) or in a process each (`cargo nextest run`), and must not notice which. A
//! test that needs a process of its own takes one: `support::alone`, or the command.

mod bounds;
mod clouds;
mod company;
mod conformance;
mod database;
mod dev;
mod faults;
mod foreign;
mod hostile;
mod house;
mod hydrate;
mod library;
mod network;
mod protocol;
mod r2;
mod redirects;
mod replicas;
mod splitter;
mod support;
mod transfer;
