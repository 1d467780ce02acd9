//! The command `liteflare`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use liteflare::cli;

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Cmd,
}

#[derive(Subcommand)]
enum Cmd {
    Run(cli::run::RunArgs),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Cmd::Run(args) => cli::run::main(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("liteflare: {error:#}");
            ExitCode::FAILURE
        }
    }
}
