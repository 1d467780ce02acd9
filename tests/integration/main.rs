//! The doors of liteflare: its command, its library and its clients, against the clouds, over a network that fails on command.
//! One crate for all of them: it is linked once, and what is shared (`support`) has one place.

mod conformance;
mod database;
mod dev;
mod faults;
mod hydrate;
mod library;
mod network;
mod r2;
mod support;
mod transfer;
