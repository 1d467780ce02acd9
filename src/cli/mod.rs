//! The commands, one file each: arguments in, exit code out.

pub mod dev;
pub mod doctor;
pub mod export;
pub mod import;
pub mod init;
pub mod progress;
pub mod run;
pub mod status;
pub mod verify;
