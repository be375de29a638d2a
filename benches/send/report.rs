//! The table: medians of the rounds, and each as a ratio to the floor.

use std::{fmt::Write, time::Duration};

/// One stretch of load on one server.
#[derive(Clone, Copy)]
pub(crate) struct Stretch {
    /// Processor time per message.
    pub(crate) cpu: Duration,
    /// Messages per second.
    pub(crate) rate: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// What is measured outside the rounds.
#[derive(Default)]
pub(crate) struct Rest {
    /// MiB before any load.
    pub(crate) resident_idle: f64,
    /// MiB after all load.
    pub(crate) resident_after: f64,
    /// From the start of the process to its readiness.
    pub(crate) start: Option<Duration>,
    /// Bytes of the binary.
    pub(crate) binary: Option<u64>,
}

/// Everything one server showed.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// Bytes of the form that each provider request carries.
    pub(crate) form: u64,
    /// With as much load as it takes, one per round.
    pub(crate) full: Vec<Stretch>,
    /// At what the slower server can take, one per round.
    pub(crate) equal: Vec<Stretch>,
    /// At half of what the slower server can take, one per round.
    pub(crate) half: Vec<Stretch>,
    pub(crate) rest: Rest,
}

impl Subject {
    pub(crate) fn new(name: &'static str, rest: Rest) -> Self {
        Self {
            name,
            form: 0,
            full: Vec::new(),
            equal: Vec::new(),
            half: Vec::new(),
            rest,
        }
    }
}

/// One line of the table: what it is, its decimals, and how to read it off a server.
type Row = (&'static str, usize, fn(&Subject) -> Option<f64>);

const ROWS: &[Row] = &[
    ("CPU per message, saturated, µs", 1, |s| {
        median(&s.full, |x| micros(x.cpu))
    }),
    ("CPU per message, equal rate, µs", 1, |s| {
        median(&s.equal, |x| micros(x.cpu))
    }),
    ("CPU per message, half load, µs", 1, |s| {
        median(&s.half, |x| micros(x.cpu))
    }),
    ("messages per second, saturated", 0, |s| {
        median(&s.full, |x| x.rate)
    }),
    ("messages per second, equal rate", 0, |s| {
        median(&s.equal, |x| x.rate)
    }),
    ("messages per second, half load", 0, |s| {
        median(&s.half, |x| x.rate)
    }),
    ("p50, saturated, ms", 2, |s| {
        median(&s.full, |x| millis(x.p50))
    }),
    ("p99, saturated, ms", 2, |s| {
        median(&s.full, |x| millis(x.p99))
    }),
    ("p50, half load, ms", 2, |s| {
        median(&s.half, |x| millis(x.p50))
    }),
    ("p99, half load, ms", 2, |s| {
        median(&s.half, |x| millis(x.p99))
    }),
    ("resident, idle, MiB", 1, |s| Some(s.rest.resident_idle)),
    ("resident, after the load, MiB", 1, |s| {
        Some(s.rest.resident_after)
    }),
    ("start to ready, ms", 0, |s| s.rest.start.map(millis)),
    ("binary, MB", 1, |s| {
        s.rest.binary.map(|bytes| count(bytes) / 1e6)
    }),
    ("provider request's form, bytes", 0, |s| Some(count(s.form))),
];

/// The table in Markdown. The first subject is the floor.
pub(crate) fn table(subjects: &[Subject]) -> String {
    let names = subjects.iter().map(|subject| subject.name);
    let mut text = line("", names.map(str::to_owned).chain(["ratio".to_owned()]));
    text += &line(
        "---",
        subjects
            .iter()
            .map(|_| "---:".to_owned())
            .chain(["---:".to_owned()]),
    );
    for (title, decimals, read) in ROWS {
        let values: Vec<_> = subjects.iter().map(read).collect();
        let shown = values.iter().map(|value| show(*value, *decimals));
        text += &line(title, shown.chain([ratio(&values)]));
    }
    text.trim_end().to_owned()
}

fn line(title: &str, cells: impl Iterator<Item = String>) -> String {
    let mut line = format!("| {title:<31} |");
    for cell in cells {
        // Writing to a string cannot fail.
        let _ = write!(line, " {cell:>9} |");
    }
    line + "\n"
}

fn show(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

/// The last subject's value by the floor's.
fn ratio(values: &[Option<f64>]) -> String {
    match values {
        [Some(floor), .., Some(last)] if *floor > 0.0 => format!("{:.2}", last / floor),
        _ => "-".to_owned(),
    }
}

fn median(stretches: &[Stretch], read: fn(&Stretch) -> f64) -> Option<f64> {
    let mut values: Vec<_> = stretches.iter().map(read).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "sizes here are far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}
