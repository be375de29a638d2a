//! Reads a trace line by line: one line is in memory at a time, however long the trace.

use std::io::{self, BufRead};

use super::{
    row::{HEADER, Row},
    run::Stopped,
};

/// Longest line; a longer one is no row, and must not fill the memory.
const LONGEST: u64 = 4096;

/// A trace that is being read.
pub(super) struct Reading<R> {
    source: R,
    line: u64,
    last_ms: u64,
    text: Vec<u8>,
}

impl<R: BufRead> Reading<R> {
    /// Begins with the first line, which names the columns.
    pub(super) fn begin(source: R) -> Result<Self, Stopped> {
        let mut reading = Self {
            source,
            line: 0,
            last_ms: 0,
            text: Vec::new(),
        };
        let read = reading.line()?;
        let first = reading
            .text()
            .map(|text| text.trim_start_matches('\u{feff}'));
        if read && first == Ok(HEADER) {
            Ok(reading)
        } else {
            Err(Stopped::Header)
        }
    }

    /// Hands the next row over; `None` at the end.
    pub(super) fn next<T>(
        &mut self,
        take: impl FnOnce(Row<'_>) -> T,
    ) -> Result<Option<T>, Stopped> {
        loop {
            if !self.line()? {
                return Ok(None);
            }
            if !self.text.is_empty() {
                break;
            }
        }
        let line = self.line;
        let text = self.text().map_err(|()| Stopped::NotText { line })?;
        let row = Row::parse(text).map_err(|problem| Stopped::Row { line, problem })?;
        let at = row.offset_ms;
        if at < self.last_ms {
            return Err(Stopped::Order { line });
        }
        let taken = take(row);
        self.last_ms = at;
        Ok(Some(taken))
    }

    /// Reads one line without its end; says whether there was one.
    fn line(&mut self) -> Result<bool, Stopped> {
        self.text.clear();
        self.line += 1;
        let mut limited = io::Read::take(&mut self.source, LONGEST);
        let read = limited.read_until(b'\n', &mut self.text);
        let read = read.map_err(|problem| Stopped::Input {
            line: self.line,
            problem,
        })?;
        if read as u64 == LONGEST && self.text.last() != Some(&b'\n') {
            return Err(Stopped::TooLong { line: self.line });
        }
        while matches!(self.text.last(), Some(b'\n' | b'\r')) {
            self.text.pop();
        }
        Ok(read > 0)
    }

    fn text(&self) -> Result<&str, ()> {
        std::str::from_utf8(&self.text).map_err(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(text: &[u8]) -> Result<Vec<u64>, String> {
        let mut reading = Reading::begin(text).map_err(|problem| problem.to_string())?;
        let mut offsets = Vec::new();
        loop {
            match reading.next(|row| row.offset_ms) {
                Ok(Some(offset)) => offsets.push(offset),
                Ok(None) => return Ok(offsets),
                Err(problem) => return Err(problem.to_string()),
            }
        }
    }

    fn trace(rows: &str) -> Vec<u8> {
        format!("{HEADER}\n{rows}").into_bytes()
    }

    #[test]
    fn rows_come_in_order_whatever_ends_their_lines() {
        let row = "+14155550123,,,other,legit,,";
        let text = trace(&format!("1,{row}\r\n1,{row}\n\n7,{row}"));
        assert_eq!(offsets(&text), Ok(vec![1, 1, 7]));
        assert_eq!(offsets(&trace("")), Ok(vec![]));
        let marked = [b"\xef\xbb\xbf", &trace("")[..]].concat();
        assert_eq!(offsets(&marked), Ok(vec![]));
    }

    #[test]
    fn every_mistake_names_its_line() {
        let check = |text: &[u8], expect: &str| {
            assert_eq!(offsets(text), Err(expect.to_owned()));
        };
        let header = "line 1: the first line is not offset_ms,phone,user,ip,purpose,label,verifies_after_ms,reachable";
        check(b"", header);
        check(b"offset,phone\n", header);
        let row = "+14155550123,,,other,legit,,";
        check(
            &trace(&format!("1,{row}\n\n0,{row}")),
            "line 4: it is earlier than the row before it",
        );
        check(
            &trace(&format!("1,{row}\nx,{row}")),
            "line 3: offset_ms is no number of milliseconds",
        );
        check(
            &trace(&"1".repeat(5000)),
            "line 2: it has more than 4096 bytes",
        );
        check(
            &[&trace("")[..], b"\xff,\n"].concat(),
            "line 2: it is no UTF-8",
        );
    }
}
