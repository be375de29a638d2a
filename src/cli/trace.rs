//! `tollgate trace`: makes up a trace for `tollgate replay`.

use std::{
    fs::File,
    io::{self, BufWriter},
    path::PathBuf,
};

use anyhow::Context;
use clap::Args;

use crate::replay::trace::{self, Order, Shape, Through, Unwritten};

use super::Failure;

/// Make up a trace of requests, for `replay`
#[derive(Debug, Args)]
pub(super) struct Trace {
    /// What happens in it
    #[arg(value_enum)]
    shape: Shape,
    /// Another seed is another trace of the same shape
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to write it; to the terminal where left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The attacked country; each shape has its own
    #[arg(long)]
    country: Option<String>,
    /// How many of a hundred real people have WhatsApp or LINE
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    reachable: u8,
    /// How many of a hundred codes the attacker uses; each shape has its own share
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    verifies: Option<u8>,
    /// Whose addresses the attack comes through
    #[arg(long, value_enum, default_value = "fresh")]
    through: Through,
    /// Leave real people out: an attack to be mixed into a trace of your own
    #[arg(long)]
    attack_only: bool,
    /// The size of everything, in per mille
    #[arg(long, value_name = "PER_MILLE", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    size: u64,
}

impl Trace {
    pub(super) fn run(self) -> Result<(), Failure> {
        let order = Order {
            shape: self.shape,
            seed: self.seed,
            country: self.country.as_deref(),
            reachable: self.reachable,
            verifies: self.verifies,
            through: self.through,
            attack_only: self.attack_only,
            size: self.size,
        };
        let written = match &self.out {
            Some(path) => {
                let file = File::create(path).with_context(|| path.display().to_string())?;
                trace::write(&order, &mut BufWriter::new(file))
            }
            None => trace::write(&order, &mut BufWriter::new(io::stdout().lock())),
        };
        match written {
            Ok(()) => Ok(()),
            Err(problem @ (Unwritten::Country { .. } | Unwritten::NoAttack)) => {
                Err(Failure::usage(&problem))
            }
            // Whoever reads the first lines only has what they want.
            Err(Unwritten::Output(problem)) if problem.kind() == io::ErrorKind::BrokenPipe => {
                Ok(())
            }
            Err(problem @ Unwritten::Output(_)) => Err(problem.into()),
        }
    }
}
