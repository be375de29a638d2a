//! The form in which a bucket outlives the process.

use super::{Bucket, Week};

/// The version of a kept bucket's form. Version 1 did not say since when outcomes have been seen.
const VERSION: u8 = 2;

impl Bucket {
    /// The bucket as it is kept.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.at_ms.to_be_bytes());
        for figure in [self.level, self.verified, self.explained, self.hour_sent] {
            bytes.extend(figure.to_be_bytes());
        }
        for week in self.weeks {
            bytes.extend(week.best_sent.to_be_bytes());
            bytes.extend(week.best_verified.to_be_bytes());
            bytes.extend(week.sent.to_be_bytes());
            bytes.extend(week.verified.to_be_bytes());
        }
        for figure in [self.closed_until_s, self.trial_from_s, self.verified_s] {
            bytes.extend(figure.to_be_bytes());
        }
        bytes.extend(self.week.to_be_bytes());
        bytes.extend([self.trips, self.trial, self.proven]);
        bytes.extend(self.seen_from_s.to_be_bytes());
        bytes
    }

    /// Reads a bucket that was kept; `None` where it is of another version.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let [version] = reader.take()?;
        if !(1..=VERSION).contains(&version) {
            return None;
        }
        let mut bucket = Self {
            at_ms: u64::from_be_bytes(reader.take()?),
            level: reader.figure()?,
            verified: reader.figure()?,
            explained: reader.figure()?,
            hour_sent: reader.figure()?,
            ..Self::default()
        };
        for week in &mut bucket.weeks {
            *week = Week {
                best_sent: reader.figure()?,
                best_verified: reader.figure()?,
                sent: u16::from_be_bytes(reader.take()?),
                verified: u16::from_be_bytes(reader.take()?),
            };
        }
        bucket.closed_until_s = u32::from_be_bytes(reader.take()?);
        bucket.trial_from_s = u32::from_be_bytes(reader.take()?);
        bucket.verified_s = u32::from_be_bytes(reader.take()?);
        bucket.week = u16::from_be_bytes(reader.take()?);
        [bucket.trips, bucket.trial, bucket.proven] = reader.take()?;
        if version > 1 {
            bucket.seen_from_s = u32::from_be_bytes(reader.take()?);
        }
        Some(bucket)
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn figure(&mut self) -> Option<f32> {
        let figure = f32::from_be_bytes(self.take()?);
        figure.is_finite().then_some(figure.max(0.0))
    }
}
