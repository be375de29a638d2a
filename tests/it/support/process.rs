//! The program itself as a child process: started as an operator starts it, watched from the outside, and never left
//! behind.

use std::{
    fs::{self, File},
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::patience::{in_time, until};

/// How many lines of its log a program shows when a test fails.
const SHOWN: usize = 40;

/// The secret of Okta's hooks.
pub(crate) const HOOK_SECRET: &str = "hook-secret-of-these-tests";
/// The bearer token of the gRPC client.
pub(crate) const GRPC_TOKEN: &str = "grpc-token-of-these-tests";
/// The bearer token of a separate adapter.
pub(crate) const GATEWAY_TOKEN: &str = "gateway-token-of-these-tests";
/// The provider's password.
pub(crate) const PROVIDER_TOKEN: &str = "sandbox-auth-token";

/// A folder with a configuration, a ledger and the output of every program that was started in it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        let folder = TempDir::with_prefix("tollgate-process-");
        Self {
            folder: folder.expect("a folder for temporary files"),
        }
    }

    /// A file of the folder, whether or not it is there.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the folder in one step, so that nobody ever reads half of it.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let draft = self.path(&format!("{name}.draft"));
        fs::write(&draft, text).expect("the folder can be written");
        fs::rename(&draft, self.path(name)).expect("both names are in one folder");
        self.path(name)
    }

    /// Writes `tollgate.yaml` for one tenant whose provider is the simulator at `provider`. Everything else is set by
    /// variables over it ([`Program::with`]).
    pub(crate) fn configure(&self, provider: &str) {
        self.write("tollgate.yaml", &self.configuration(provider));
    }

    /// What [`Place::configure`] writes.
    pub(crate) fn configuration(&self, provider: &str) -> String {
        format!(
            "\
allow_test_providers: true
public: {{ listen: '127.0.0.1:0' }}
grpc:
  listen: '127.0.0.1:0'
  clients:
    - {{ name: tests, token: {{ env: GRPC_TOKEN }}, tenants: ['*'], methods: [SendOtp, GetDelivery, ListDeliveries, ExplainRoute, GetStanding, Block, Unblock, ListBlocks, ListDecisions] }}
    - {{ name: adapter, token: {{ env: GATEWAY_TOKEN }}, tenants: ['*'], methods: [SendOtp] }}
admin: {{ listen: '127.0.0.1:0' }}
ledger: {{ url: 'sqlite://{ledger}' }}
drain: {{ propagation_delay: 0s, deadline: 10s }}
log: {{ level: info, format: json }}
providers:
  desk:
    kind: twilio
    base_url: {provider}
    account_sid: AC5a4d0000000000000000000000000001
    auth_token: {{ env: PROVIDER_TOKEN }}
    senders: {{ default: '+15005550006' }}
tenants:
  acme:
    countries: {{ allow: [US, JP] }}
    okta: {{ auth: {{ header: x-hook-secret, secrets: [ {{ env: HOOK_SECRET }} ] }} }}
routes:
  - {{ channel: sms, try: [desk] }}
",
            ledger = self.path("ledger.db").display(),
        )
    }

    /// The program with these arguments and no other environment than what [`Program::with`] gives it.
    pub(crate) fn program(&self, arguments: &[&str]) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .kill_on_drop(true);
        Program {
            command,
            folder: self.folder.path().to_owned(),
        }
    }

    /// `tollgate serve` with the folder's configuration and every secret it needs.
    pub(crate) fn serve(&self) -> Program {
        self.serve_with(&[])
    }

    /// The same with further arguments.
    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Program {
        let serve = ["serve", "--config", "tollgate.yaml"];
        self.program(&[&serve, arguments].concat())
            .with("HOOK_SECRET", HOOK_SECRET)
            .with("GRPC_TOKEN", GRPC_TOKEN)
            .with("GATEWAY_TOKEN", GATEWAY_TOKEN)
            .with("PROVIDER_TOKEN", PROVIDER_TOKEN)
    }
}

/// A program that is about to be started.
pub(crate) struct Program {
    command: Command,
    folder: PathBuf,
}

