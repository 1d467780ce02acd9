//! The commands, one file each: arguments in, exit code out.

pub mod dev;
pub mod export;
pub mod import;
pub mod progress;
pub mod run;
pub mod verify;
