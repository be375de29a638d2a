//! Signals: the first one drains, the second one ends at once, and SIGHUP reads the configuration again.

use std::{io, sync::Arc};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};
use tokio_util::sync::CancellationToken;

/// The exit code of a process that was told twice to stop.
const EXIT_AT_ONCE: i32 = 130;

/// What signals ask for.
pub(super) struct Signals {
    /// Cancelled by SIGTERM or SIGINT.
    pub(super) stop: CancellationToken,
    /// Told by SIGHUP.
    pub(super) reload: Arc<Notify>,
}

impl Signals {
    /// Listens for signals for the rest of the process; must be called within a runtime.
    #[expect(
        clippy::disallowed_methods,
        reason = "this task lives as long as the process and is never waited for"
    )]
    pub(super) fn listen() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let hangup = signal(SignalKind::hangup())?;
        let signals = Self {
            stop: CancellationToken::new(),
            reload: Arc::new(Notify::new()),
        };
        let (stop, reload) = (signals.stop.clone(), signals.reload.clone());
        tokio::spawn(follow(terminate, interrupt, hangup, stop, reload));
        Ok(signals)
    }
}

async fn follow(
    mut terminate: Signal,
    mut interrupt: Signal,
    mut hangup: Signal,
    stop: CancellationToken,
    reload: Arc<Notify>,
) {
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                reload.notify_one();
                continue;
            }
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if stop.is_cancelled() {
            std::process::exit(EXIT_AT_ONCE);
        }
        stop.cancel();
    }
}
