//! `pipelock`: parses arguments, runs one command, turns its outcome into an exit code. Everything else is the library.

use std::process::ExitCode;

use clap::Parser;
use pipelock_gateway::cli::{self, Cli};

fn main() -> ExitCode {
    cli::init_log();
    cli::run(Cli::parse())
}
