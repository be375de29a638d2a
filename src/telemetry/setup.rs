//! Log lines: pretty on a terminal, one JSON object per line otherwise.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    registry,
    util::SubscriberInitExt,
};

use super::{
    journal::{Journal, Writing},
    json::JsonLines,
};
use crate::{
    clock::Clock,
    config::log::{Log, LogFormat},
};

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `log.level` is no filter.
    #[error("log.level is no filter: {0}")]
    Filter(String),
    /// Something else of this process logs already.
    #[error("logging was set up before")]
    Twice,
    /// The system gives no thread to write lines.
    #[error("logging cannot begin: {0}")]
    Thread(io::Error),
}

/// Begins logging to standard error for the rest of the process. What is returned is to be dropped last: lines that are
/// still on their way are written then.
pub fn begin(settings: &Log, clock: Clock) -> Result<Writing, LogError> {
    let filter = EnvFilter::try_new(&settings.level);
    let filter = filter.map_err(|problem| LogError::Filter(problem.to_string()))?;
    let pretty = match settings.format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Json => false,
        LogFormat::Pretty => true,
    };
    let mut writing = Writing::default();
    let subscriber: Box<dyn Subscriber + Send + Sync> = if pretty {
        // People at a terminal read few lines, and want them at once, between those of the program.
        let mut lines = fmt::layer().with_writer(io::stderr).compact();
        if !io::stderr().is_terminal() {
            // A file does not want colours. Whether a terminal does is `NO_COLOR`'s word, which is read by itself.
            lines.set_ansi(false);
        }
        Box::new(registry().with(filter).with(ours()).with(lines))
    } else {
        let journal;
        (journal, writing) = Journal::start(io::stderr()).map_err(LogError::Thread)?;
        let lines = JsonLines::new(journal, clock);
        Box::new(registry().with(filter).with(ours()).with(lines))
    };
    subscriber.try_init().map_err(|_| LogError::Twice)?;
    Ok(writing)
}

/// What may be logged at all, whatever `log.level` asks for: everything of ours, and of libraries only warnings and
/// errors. What they say below that is made of what they are given: phone numbers, headers, frames, session tickets.
/// There is no list of libraries here, because one that is forgotten would talk.
fn ours() -> Targets {
    Targets::new()
        .with_target("tollgate", LevelFilter::TRACE)
        .with_default(LevelFilter::WARN)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_only_warn() {
        let check = |target: &str, level: Level, expect: bool| {
            assert_eq!(
                ours().would_enable(target, &level),
                expect,
                "{target} {level}"
            );
        };
        check("tollgate::dispatch::send", Level::TRACE, true);
        for library in ["h2::codec", "rlibphonenumber::phonenumberutil", "log", ""] {
            check(library, Level::WARN, true);
            check(library, Level::INFO, false);
            check(library, Level::TRACE, false);
        }
    }
}
