//! Takes numbers that are known to be real into a ledger that no gateway is using, as if their codes had been entered.

use std::io::{self, BufRead, Read};

use jiff::{civil::Date, tz::TimeZone};

use crate::{
    clock::Clock,
    config::{Config, secret::Secrets, variables::Variables},
    domain::{
        person,
        phone::{Country, PhoneNumber},
        privacy::{KeyedHash, PrivacyKeys},
    },
    lanes::Lanes,
    store::{
        Ledger, LedgerError,
        open::{OpenError, open},
        record::VerifiedRow,
    },
};

use super::{privacy, start::StartError};

/// Most bytes of a line.
const LINE: u64 = 4096;

/// Rows written at once.
const BATCH: usize = 4096;

/// Bad lines that are named; the others are counted.
const NAMED: usize = 20;

const DAY_MS: u64 = 86_400_000;

/// Why nothing, or not everything, could be taken in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is no such tenant.
    #[error("the configuration has no tenant {0:?}")]
    Tenant(String),
    /// What would be written would be gone at once.
    #[error(
        "ledger.url: this ledger does not outlive its process, so there is nothing to import into"
    )]
    Fleeting,
    /// A gateway is running on the ledger.
    #[error(
        "{0}: stop the gateway first, as it alone may write to its ledger; import, and start it again"
    )]
    InUse(String),
    /// A key or the ledger cannot be had.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Read(#[from] io::Error),
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What came of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Numbers taken in.
    pub taken: u64,
    /// Numbers passed over, as they were verified longer ago than is remembered.
    pub old: u64,
    /// Lines not taken in.
    pub bad: u64,
    /// The first of them, by number from 1.
    pub named: Vec<(u64, BadLine)>,
}

/// Why a line was not taken in. It never shows what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// No UTF-8, or more than a line.
    #[error("is no line of text")]
    Text,
    /// The first column is no number.
    #[error("has no valid number, as +14155550123, in its first column")]
    Number,
    /// The second column is no date.
    #[error("has no date, as 2026-01-31, in its second column")]
    Date,
    /// The date is still to come.
    #[error("has a date that is still to come")]
    Future,
}

/// Takes the numbers of `file` in for a tenant: one on each line, perhaps with the date on which it was verified last.
pub async fn verified(
    config: &Config,
    variables: &Variables,
    tenant: &str,
    file: impl BufRead,
    clock: &Clock,
) -> Result<Imported, ImportError> {
    if !config.tenants.contains_key(tenant) {
        return Err(ImportError::Tenant(tenant.to_owned()));
    }
    if config.ledger.url == "memory:" {
        return Err(ImportError::Fleeting);
    }
    let secrets = Secrets::new(variables.environment());
    let keys = privacy::configured(config, &secrets)?;
    let ledger =
        open(&config.ledger, Lanes::default(), clock.clone()).map_err(|problem| match problem {
            OpenError::InUse(_) => ImportError::InUse(problem.to_string()),
            OpenError::Url(_)
            | OpenError::NoFolder(_)
            | OpenError::File { .. }
            | OpenError::Database { .. } => StartError::Ledger(problem.to_string()).into(),
        })?;
    let keys = match keys {
        Some(keys) => keys,
        None => privacy::own(config, clock)?,
    };
    let imported = match Reader::of((config, tenant), keys, file, clock) {
        Ok(reader) => reader.take(&*ledger).await,
        Err(problem) => Err(problem),
    };
    ledger.close().await;
    imported
}

/// Reads numbers as [`verified`] does, and writes nothing: each is hashed under `keys`, with how many days ago it was
/// verified.
pub fn read(
    (config, tenant): (&Config, &str),
    keys: PrivacyKeys,
    file: impl BufRead,
    clock: &Clock,
) -> Result<(Imported, Vec<(KeyedHash, u32)>), ImportError> {
    let mut reader = Reader::of((config, tenant), keys, file, clock)?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next()? {
        rows.push((row.phone, reader.today - row.day));
    }
    Ok((reader.imported, rows))
}