impl Program {
    /// Sets a variable of its environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes a variable away.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Starts it and leaves it running.
    pub(crate) fn start(mut self) -> Running {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let file = |end: &str| self.folder.join(format!("{number}.{end}"));
        let (out, log) = (file("out"), file("log"));
        let into = |path: &Path| Stdio::from(File::create_new(path).expect("a fresh name"));
        let child = self.command.stdout(into(&out)).stderr(into(&log)).spawn();
        Running {
            child: child.expect("the program was built"),
            out,
            log,
        }
    }

    /// Starts it and waits until it says that it serves.
    pub(crate) async fn ready(self) -> Serving {
        let mut running = self.start();
        let doors = until("the ready line", async || {
            if let Some(status) = running.has_ended() {
                panic!("it ended with {status}:\n{}", running.log());
            }
            doors(&running.log())
        });
        let doors = doors.await;
        Serving { running, doors }
    }

    /// Runs it to its end.
    pub(crate) async fn run(self) -> Ended {
        let mut running = self.start();
        let status = running.ended().await;
        Ended {
            code: status.code(),
            out: running.out(),
            log: running.log(),
        }
    }
}

/// A program that has run to its end.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; none where a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) log: String,
}

/// A program that runs. It is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    out: PathBuf,
    log: PathBuf,
}

impl Running {
    /// Standard output so far.
    pub(crate) fn out(&self) -> String {
        read(&self.out)
    }

    /// Standard error so far.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    /// Waits until a line of standard error has all of these words, and returns it.
    pub(crate) async fn logged(&self, words: &[&str]) -> String {
        until(&format!("a log line with {words:?}"), async || {
            line(&self.log(), words)
        })
        .await
    }

    /// Waits until standard output has this text, and returns all of it.
    pub(crate) async fn said(&self, text: &str) -> String {
        until(&format!("{text:?} on standard output"), async || {
            Some(self.out()).filter(|out| out.contains(text))
        })
        .await
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.id().expect("it was not yet waited for");
        let id = i32::try_from(id).ok().and_then(Pid::from_raw);
        kill_process(id.expect("a process has an id"), signal).expect("it is ours");
    }

    /// How it ended, if it has.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it is ours")
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let status = in_time("the end of the program", self.child.wait()).await;
        status.expect("it is ours")
    }

    /// Asks it to stop and waits for its end.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }
}

impl Drop for Running {
    /// A test that fails shows what the program said last.
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(SHOWN)..];
            // There is nobody left to tell where this fails.
            drop(writeln!(io::stderr(), "{}", last.join("\n")));
        }
    }
}

/// A gateway, or a part of one, that runs and serves.
pub(crate) struct Serving {
    /// The process.
    pub(crate) running: Running,
    doors: Doors,
}

#[derive(Clone, Copy)]
struct Doors {
    public: Option<SocketAddr>,
    grpc: Option<SocketAddr>,
    admin: SocketAddr,
}

impl Serving {
    /// The door for Okta.
    pub(crate) fn public(&self) -> SocketAddr {
        self.doors.public.expect("this part has a door for Okta")
    }

    /// The gRPC door.
    pub(crate) fn grpc(&self) -> SocketAddr {
        self.doors.grpc.expect("this part has a gRPC door")
    }

    /// The door for operators.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.doors.admin
    }
}

/// The first line with all of these words.
pub(crate) fn line(text: &str, words: &[&str]) -> Option<String> {
    let mut lines = text.lines();
    let found = lines.find(|line| words.iter().all(|word| line.contains(word)));
    found.map(str::to_owned)
}

/// The doors that the ready line names, however the log is written.
fn doors(log: &str) -> Option<Doors> {
    // A line that is still being written has no end yet.
    let whole = &log[..log.rfind('\n')?];
    let ready = |line: &&str| line.contains("\"ready\"") || line.contains(": ready ");
    let line = whole.lines().find(ready)?;
    let door = |name: &str| {
        let at = [format!("\"{name}\":\""), format!("{name}=")];
        let mut rest = at
            .iter()
            .filter_map(|start| line.split_once(start.as_str()));
        let (_, rest) = rest.next()?;
        rest.split(['"', ' ']).next()?.parse().ok()
    };
    Some(Doors {
        public: door("public"),
        grpc: door("grpc"),
        admin: door("admin")?,
    })
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).expect("the file was made at the start");
    String::from_utf8_lossy(&bytes).into_owned()
}
