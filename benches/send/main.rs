//! What one message costs: Tollgate beside the least that could do its job, in one run on one machine.
//!
//! One program in three parts: the driver, and as processes of their own the provider's stand-in and the floor. The
//! load comes from `wrk`. `make bench` runs it; `docs/performance.md` explains it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its table, and its parts print where they listen"
)]

mod floor;
mod load;
mod phone_company;
mod process;
mod product;
mod report;
mod rounds;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use tokio::{
    io::AsyncReadExt,
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};

/// The product's allocator, so that the floor has no other one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What this process is asked to be.
enum Part {
    Driver(rounds::Plan),
    PhoneCompany,
    Floor { provider: String, body: usize },
}

fn main() -> ExitCode {
    // `cargo bench` adds an argument of its own.
    let arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    match start(&arguments.collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &[String]) -> Result<()> {
    let part = part(arguments)?;
    Runtime::new()?.block_on(run(part))
}

fn part(arguments: &[String]) -> Result<Part> {
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let plan = |product: Option<&str>, seconds: &str| -> Result<Part> {
        let seconds = seconds.parse().context("seconds must be a number")?;
        let product = product.map(PathBuf::from);
        Ok(Part::Driver(rounds::Plan { seconds, product }))
    };
    match words[..] {
        ["--product", product] => plan(Some(product), "10"),
        ["--product", product, "--seconds", seconds] => plan(Some(product), seconds),
        ["--floor-only", "--seconds", seconds] => plan(None, seconds),
        ["phone-company"] => Ok(Part::PhoneCompany),
        ["floor", provider, body] => Ok(Part::Floor {
            provider: provider.to_owned(),
            body: body.parse()?,
        }),
        _ => bail!("usage: send --product BINARY | --floor-only [--seconds N]"),
    }
}

async fn run(part: Part) -> Result<()> {
    match part {
        Part::Driver(plan) => {
            let mut ended = signal(SignalKind::terminate())?;
            // Leaving this function ends every process that was started, whichever way it is left.
            tokio::select! {
                table = rounds::measure(&plan) => println!("{}", table?),
                _ = tokio::signal::ctrl_c() => bail!("interrupted"),
                _ = ended.recv() => bail!("terminated"),
            }
            Ok(())
        }
        Part::PhoneCompany => until_left_alone(phone_company::serve()).await,
        Part::Floor { provider, body } => until_left_alone(floor::serve(&provider, body)).await,
    }
}

/// Serves until the driver is gone: it holds the other end of standard input.
async fn until_left_alone(served: impl Future<Output = Result<()>>) -> Result<()> {
    let mut rest = Vec::new();
    let mut input = tokio::io::stdin();
    tokio::select! {
        ended = served => ended,
        _ = input.read_to_end(&mut rest) => Ok(()),
    }
}
