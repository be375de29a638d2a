//! The container image: what is in it, and that it runs as the chart's pods run it. `make image` builds it before.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod archive;
mod contents;
mod engine;
mod names;
mod patience;
mod pod;
mod serving;

#[path = "../chart/read_yaml.rs"]
mod read_yaml;

use std::path::{Path, PathBuf};

/// A file of this repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
