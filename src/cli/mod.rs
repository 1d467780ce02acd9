//! The commands, one file each: arguments in, exit code out.

pub mod dev;
pub mod doctor;
pub mod init;
pub mod run;
pub mod status;
