//! The commands, and what their ends say to the shell.

mod call;
mod check_config;
mod explain;
mod guard;
mod healthcheck;
mod hook;
mod replay;
mod sandbox;
mod send;
mod serve;
mod signals;
mod tour;
mod trace;

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Bad usage or configuration.
const EXIT_USAGE: u8 = 64;

/// Anything else that went wrong.
const EXIT_FAILURE: u8 = 1;

/// Delivers one-time passcodes: Okta's telephony hook or a gRPC call in, a message on a phone out.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    Serve(serve::Serve),
    /// Check a configuration, or print its schema
    CheckConfig(check_config::CheckConfig),
    /// Run everything against simulated vendors; needs no file and no network
    Sandbox(sandbox::Sandbox),
    /// Play Okta: call a telephony hook and judge its answer
    Hook(hook::Hook),
    /// Send one code over gRPC
    Send(send::Send),
    /// Say what a send would do, and why; nothing is sent or counted
    Explain(explain::Explain),
    /// Ask the guard how somebody stands, change its lists, and read its decisions
    Guard(guard::Guard),
    /// Run a trace of requests through the guard, in virtual time; nothing is sent
    Replay(replay::Replay),
    /// Make up a trace of requests, for `replay`
    Trace(trace::Trace),
    /// Ask a door how it is; the exit code says whether it is well
    Healthcheck(healthcheck::Healthcheck),
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line or the configuration is at fault.
    Usage(String),
    /// Anything else.
    Other(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

impl Failure {
    fn usage(problem: &impl Display) -> Self {
        Self::Usage(problem.to_string())
    }
}

/// Runs a command to its end.
pub fn run(cli: Cli) -> ExitCode {
    let ended = match cli.command {
        Command::Serve(command) => command.run(),
        Command::CheckConfig(command) => command.run(),
        Command::Sandbox(command) => command.run(),
        Command::Hook(command) => command.run(),
        Command::Send(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Guard(command) => command.run(),
        Command::Replay(command) => command.run(),
        Command::Trace(command) => command.run(),
        Command::Healthcheck(command) => command.run(),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(problem)) => {
            complain(&problem);
            ExitCode::from(EXIT_USAGE)
        }
        Err(Failure::Other(problem)) => {
            complain(&format!("{problem:#}"));
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// Answers a command line that is none, or that only asks for help.
pub fn usage(problem: &clap::Error) -> ExitCode {
    // A closed output is nobody's to tell.
    drop(problem.print());
    if problem.use_stderr() {
        ExitCode::from(EXIT_USAGE)
    } else {
        ExitCode::SUCCESS
    }
}

fn complain(problem: &str) {
    drop(writeln!(io::stderr(), "tollgate: {problem}"));
}

/// Writes a line for the person at the terminal.
fn say(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

/// Runs a command that waits. What still blocks a thread at its end, such as the look-up of a name, is left behind.
fn wait_for<T>(command: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(command);
    runtime.shutdown_background();
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn who_is_to_be_blocked_must_be_named() {
        let asked = |words: &str| {
            let words = format!("tollgate guard {words}");
            Cli::try_parse_from(words.split(' ')).map_err(|problem| problem.kind())
        };
        let missing = Some(ErrorKind::MissingRequiredArgument);
        for nobody in [
            "block --reason r",
            "allow --reason r --all-tenants",
            "unblock",
            "unblock --all-tenants",
        ] {
            assert_eq!(asked(nobody).err(), missing, "{nobody}");
        }
        for somebody in [
            "block --reason r --phone +14155550123 --prefix +1415555",
            "allow --reason r --network 203.0.113.0/24 --all-tenants",
            "unblock lst_1 lst_2",
            "unblock --user u-17",
            "unblock lst_1 --user u-17",
        ] {
            assert!(asked(somebody).is_ok(), "{somebody}");
        }
    }
}
