//! Events as JSON, one object per line: a few fields and no spans, which is all that our log lines have, written
//! straight into bytes. The general formatter takes several times as long, and there is a line or two per message.

use std::{
    cell::Cell,
    error::Error,
    fmt::{self, Write},
};

use jiff::{Timestamp, fmt::temporal::DateTimePrinter};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

use super::journal::Journal;
use crate::clock::Clock;

const TIME: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// What `log` records, which come from libraries, say of their place; their target is taken, the rest left out.
const OF_LIBRARIES: &str = "log.";
const LIBRARY_TARGET: &str = "log.target";

thread_local! {
    /// The line that is being written; its room is kept for the next one.
    static LINE: Cell<String> = const { Cell::new(String::new()) };
}

/// Leaves every event as a line in a journal.
pub(super) struct JsonLines {
    journal: Journal,
    clock: Clock,
}

impl JsonLines {
    pub(super) fn new(journal: Journal, clock: Clock) -> Self {
        Self { journal, clock }
    }
}

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // Taken, not borrowed: a value may log something itself while it is printed.
        let mut line = LINE.take();
        line.clear();
        write_line(&mut line, event, self.clock.unix_ms());
        self.journal.leave(line.as_bytes());
        LINE.set(line);
    }
}

/// Writes an event and a line feed.
fn write_line(line: &mut String, event: &Event<'_>, unix_ms: u64) {
    let about = event.metadata();
    line.push_str("{\"timestamp\":\"");
    let time = i64::try_from(unix_ms).map(Timestamp::from_millisecond);
    if let Ok(Ok(time)) = time {
        // Writing to a string cannot fail, here and below.
        drop(TIME.print_timestamp(&time, &mut *line));
    }
    line.push_str("\",\"level\":\"");
    line.push_str(about.level().as_str());
    line.push('"');
    let mut fields = Fields { line, target: None };
    event.record(&mut fields);
    let target = fields.target.take();
    line.push_str(",\"target\":\"");
    escape(line, target.as_deref().unwrap_or(about.target()));
    line.push_str("\"}\n");
}

/// Writes an event's fields behind what the line already has.
struct Fields<'l> {
    line: &'l mut String,
    /// Where a library's record comes from.
    target: Option<String>,
}

impl Fields<'_> {
    fn text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if field.name().starts_with(OF_LIBRARIES) {
            return;
        }
        self.name(field);
        self.line.push('"');
        // A value that cannot be printed leaves what it printed so far.
        let _ = Escaping(self.line).write_fmt(value);
        self.line.push('"');
    }

    /// Something that is a JSON value as it prints.
    fn plain(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if field.name().starts_with(OF_LIBRARIES) {
            return;
        }
        self.name(field);
        let _ = self.line.write_fmt(value);
    }

    fn name(&mut self, field: &Field) {
        self.line.push_str(",\"");
        self.line.push_str(field.name());
        self.line.push_str("\":");
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == LIBRARY_TARGET {
            self.target = Some(value.to_owned());
        }
        if !field.name().starts_with(OF_LIBRARIES) {
            self.name(field);
            self.line.push('"');
            escape(self.line, value);
            self.line.push('"');
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.plain(field, format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.plain(field, format_args!("{value}"));
        } else {
            // JSON has no word for these.
            self.plain(field, format_args!("null"));
        }
    }
}

/// Puts text between the quotes of a JSON string.
struct Escaping<'l>(&'l mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text);
        Ok(())
    }
}

fn escape(line: &mut String, text: &str) {
    // Looked at as a whole, many bytes at a time, as nearly every text needs nothing.
    if !(text.bytes()).fold(false, |found, byte| found | needs_escape(byte)) {
        return line.push_str(text);
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(needs_escape) {
        // All these are single bytes, so that both sides are whole characters.
        line.push_str(&rest[..at]);
        let byte = rest.as_bytes()[at];
        match byte {
            b'"' => line.push_str("\\\""),
            b'\\' => line.push_str("\\\\"),
            b'\n' => line.push_str("\\n"),
            _ => {
                let _ = write!(line, "\\u{byte:04x}");
            }
        }
        rest = &rest[at + 1..];
    }
    line.push_str(rest);
}

const fn needs_escape(byte: u8) -> bool {
    byte < b' ' || matches!(byte, b'"' | b'\\' | 0x7f)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::{layer::SubscriberExt, registry};

    use super::*;
    use crate::clock::Manual;

    #[derive(Clone, Default)]
    struct Out(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Out {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `log` leaves, as they stand there.
    fn text_of(log: impl FnOnce()) -> String {
        let out = Out::default();
        let (journal, writing) = Journal::start(out.clone()).unwrap();
        let clock = Clock::from_source(Manual::at(1_772_442_930_057));
        let subscriber = registry().with(JsonLines::new(journal, clock));
        tracing::subscriber::with_default(subscriber, log);
        drop(writing);
        let bytes = out.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn value_of(log: impl FnOnce()) -> Value {
        let text = text_of(log);
        serde_json::from_str(&text).unwrap_or_else(|problem| panic!("{problem}: {text}"))
    }

    #[test]
    fn a_line_looks_like_this() {
        let text = text_of(|| {
            tracing::info!(delivery.id = %"dlv_1", attempts = 2, "delivery concluded");
        });
        assert_eq!(
            text,
            concat!(
                r#"{"timestamp":"2026-03-02T09:15:30.057Z","level":"INFO","message":"delivery concluded","#,
                r#""delivery.id":"dlv_1","attempts":2,"target":"tollgate::telemetry::json::tests"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn every_type_of_value_is_json() {
        let problem = std::io::Error::other("no \"luck\"");
        let value = value_of(|| {
            tracing::warn!(
                yes = true,
                less = -3_i64,
                large = u128::from(u64::MAX),
                ratio = 0.5,
                nothing = f64::NAN,
                absent = None::<u64>,
                error = &problem as &(dyn Error + 'static),
                debug = ?"quoted",
            );
        });
        assert_eq!(value["yes"], json!(true));
        assert_eq!(value["less"], json!(-3));
        assert_eq!(value["large"], json!(u64::MAX));
        assert_eq!(value["ratio"], json!(0.5));
        assert_eq!(value["nothing"], Value::Null);
        assert_eq!(value.get("absent"), None);
        assert_eq!(value["error"], json!("no \"luck\""));
        assert_eq!(value["debug"], json!("\"quoted\""));
    }

    #[test]
    fn no_text_breaks_out_of_its_line() {
        let nasty = "\"}\n{\\\u{0}\u{1b}[31m\t\r\u{7f}é🔑";
        let value = value_of(|| tracing::error!(given = nasty, shown = %nasty, "{nasty}"));
        for name in ["given", "shown", "message"] {
            assert_eq!(value[name], json!(nasty), "{name}");
        }
    }

    #[test]
    fn the_line_of_a_library_carries_its_own_target() {
        let value = value_of(|| {
            tracing::warn!(log.target = "rustls::conn", log.line = 7, "an alert");
        });
        assert_eq!(value["target"], json!("rustls::conn"));
        assert_eq!(value["message"], json!("an alert"));
        assert_eq!(value.get("log.target"), None);
        assert_eq!(value.get("log.line"), None);
    }
}
