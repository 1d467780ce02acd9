//! The `liteflare` command.

mod cli;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs an unmodified SQLite application with its database in Cloudflare D1 and its files in R2
#[derive(Parser, Debug)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve a local D1 and R2 for development and tests
    Dev(cli::dev::DevArgs),
    /// Check settings, token, D1, R2 and the application's Python
    Doctor(cli::doctor::DoctorArgs),
    /// Write database and media to a folder that InvokeAI starts from without liteflare
    Export(cli::export::ExportArgs),
    /// Bring a local InvokeAI root, database and media, to D1 and R2
    Import(cli::import::ImportArgs),
    /// Find or create the D1 database and the bucket, and write liteflare.toml
    Init(cli::init::InitArgs),
    /// Run a command with its database in D1
    Run(cli::run::RunArgs),
    /// Show what D1 and R2 hold
    Status(cli::status::StatusArgs),
    /// Compare D1 with a fresh replica, with a file, and rows with objects
    Verify(cli::verify::VerifyArgs),
}

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Dev(args) => cli::dev::main(args),
        Command::Doctor(args) => cli::doctor::main(args),
        Command::Export(args) => cli::export::main(args),
        Command::Import(args) => cli::import::main(args),
        Command::Init(args) => cli::init::main(args),
        Command::Run(args) => cli::run::main(args),
        Command::Status(args) => cli::status::main(args),
        Command::Verify(args) => cli::verify::main(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::print::error(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
