//! The image as a file: its configuration, and what its layers hold.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::repository;

/// Where `make image` puts it.
pub(crate) const PATH: &str = "target/image/tollgate.tar";

/// The unpacked archive, in the layout that the Open Container Initiative defines.
pub(crate) struct Archive {
    folder: TempDir,
    /// How the image is run, and what it says of itself.
    pub(crate) config: Value,
    manifest: Value,
}

/// A file of the image.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The mode as `ls` shows it.
    pub(crate) mode: String,
    /// The numbers of user and group, with a slash between.
    pub(crate) owner: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Its path, without the first slash.
    pub(crate) path: String,
}

/// The archive's path. Without it there is nothing to test.
pub(crate) fn path() -> PathBuf {
    let path = repository(PATH);
    assert!(path.exists(), "there is no {PATH}; run make image first");
    path
}

impl Archive {
    /// Unpacks the archive.
    pub(crate) fn open() -> Self {
        let folder = TempDir::with_prefix("tollgate-archive-").unwrap();
        tar(&[
            "--extract".to_owned(),
            format!("--directory={}", folder.path().display()),
            format!("--file={}", path().display()),
        ]);
        let json = |name: &str| -> Value {
            let text = fs::read(folder.path().join(name)).unwrap();
            serde_json::from_slice(&text).unwrap()
        };
        let manifest = json(&blob(&json("index.json")["manifests"][0]));
        let config = json(&blob(&manifest["config"]));
        Self {
            folder,
            config,
            manifest,
        }
    }

    /// The layers' files, as they travel.
    pub(crate) fn layers(&self) -> Vec<PathBuf> {
        let layers = self.manifest["layers"].as_array().unwrap().iter();
        layers
            .map(|layer| self.folder.path().join(blob(layer)))
            .collect()
    }

    /// What the layers hold, each path once.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut found = Vec::new();
        for layer in self.layers() {
            let listed = tar(&[
                "--list".to_owned(),
                "--verbose".to_owned(),
                "--numeric-owner".to_owned(),
                "--zstd".to_owned(),
                format!("--file={}", layer.display()),
            ]);
            found.extend(listed.lines().map(entry));
        }
        found.sort_by(|one: &Entry, other| one.path.cmp(&other.path));
        found
    }

    /// The bytes of one file of the image.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        for layer in self.layers() {
            let read = Command::new("tar")
                .args(["--extract", "--zstd", "--to-stdout", "--file"])
                .args([&layer.display().to_string(), name])
                .output()
                .unwrap();
            if read.status.success() {
                return read.stdout;
            }
        }
        panic!("there is no {name} in the image");
    }
}

/// Where the archive keeps what a descriptor names.
fn blob(descriptor: &Value) -> String {
    let digest = descriptor["digest"].as_str().unwrap();
    format!("blobs/{}", digest.replace(':', "/"))
}

fn tar(arguments: &[String]) -> String {
    let ended = Command::new("tar").args(arguments).output().unwrap();
    let problem = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "tar {arguments:?}: {problem}");
    String::from_utf8(ended.stdout).unwrap()
}

/// A line of tar's list: mode, owner, size, date, time and path.
fn entry(line: &str) -> Entry {
    let words: Vec<_> = line.split_whitespace().collect();
    let [mode, owner, size, _, _, path] = words[..] else {
        panic!("not a plain file or folder: {line}");
    };
    Entry {
        mode: mode.to_owned(),
        owner: owner.to_owned(),
        size: size.parse().unwrap(),
        path: path.trim_start_matches("./").trim_matches('/').to_owned(),
    }
}
