//! The command's doors: one file per subcommand, each with its arguments and a `main`.

pub mod run;
