//! One process's worth of Tollgate, running in the test: the very `App` that `tollgate serve` runs.

use std::{path::PathBuf, sync::Arc};

use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tollgate::{
    app::{Addresses, App, Options, Role, RunError},
    channels::kinds,
    clock::Clock,
    config::{
        Config,
        load::{Source, read_file},
    },
    lanes::Lanes,
    telemetry::metrics::Metrics,
};

use super::{patience::in_time, plan::variables};

/// A part that runs.
pub(crate) struct Part {
    pub(crate) addresses: Addresses,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    reload: Arc<Notify>,
    ended: JoinHandle<Result<(), RunError>>,
    _lanes: DropGuard,
}

impl Part {
    /// Reads the file as a start of the process does, and runs what it says.
    pub(crate) async fn start(role: Role, file: PathBuf) -> Self {
        let text = read_file(&file).unwrap_or_else(|problems| panic!("{problems}"));
        let variables = variables();
        let config = Config::load(&Source {
            name: "test",
            text: &text,
            variables: &variables,
            kinds: &kinds::schemas(),
            sandbox: false,
        });
        let config = config.unwrap_or_else(|problems| panic!("{problems}"));
        // As on a machine with two processors, whatever this one has.
        let (lanes, end) = Lanes::start_some(2).expect("there are threads");
        let options = Options {
            role,
            variables,
            file: Some(file),
            sandbox: false,
            lanes,
        };
        let app = App::build(config, options, Clock::system()).await;
        let app = app.unwrap_or_else(|problem| panic!("{problem}"));
        let (stop, reload) = (CancellationToken::new(), Arc::new(Notify::new()));
        Self {
            addresses: app.addresses(),
            metrics: app.metrics(),
            ended: TaskTracker::new().spawn(app.run(stop.clone(), reload.clone())),
            stop,
            reload,
            _lanes: end,
        }
    }

    /// Reads the configuration again, as on SIGHUP.
    pub(crate) fn reload(&self) {
        self.reload.notify_one();
    }

    /// Tells it to stop, as SIGTERM does.
    pub(crate) fn begin_to_stop(&self) {
        self.stop.cancel();
    }

    /// Waits for its orderly end.
    pub(crate) async fn end(self) {
        let ended = in_time("the end", self.ended).await;
        ended.unwrap().unwrap();
    }

    /// Stops it in order.
    pub(crate) async fn stop(self) {
        self.begin_to_stop();
        self.end().await;
    }

    /// The sum of a count's values whose labels include all of these.
    pub(crate) fn counted(&self, metric: &str, labels: &[(&str, &str)]) -> u64 {
        let text = self.metrics.render();
        let values = text.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (name, given) = series.split_once('{').unwrap_or((series, ""));
            let has =
                |(label, value): &(&str, &str)| given.contains(&format!("{label}=\"{value}\""));
            (name == metric && labels.iter().all(has)).then(|| value.parse::<u64>().unwrap())
        });
        values.sum()
    }
}
