//! The planner against a database that stands for D1: after every transaction both must be equal, typed and whole.

mod ablation;
mod pages;
mod random;
mod schema;
mod statements;
mod wire;
mod world;