/// Reads lines for a tenant.
struct Reader<'a, R> {
    tenant: &'a str,
    /// Where numbers without `+` are at home.
    country: Option<Country>,
    keys: PrivacyKeys,
    /// Days since 1970.
    today: u32,
    oldest: u32,
    file: R,
    /// The line that was read last.
    line: u64,
    imported: Imported,
}

impl<'a, R: BufRead> Reader<'a, R> {
    fn of(
        (config, tenant): (&Config, &'a str),
        keys: PrivacyKeys,
        file: R,
        clock: &Clock,
    ) -> Result<Self, ImportError> {
        let settings = config.tenants.get(tenant);
        let settings = settings.ok_or_else(|| ImportError::Tenant(tenant.to_owned()))?;
        let today = u32::try_from(clock.unix_ms() / DAY_MS).unwrap_or(u32::MAX);
        Ok(Self {
            tenant,
            country: settings.countries.default.map(|country| country.0),
            keys,
            today,
            oldest: today.saturating_sub(config.guard.verified_days.into()),
            file,
            line: 0,
            imported: Imported::default(),
        })
    }

    async fn take(mut self, ledger: &dyn Ledger) -> Result<Imported, ImportError> {
        let mut rows = Vec::new();
        while let Some(row) = self.next()? {
            rows.push(row);
            if rows.len() >= BATCH {
                ledger.record_verified(std::mem::take(&mut rows)).await?;
            }
        }
        ledger.record_verified(rows).await?;
        Ok(self.imported)
    }

    /// The next number to be taken in; `None` at the end.
    fn next(&mut self) -> io::Result<Option<VerifiedRow>> {
        while let Some(line) = next_line(&mut self.file)? {
            self.line += 1;
            match line.and_then(|line| self.row(&line, self.line)) {
                Ok(Some(row)) if row.day < self.oldest => self.imported.old += 1,
                Ok(Some(row)) => {
                    self.imported.taken += 1;
                    return Ok(Some(row));
                }
                Ok(None) => {}
                Err(bad) => self.imported.note(self.line, bad),
            }
        }
        Ok(None)
    }

    /// The row of a line; `None` where it is empty, a comment, or the head of a table.
    fn row(&self, line: &str, number: u64) -> Result<Option<VerifiedRow>, BadLine> {
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let mut columns = line.split([',', ';', '\t']);
        let mut column = || columns.next().unwrap_or_default().trim().trim_matches('"');
        let (phone, date) = (column(), column());
        if number == 1 && !phone.contains(|c: char| c.is_ascii_digit()) {
            return Ok(None);
        }
        let phone = PhoneNumber::parse_lenient(phone, self.country).ok_or(BadLine::Number)?;
        let day = match date {
            "" => self.today,
            date => day(date).ok_or(BadLine::Date)?,
        };
        if day > self.today {
            return Err(BadLine::Future);
        }
        Ok(Some(VerifiedRow {
            phone: person::phone(&self.keys, self.tenant, &phone),
            tenant: self.tenant.to_owned(),
            day,
        }))
    }
}

impl Imported {
    fn note(&mut self, line: u64, bad: BadLine) {
        self.bad += 1;
        if self.named.len() < NAMED {
            self.named.push((line, bad));
        }
    }
}

/// The next line; `None` at the end. One that is no text or too long is read to its end.
fn next_line(file: &mut impl BufRead) -> io::Result<Option<Result<String, BadLine>>> {
    let mut line = Vec::new();
    let read = file.by_ref().take(LINE).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if read as u64 == LINE && line.last() != Some(&b'\n') {
        file.skip_until(b'\n')?;
        return Ok(Some(Err(BadLine::Text)));
    }
    Ok(Some(String::from_utf8(line).map_err(|_| BadLine::Text)))
}

/// The day of a date since 1970; a time after it is passed over.
fn day(date: &str) -> Option<u32> {
    let date: Date = date.get(..10)?.parse().ok()?;
    let begins = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let ms = u64::try_from(begins.as_millisecond()).ok()?;
    u32::try_from(ms / DAY_MS).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Manual, store::memory::MemoryLedger};

    /// The first of March 2026.
    const TODAY: u32 = 20_513;

