//! A process that is measured: started, asked what it used, and ended when it is dropped.

use std::{fs, process::Stdio, time::Duration};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdin, Command},
    time::timeout,
};

/// What the kernel counts a process's time in; on Linux always this, seen from outside it.
const TICK: Duration = Duration::from_millis(10);

/// Longest that a process may take to end when it is asked to.
const END_WITHIN: Duration = Duration::from_secs(15);

/// A running process. Dropping it ends it, by its id.
pub(crate) struct Running {
    child: Child,
    /// Open as long as we are there; our own parts end with it.
    _input: Option<ChildStdin>,
}

impl Running {
    /// Starts a process.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.kill_on_drop(true).spawn()?;
        let input = child.stdin.take();
        Ok(Self {
            child,
            _input: input,
        })
    }

    /// Starts another part of this program, and waits until it says where it listens.
    pub(crate) async fn part(arguments: &[&str]) -> Result<(Self, String)> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Self::start(&mut command)?;
        let output = running.child.stdout.take().context("no standard output")?;
        let mut lines = BufReader::new(output).lines();
        let address = lines.next_line().await?;
        let address = address.with_context(|| format!("{arguments:?} ended at once"))?;
        Ok((running, address))
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Asks it to end, and waits until it is gone. One that records a profile writes it then, and must not be killed.
    pub(crate) async fn end(mut self) -> Result<()> {
        let id = self.child.id().context("the process has ended")?;
        let pid = Pid::from_raw(i32::try_from(id)?).context("no such process")?;
        kill_process(pid, Signal::TERM)?;
        let ended = timeout(END_WITHIN, self.child.wait()).await;
        ended.context("a process did not end when it was asked to")??;
        Ok(())
    }

    /// The processor time it has used so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = self.proc("stat")?;
        // The name in brackets may hold anything, also spaces and brackets.
        let (_, fields) = stat.rsplit_once(')').context("no process name")?;
        let mut fields = fields.split_whitespace().skip(11);
        let mut ticks = || -> Result<u32> { Ok(fields.next().context("no time")?.parse()?) };
        Ok(TICK * (ticks()? + ticks()?))
    }

    /// The memory it has resident, in MiB.
    pub(crate) fn resident(&self) -> Result<f64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|rest| rest.split_whitespace().next());
        Ok(kib.context("no VmRSS")?.parse::<f64>()? / 1024.0)
    }

    fn proc(&self, file: &str) -> Result<String> {
        let id = self.child.id().context("the process has ended")?;
        Ok(fs::read_to_string(format!("/proc/{id}/{file}"))?)
    }
}
