//! The table: medians of the rounds, and medians of their ratios to the floor.

use std::{fmt::Write, time::Duration};

/// One stretch of load on one server.
#[derive(Clone, Copy)]
pub(crate) struct Stretch {
    /// How many the provider took.
    pub(crate) messages: u64,
    /// Processor time per message.
    pub(crate) cpu: Duration,
    /// Messages per second.
    pub(crate) rate: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Stretch {
    /// One stretch of several parts: processor time and rate by how much each weighs, latencies as in the middle one.
    pub(crate) fn of(parts: &[Self]) -> Self {
        let messages: u64 = parts.iter().map(|part| part.messages).sum();
        let weighed = |of: fn(&Self) -> f64, by: fn(&Self) -> f64| {
            let whole: f64 = parts.iter().map(by).sum();
            parts.iter().map(|part| of(part) * by(part)).sum::<f64>() / whole
        };
        let middle = |read: fn(&Self) -> f64| {
            Duration::from_secs_f64(median(parts.iter().map(read)).unwrap_or_default())
        };
        Self {
            messages,
            cpu: Duration::from_secs_f64(weighed(
                |part| part.cpu.as_secs_f64(),
                |part| count(part.messages),
            )),
            // Parts are equally long.
            rate: weighed(|part| part.rate, |_| 1.0),
            p50: middle(|part| part.p50.as_secs_f64()),
            p99: middle(|part| part.p99.as_secs_f64()),
        }
    }
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

/// One line of the table: what it is, its decimals, and how to read it off a server: one value, or one of each round.
type Row = (&'static str, usize, fn(&Subject) -> Vec<f64>);

const ROWS: &[Row] = &[
    ("CPU per message, saturated, µs", 1, |s| {
        each(&s.full, |x| micros(x.cpu))
    }),
    ("CPU per message, equal rate, µs", 1, |s| {
        each(&s.equal, |x| micros(x.cpu))
    }),
    ("CPU per message, half load, µs", 1, |s| {
        each(&s.half, |x| micros(x.cpu))
    }),
    ("messages per second, saturated", 0, |s| {
        each(&s.full, |x| x.rate)
    }),
    ("messages per second, equal rate", 0, |s| {
        each(&s.equal, |x| x.rate)
    }),
    ("messages per second, half load", 0, |s| {
        each(&s.half, |x| x.rate)
    }),
    ("p50, saturated, ms", 2, |s| {
        each(&s.full, |x| millis(x.p50))
    }),
    ("p99, saturated, ms", 2, |s| {
        each(&s.full, |x| millis(x.p99))
    }),
    ("p50, half load, ms", 2, |s| {
        each(&s.half, |x| millis(x.p50))
    }),
    ("p99, half load, ms", 2, |s| {
        each(&s.half, |x| millis(x.p99))
    }),
    ("resident, idle, MiB", 1, |s| vec![s.rest.resident_idle]),
    ("resident, after the load, MiB", 1, |s| {
        vec![s.rest.resident_after]
    }),
    ("start to ready, ms", 0, |s| {
        s.rest.start.map(millis).into_iter().collect()
    }),
    ("binary, MB", 1, |s| {
        let bytes = s.rest.binary.into_iter();
        bytes.map(|bytes| count(bytes) / 1e6).collect()
    }),
    ("provider request's form, bytes", 0, |s| vec![count(s.form)]),
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
        let shown = values.iter().map(|values| show(values, *decimals));
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

fn show(values: &[f64], decimals: usize) -> String {
    let middle = median(values.iter().copied());
    middle.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

/// The last subject's values by the floor's of the same round; the median of that.
fn ratio(values: &[Vec<f64>]) -> String {
    let (Some(floor), Some(last)) = (values.first(), values.get(1..).and_then(<[_]>::last)) else {
        return "-".to_owned();
    };
    let ratios = last.iter().zip(floor).map(|(last, floor)| last / floor);
    show(&ratios.collect::<Vec<_>>(), 2)
}

fn each(stretches: &[Stretch], read: fn(&Stretch) -> f64) -> Vec<f64> {
    stretches.iter().map(read).collect()
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.collect();
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
