//! `tollgate check-config`: every mistake in a configuration at once, or its schema.

use std::path::PathBuf;

use clap::Args;

use crate::{
    channels::kinds,
    config::{
        self, Config,
        load::{Source, read_file},
        schema,
    },
    messages::review,
};

use super::{Failure, say};

/// Check a configuration, or print its schema
#[derive(Debug, Args)]
pub(super) struct CheckConfig {
    /// The configuration file
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// The configuration file, as `serve` takes it
    #[arg(long, short, default_value = "tollgate.yaml", env = "TOLLGATE_CONFIG")]
    config: PathBuf,
    /// Print the JSON Schema of the configuration instead
    #[arg(long)]
    print_schema: bool,
}

impl CheckConfig {
    pub(super) fn run(self) -> Result<(), Failure> {
        let kinds = kinds::schemas();
        if self.print_schema {
            return Ok(say(schema::print(&kinds))?);
        }
        let file = self.file.unwrap_or(self.config);
        let text = read_file(&file).map_err(|problem| Failure::usage(&problem))?;
        let name = file.display().to_string();
        let checked = Config::load(&Source {
            name: &name,
            text: &text,
            variables: &config::environment(),
            kinds: &kinds,
            sandbox: false,
        });
        let config = checked.map_err(|problems| Failure::usage(&problems))?;
        for (path, warning) in review::long_messages(&config) {
            say(format_args!("{name}: warning: {path}: {warning}"))?;
        }
        Ok(say(format_args!("{name}: no problems found"))?)
    }
}