    async fn import(text: &[u8]) -> (Imported, Vec<VerifiedRow>) {
        let ledger = MemoryLedger::new(Clock::from_source(Manual::at(0)));
        let reader = Reader {
            tenant: "acme",
            country: Country::parse("US"),
            keys: PrivacyKeys::new([&b"a key"[..]]).expect("there is a key"),
            today: TODAY,
            oldest: TODAY - 180,
            file: text,
            line: 0,
            imported: Imported::default(),
        };
        let imported = reader.take(&ledger).await.expect("it can be read");
        let rows = ledger.verified(None, 100).await.expect("it is never away");
        (imported, rows)
    }

    #[tokio::test]
    async fn every_writing_of_a_number_and_a_date_is_taken() {
        let text = "\u{feff}Phone,Verified on\n+14155550123\r\n\"+1 415 555 0124\",\"2026-02-01\"\n\n# a note\n\
                    4155550125;2026-02-28T09:15:00Z;more\n+14155550126\t2026-03-01\n+14155550127,2020-01-01\n";
        let (imported, rows) = import(text.as_bytes()).await;
        assert_eq!((imported.taken, imported.old, imported.bad), (4, 1, 0));
        let mut days: Vec<_> = rows.iter().map(|row| TODAY - row.day).collect();
        days.sort_unstable();
        assert_eq!(days, [0, 0, 1, 28]);
        assert!(rows.iter().all(|row| row.tenant == "acme"));
    }

    #[test]
    fn numbers_are_read_for_a_trace_with_their_age() {
        let acme = serde_json::json!({ "countries": { "allow": ["US"] } });
        let config = serde_json::json!({ "tenants": { "acme": acme } });
        let config: Config = serde_json::from_value(config).expect("a configuration");
        let keys = || PrivacyKeys::new([&b"a key"[..]]).expect("there is a key");
        let clock = Clock::from_source(Manual::at(u64::from(TODAY) * DAY_MS));
        let text = &b"+14155550123\n+14155550124,2026-02-01\nsoon\n+14155550125,2020-01-01\n"[..];
        let (imported, rows) = read((&config, "acme"), keys(), text, &clock).unwrap();
        assert_eq!((imported.taken, imported.old, imported.bad), (2, 1, 1));
        let hash =
            |phone: &[u8]| keys().hash(crate::domain::privacy::Subject::Phone, &[b"acme", phone]);
        assert_eq!(
            rows,
            [(hash(b"+14155550123"), 0), (hash(b"+14155550124"), 28)]
        );
        let problem = read((&config, "nobody"), keys(), text, &clock).unwrap_err();
        assert!(matches!(problem, ImportError::Tenant(_)));
    }

    #[tokio::test]
    async fn the_latest_day_of_a_number_counts() {
        let text = b"+14155550123,2026-01-01\n+1 415 555 0123,2026-02-01\n+14155550123,2026-01-15";
        let (imported, rows) = import(text).await;
        assert_eq!((imported.taken, rows.len()), (3, 1));
        assert_eq!(rows[0].day, TODAY - 28);
    }

    #[tokio::test]
    async fn two_writings_of_a_number_are_one_row() {
        let text = b"+5491123456789,2026-01-01\n+54 11 2345 6789,2026-02-01";
        let (imported, rows) = import(text).await;
        assert_eq!((imported.taken, rows.len()), (2, 1));
        assert_eq!(rows[0].day, TODAY - 28);
    }

    #[tokio::test]
    async fn bad_lines_are_named_and_the_others_taken() {
        let mut text = b"phone\nphone\n+14155550123\n123\n+14155550124,soon\n+14155550124,2026-03-02\n\xff\xfe\n".to_vec();
        text.extend(vec![b'9'; 10_000]);
        text.extend(b"\n+14155550125");
        let (imported, rows) = import(&text).await;
        assert_eq!((imported.taken, rows.len(), imported.bad), (2, 2, 6));
        let expect = [
            (2, BadLine::Number),
            (4, BadLine::Number),
            (5, BadLine::Date),
            (6, BadLine::Future),
            (7, BadLine::Text),
            (8, BadLine::Text),
        ];
        assert_eq!(imported.named, expect);
        let (imported, _) = import("x\n".repeat(100).as_bytes()).await;
        assert_eq!((imported.bad, imported.named.len()), (99, NAMED));
    }
}
