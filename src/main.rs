//! The process: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use tollgate::cli::{self, Cli};

/// The system's allocator costs a fifth of a message's CPU time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => cli::run(cli),
        Err(usage) => cli::usage(&usage),
    }
}
