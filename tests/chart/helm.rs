//! The Helm program: what it says of the chart, and what it makes of it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The chart's folder.
pub(crate) const CHART: &str = "helm/tollgate";

/// The program that `scripts/tools.sh helm` puts there.
const PROGRAM: &str = ".cache/bin/helm";

/// A file of this repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file of this repository.
pub(crate) fn text_of(path: &str) -> String {
    let found = std::fs::read_to_string(repository(path));
    found.unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Runs Helm in a home of its own, so that no setting of the machine's user has a say.
pub(crate) fn helm(arguments: &[&str]) -> Result<String, String> {
    let program = repository(PROGRAM);
    assert!(
        program.exists(),
        "{PROGRAM} is missing; run scripts/tools.sh helm"
    );
    let home = repository(".cache/helm-home");
    let ended = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .env("HOME", home)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if ended.status.success() {
        Ok(text(&ended.stdout))
    } else {
        Err(text(&ended.stderr) + &text(&ended.stdout))
    }
}

/// What is rendered, and for whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    /// The file of values.
    pub(crate) values: &'a str,
    /// The minor of Kubernetes.
    pub(crate) kube: &'a str,
    /// The release's name.
    pub(crate) release: &'a str,
}

/// Renders the chart; the error is what Helm says.
pub(crate) fn render(order: Order<'_>, more: &[&str]) -> Result<String, String> {
    let kube = format!("{}.0", order.kube);
    let mut arguments = vec![
        "template",
        order.release,
        CHART,
        "--namespace",
        "otp",
        "--kube-version",
        &kube,
        "--values",
        order.values,
    ];
    arguments.extend(more);
    helm(&arguments)
}

/// Does work on many things at once, as far as the machine can.
pub(crate) fn at_once<T: Sync, R: Send>(things: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let share = things.len().div_ceil(workers).max(1);
    let work = &work;
    std::thread::scope(|scope| {
        let parts: Vec<_> = things
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<_>>()))
            .collect();
        let done = parts.into_iter().flat_map(|part| part.join().unwrap());
        done.collect()
    })
}

#[test]
fn the_chart_lints() {
    for file in super::charts::value_files() {
        let said = helm(&["lint", "--strict", CHART, "--values", &file]);
        let said = said.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(said.contains("0 chart(s) failed"), "{file}: {said}");
    }
}

/// A release whose name begins with a digit, or has a dot, would have Services that cannot be made.
#[test]
fn a_release_that_cannot_name_services_is_refused() {
    for release in ["1st", "my.own"] {
        let order = Order {
            values: &format!("{CHART}/ci/default-values.yaml"),
            kube: "1.34",
            release,
        };
        let said = render(order, &[]).unwrap_err();
        assert!(said.contains("begins with a letter"), "{said}");
    }
}

#[test]
fn an_older_kubernetes_is_refused() {
    let order = Order {
        values: &format!("{CHART}/ci/default-values.yaml"),
        kube: "1.29",
        release: "tollgate",
    };
    let said = render(order, &[]).unwrap_err();
    assert!(said.contains(">=1.30.0-0"), "{said}");
}
