//! Finished log lines on their way out: gathered for a moment and written by one thread, so that no request waits for
//! whoever reads them.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// How long a line waits for company.
const GATHERING: Duration = Duration::from_millis(10);

/// Lines are written before that once so many bytes have gathered.
const MANY: usize = 64 * 1024;

/// Most bytes that wait while nobody reads; at some 300 a line, more than ten thousand lines.
const MAX_WAITING: usize = 4 * 1024 * 1024;

/// How long the end waits for the last lines to be read.
const ENDING: Duration = Duration::from_secs(2);

/// Where lines are left. Clones leave them in the same place.
#[derive(Clone, Default)]
pub(super) struct Journal(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines that found no room since the last ones were written.
    dropped: u64,
    writer: Writer,
    closed: bool,
    ended: bool,
}

/// What the writer does, so that it is only woken when that is needed.
#[derive(Default, PartialEq, Eq)]
enum Writer {
    /// It will look for lines by itself.
    #[default]
    Works,
    /// It looks soon; many lines wake it.
    Gathers,
    /// Any line wakes it.
    Sleeps,
}

/// A journal that is being written, if any. Dropping it waits until the rest is written, two seconds at most.
#[derive(Default)]
pub struct Writing(Option<Journal>);

impl Journal {
    /// Has lines written to `out`.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<(Self, Writing)> {
        let journal = Self::default();
        let thread = thread::Builder::new().name("log".to_owned());
        let writer = journal.clone();
        thread.spawn(move || writer.run(out))?;
        Ok((journal.clone(), Writing(Some(journal))))
    }

    /// Leaves a line, which ends with a line feed. Never waits for the reader: without room, it is dropped and counted.
    pub(super) fn leave(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.waiting.len() + line.len() > MAX_WAITING {
            state.dropped += 1;
            return;
        }
        state.waiting.extend_from_slice(line);
        let wanted = match state.writer {
            Writer::Works => false,
            Writer::Gathers => state.waiting.len() >= MANY,
            Writer::Sleeps => true,
        };
        if wanted {
            state.writer = Writer::Works;
            drop(state);
            self.0.wake.notify_one();
        }
    }

    fn run(&self, mut out: impl Write) {
        let mut lines = Vec::new();
        while let Some(dropped) = self.next(&mut lines) {
            // There is nobody left to tell that log lines cannot be written.
            drop(out.write_all(&lines));
            if dropped > 0 {
                let (level, message) = ("WARN", "log lines were dropped: nobody read them");
                let line =
                    serde_json::json!({ "level": level, "message": message, "lines": dropped });
                drop(writeln!(out, "{line}"));
            }
            drop(out.flush());
            lines.clear();
        }
        self.lock().ended = true;
        self.0.written.notify_all();
    }

    /// Waits for lines, and for company for them, and takes them into the empty `lines`; returns how many were dropped.
    /// `None` once everything is written and nothing more will come.
    fn next(&self, lines: &mut Vec<u8>) -> Option<u64> {
        let mut state = self.lock();
        state.writer = Writer::Sleeps;
        let sleeping = |state: &mut State| state.waiting.is_empty() && !state.closed;
        let woken = self.0.wake.wait_while(state, sleeping);
        state = woken.unwrap_or_else(PoisonError::into_inner);
        state.writer = Writer::Gathers;
        let gathering = |state: &mut State| state.waiting.len() < MANY && !state.closed;
        let gathered = (self.0.wake).wait_timeout_while(state, GATHERING, gathering);
        state = gathered.unwrap_or_else(PoisonError::into_inner).0;
        state.writer = Writer::Works;
        if state.waiting.is_empty() {
            return None;
        }
        mem::swap(lines, &mut state.waiting);
        Some(mem::take(&mut state.dropped))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let Some(journal) = &self.0 else { return };
        let mut state = journal.lock();
        state.closed = true;
        journal.0.wake.notify_one();
        let unfinished = |state: &mut State| !state.ended;
        // Whoever does not read for so long is not waited for.
        drop((journal.0.written).wait_timeout_while(state, ENDING, unfinished));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    /// A reader who takes each write when asked to.
    struct Reader(SyncSender<Vec<u8>>);

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
            self.0.send(bytes.to_owned()).map_err(gone)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn journal() -> (Journal, Writing, Receiver<Vec<u8>>) {
        // Without room, a write waits for its reader.
        let (sender, receiver) = sync_channel(0);
        let (journal, writing) = Journal::start(Reader(sender)).expect("a thread");
        (journal, writing, receiver)
    }

    fn read(from: &Receiver<Vec<u8>>) -> String {
        String::from_utf8(from.recv().expect("lines")).expect("UTF-8")
    }

    #[test]
    fn lines_come_in_order_and_the_end_waits_for_the_last() {
        let (journal, writing, reader) = journal();
        let end = thread::spawn(move || {
            for line in ["one\n", "two\n", "three\n"] {
                journal.leave(line.as_bytes());
            }
            drop(writing);
        });
        let mut all = String::new();
        while let Ok(lines) = reader.recv() {
            all += str::from_utf8(&lines).expect("UTF-8");
        }
        assert_eq!(all, "one\ntwo\nthree\n");
        end.join().expect("no panic");
    }

    #[test]
    fn a_reader_who_does_not_read_holds_up_nobody_and_is_told_what_was_lost() {
        let (journal, writing, reader) = journal();
        let line = [b'x'; 1024];
        // The writer holds one batch, of at most as many, while the next one gathers.
        let lines = 2 * MAX_WAITING / line.len() + 7;
        for _ in 0..lines {
            journal.leave(&line);
        }
        assert!(journal.lock().waiting.len() <= MAX_WAITING);
        let end = thread::spawn(move || drop(writing));
        let mut bytes = 0;
        let mut told = String::new();
        while let Ok(batch) = reader.recv() {
            if batch.starts_with(b"x") {
                bytes += batch.len();
            } else {
                told += str::from_utf8(&batch).expect("UTF-8");
            }
        }
        let lost = lines - bytes / line.len();
        assert!(lost >= 7);
        assert!(told.contains(&format!("\"lines\":{lost}")), "{told}");
        end.join().expect("no panic");
    }

    #[test]
    fn a_line_that_finds_the_writer_asleep_wakes_it() {
        let (journal, writing, reader) = journal();
        for line in ["first\n", "second\n"] {
            journal.leave(line.as_bytes());
            assert_eq!(read(&reader), line);
        }
        drop(reader);
        drop(writing);
    }
}
