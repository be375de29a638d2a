//! Podman with a store of its own, so that nothing is left on the machine and nothing of the machine's is used.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Output, id},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use tempfile::TempDir;

use crate::archive;

/// As root, where nothing else sets them up: runc and control groups by their files. Limits of its own choosing would be
/// beyond what a container inside of another one may ask for.
const SETTINGS: &str = r#"
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=1024:1024"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
"#;

/// Podman, with the image in its store.
pub(crate) struct Engine {
    folder: TempDir,
    image: String,
}

/// What a program said and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// Both of its outputs.
    pub(crate) said: String,
}

/// A container that was started. It is removed when this is dropped.
pub(crate) struct Container<'a> {
    engine: &'a Engine,
    name: String,
}

impl Engine {
    /// A store with the image.
    pub(crate) fn new() -> Self {
        let root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
        assert!(root, "containers with the uid of a pod are started as root");
        let folder = TempDir::with_prefix("tollgate-image-").unwrap();
        fs::write(folder.path().join("containers.conf"), SETTINGS).unwrap();
        let mut engine = Self {
            folder,
            image: String::new(),
        };
        let archive = archive::path();
        let loaded = engine.succeeds(&["load", "--quiet", "--input", archive.to_str().unwrap()]);
        let (_, image) = loaded.trim().rsplit_once(' ').unwrap();
        image.clone_into(&mut engine.image);
        engine
    }

    /// The image's name in the store.
    pub(crate) fn image(&self) -> &str {
        &self.image
    }

    /// Runs podman to its end.
    pub(crate) fn podman(&self, arguments: &[&str]) -> Ended {
        let path = |name: &str| self.folder.path().join(name);
        let option = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let ended = Command::new("podman")
            .env("CONTAINERS_CONF", path("containers.conf"))
            .args(["--storage-driver=vfs", "--log-level=error"])
            .args([
                option("root", &path("root")),
                option("runroot", &path("run")),
                option("tmpdir", &path("tmp")),
            ])
            .args(arguments)
            .output();
        let Output {
            status,
            stdout,
            stderr,
        } = ended.expect("podman is there; scripts/tools.sh image installs it");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended {
            code: status.code(),
            said: text(&stdout) + &text(&stderr),
        }
    }

    /// Runs podman, which must succeed.
    pub(crate) fn succeeds(&self, arguments: &[&str]) -> String {
        let ended = self.podman(arguments);
        assert_eq!(ended.code, Some(0), "podman {arguments:?}: {}", ended.said);
        ended.said
    }

    /// Runs the program of the image to its end, in a container with these options.
    pub(crate) fn run(&self, options: &[&str], arguments: &[&str]) -> Ended {
        let run = [
            "run",
            "--rm",
            "--network=host",
            "--read-only",
            "--cap-drop=all",
        ];
        self.podman(&[&run, options, &[self.image()], arguments].concat())
    }

    /// Starts a container and leaves it running.
    pub(crate) fn start(&self, options: &[String], arguments: &[String]) -> Container<'_> {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("tollgate-{}-{number}", id());
        let mut words = vec!["run", "--detach", "--name", &name];
        words.extend(options.iter().map(String::as_str));
        words.push(self.image());
        words.extend(arguments.iter().map(String::as_str));
        // From here on it is removed, however far it came.
        let container = Container {
            engine: self,
            name: name.clone(),
        };
        self.succeeds(&words);
        container
    }
}

impl Container<'_> {
    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.engine.succeeds(&["logs", &self.name])
    }

    /// A fact about it, by podman's path to it.
    pub(crate) fn fact(&self, path: &str) -> String {
        let format = format!("--format={{{{{path}}}}}");
        let said = self.engine.succeeds(&["inspect", &format, &self.name]);
        said.trim().to_owned()
    }

    /// Runs the image's program in it.
    pub(crate) fn exec(&self, arguments: &[&str]) -> Ended {
        let exec = ["exec", &self.name, "/tollgate"];
        self.engine.podman(&[&exec, arguments].concat())
    }

    /// Ends it as a node does: it may take `grace` seconds after SIGTERM. Returns its exit code.
    pub(crate) fn stop(&self, grace: &str) -> i32 {
        self.engine.succeeds(&["stop", "--time", grace, &self.name]);
        self.fact(".State.ExitCode").parse().unwrap()
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.engine.podman(&["logs", "--tail=40", &self.name]);
            // There is nobody left to tell where this fails.
            drop(writeln!(io::stderr(), "{}", log.said));
        }
        let removed = ["rm", "--force", "--time=0", &self.name];
        self.engine.podman(&removed);
    }
}
