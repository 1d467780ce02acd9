//! The libc functions that this library stands in front of, one file per group.
//!
//! Each has a name of our own (`lf_open`), hidden in every program that links this crate. `build.rs` gives it libc's name in the
//! shared library only, from the list in `exports.txt`: a `#[no_mangle]` `open` would also take over the command and every test.
//!
//! ```text
//! frame       `hooked!`: the guard, libc's own function, `errno`
//! arguments   C's pointers as types that carry the caller's promise
//! whose       which paths and descriptors are ours
//!   └► attributes, directories, links, open, …: what is done with ours; one safe method of the hook's each
//! ```
#![allow(unsafe_code)]

mod arguments;
mod attributes;
mod children;
mod database;
mod descriptors;
mod directories;
mod extended;
mod frame;
mod links;
mod locks;
mod open;
mod process;
mod runtime;
mod streams;
mod temporary;
mod walks;
mod whose;

use crate::hook::state::{self, Hook};

/// Called by the dynamic linker when it has loaded this library and what that needs.
#[used]
#[unsafe(link_section = ".init_array")]
static LOADED: extern "C" fn() = loaded;

extern "C" fn loaded() {
    state::loaded();
}

/// The hook, when it is switched on.
#[inline]
fn hook() -> Option<&'static Hook> {
    state::hook(process::watch)
}
