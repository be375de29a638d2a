//! `tollgate guard import-verified`: numbers that are known to be real, taken in while the gateway is stopped.

use std::{fs::File, io::BufReader, path::PathBuf};

use anyhow::Context;
use clap::Args;

use crate::{
    app::import::{self, ImportError, Imported},
    channels::kinds,
    cli::Failure,
    clock::Clock,
    config::{
        self, Config,
        load::{Source, read_file},
    },
};

/// Take in numbers that are known to be real, so that nothing keeps their codes back; while the gateway is stopped
#[derive(Debug, Args)]
pub(super) struct ImportVerified {
    /// One number on each line, and after a comma the date on which it was verified last; today where there is none
    file: PathBuf,
    /// The gateway's configuration, which says where its ledger is
    #[arg(long, short, default_value = "tollgate.yaml", env = "TOLLGATE_CONFIG")]
    config: PathBuf,
    /// The tenant whose numbers they are
    #[arg(long)]
    tenant: String,
}

impl ImportVerified {
    pub(super) async fn run(self) -> Result<String, Failure> {
        let variables = config::environment();
        let text = read_file(&self.config).map_err(|problem| Failure::usage(&problem))?;
        let config = Config::load(&Source {
            name: &self.config.display().to_string(),
            text: &text,
            variables: &variables,
            kinds: &kinds::schemas(),
            sandbox: false,
        });
        let config = config.map_err(|problems| Failure::usage(&problems))?;
        let file = File::open(&self.file);
        let file = file.with_context(|| self.file.display().to_string())?;
        let clock = Clock::system();
        let tenant = &self.tenant;
        let imported = import::verified(&config, &variables, tenant, BufReader::new(file), &clock);
        let imported = imported.await.map_err(|problem| match problem {
            ImportError::Tenant(_) | ImportError::Fleeting => Failure::usage(&problem),
            ImportError::InUse(_)
            | ImportError::Start(_)
            | ImportError::Read(_)
            | ImportError::Ledger(_) => Failure::Other(problem.into()),
        })?;
        let report = said(&imported);
        if imported.bad > 0 {
            return Err(Failure::Other(anyhow::anyhow!(report)));
        }
        Ok(report)
    }
}

/// What came of reading such a file.
pub(crate) fn said(imported: &Imported) -> String {
    let Imported {
        taken,
        old,
        bad,
        named,
    } = imported;
    let mut lines = vec![format!("{taken} numbers were taken in")];
    if *old > 0 {
        lines.push(format!(
            "{old} were verified too long ago to be remembered (guard.verified_days)"
        ));
    }
    if *bad > 0 {
        lines.push(format!("{bad} lines were not taken in:"));
    }
    lines.extend(
        named
            .iter()
            .map(|(line, problem)| format!("  line {line} {problem}")),
    );
    let more = bad.saturating_sub(named.len() as u64);
    if more > 0 {
        lines.push(format!("  … and {more} more"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::import::BadLine;

    #[test]
    fn what_was_not_taken_in_is_said() {
        let imported = Imported {
            taken: 7,
            old: 1,
            bad: 3,
            named: vec![(4, BadLine::Number), (9, BadLine::Future)],
        };
        let expect = "7 numbers were taken in
1 were verified too long ago to be remembered (guard.verified_days)
3 lines were not taken in:
  line 4 has no valid number, as +14155550123, in its first column
  line 9 has a date that is still to come
  … and 1 more";
        assert_eq!(said(&imported), expect);
    }
}
