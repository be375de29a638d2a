//! Tells whether files have changed since it was last asked.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Files that are watched by looking at them now and then, which also works where the system sends no events: on
/// network file systems, and where Kubernetes swaps the link above a file.
#[derive(Debug)]
pub struct Watch(Vec<(PathBuf, Option<Print>)>);

/// What changes when a file does; `None` where there is no file. Links are followed, so that a swapped one shows too.
#[derive(Debug, PartialEq, Eq)]
struct Print {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    /// Also moves when the modification time was set back.
    changed: (i64, i64),
}

impl Watch {
    /// Watches these files from now on; they need not exist yet.
    pub fn over(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let look = |path: PathBuf| {
            let print = print(&path);
            (path, print)
        };
        Self(paths.into_iter().map(look).collect())
    }

    /// Whether a file has come, gone or changed since the last call, or since the watch began.
    pub fn changed(&mut self) -> bool {
        let mut changed = false;
        for (path, seen) in &mut self.0 {
            let now = print(path);
            changed |= now != *seen;
            *seen = now;
        }
        changed
    }
}

fn print(path: &Path) -> Option<Print> {
    let look = || -> io::Result<Print> {
        let file = fs::metadata(path)?;
        Ok(Print {
            device: file.dev(),
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    };
    look().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_comes_changes_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        let mut watch = Watch::over([path.clone()]);
        assert!(!watch.changed());
        fs::write(&path, "a: 1").unwrap();
        assert!(watch.changed() && !watch.changed());
        fs::write(&path, "a: 10").unwrap();
        assert!(watch.changed() && !watch.changed());
        // As editors do it: a new file takes the old one's name.
        fs::write(folder.path().join("new"), "a: 20").unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(watch.changed() && !watch.changed());
        fs::remove_file(&path).unwrap();
        assert!(watch.changed() && !watch.changed());
    }

    #[test]
    fn a_swapped_config_map_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (version, text) in [("..1", "a: 1"), ("..2", "a: 2")] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("config.yaml"), text).unwrap();
        }
        symlink("..1", at("..data")).unwrap();
        symlink("..data/config.yaml", at("config.yaml")).unwrap();
        let mut watch = Watch::over([at("config.yaml")]);
        assert!(!watch.changed());
        symlink("..2", at("..new")).unwrap();
        fs::rename(at("..new"), at("..data")).unwrap();
        assert!(watch.changed() && !watch.changed());
    }
}
