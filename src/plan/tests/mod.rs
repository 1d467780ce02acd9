//! The planner against a database that stands for D1: after every transaction both must be equal, typed and whole.

mod pages;
mod schema;
mod statements;
mod world;
