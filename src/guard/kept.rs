//! What of the guard's state outlives the process: buckets, times of long limits and the day's money, as small pieces.

use super::{Guard, Kept, bucket::Bucket, rules::budget::Scope};

/// What a piece is of; the first byte of its key.
const BUCKET: u8 = 1;
const LIMIT: u8 = 2;
const MONEY: u8 = 3;

/// The version of the pieces of limits and money; buckets carry their own.
const VERSION: u8 = 1;

impl Guard {
    /// What has changed since this was last asked and must outlive the process, at most so many pieces; the rest is told
    /// the next time. Wide buckets and money come first.
    pub fn changed(&self, most: usize) -> Vec<Kept> {
        let state = &self.state;
        let money = state
            .spending
            .changed()
            .into_iter()
            .map(|(key, spent)| Kept {
                key: piece(MONEY, 0, key),
                value: [
                    &[VERSION][..],
                    &spent.day.to_be_bytes(),
                    &spent.millionths.to_be_bytes(),
                ]
                .concat(),
            });
        let mut kept: Vec<_> = money.collect();
        let buckets = state.budgets.changed(most.saturating_sub(kept.len()));
        kept.extend(buckets.into_iter().map(bucket));
        let limits = self
            .pool
            .changed(most.saturating_sub(kept.len()), &state.time);
        kept.extend(limits.into_iter().map(|(id, key, until_ms)| Kept {
            key: piece(LIMIT, id, key),
            value: [&[VERSION][..], &until_ms.to_be_bytes()].concat(),
        }));
        kept
    }

    /// Ranges that have been closed since this was last asked, at most so many pieces. They must be written down at once:
    /// what is closed again after a restart has let out its floor a second time.
    pub fn just_closed(&self, most: usize) -> Vec<Kept> {
        let closed = self.state.budgets.just_closed(most);
        closed.into_iter().map(bucket).collect()
    }

    /// Waits until a range is closed. At most one task may wait.
    pub async fn range_closed(&self) {
        self.state.budgets.closings().wait().await;
    }

    /// Whether a range was closed of which [`Guard::just_closed`] has not told yet.
    pub fn has_just_closed(&self) -> bool {
        !self.state.budgets.closings().is_empty()
    }

    /// Takes in what an earlier process kept. What is over, or of a form that is not known, is passed by.
    pub fn restore(&self, kept: &Kept) {
        let (kind, of, key) = parts(&kept.key);
        match kind {
            BUCKET => self.restore_bucket(of, key, &kept.value),
            LIMIT => {
                if let Some(until_ms) = words(&kept.value) {
                    let now_ms = self.state.now_ms();
                    self.pool.restore((of, key), until_ms, now_ms);
                }
            }
            MONEY => {
                if let Some((day, millionths)) = spent(&kept.value) {
                    let now_ms = self.state.now_ms();
                    self.state.spending.restore(key, day, millionths, now_ms);
                }
            }
            _ => {}
        }
    }

    fn restore_bucket(&self, of: u64, key: u64, value: &[u8]) {
        let mut scopes = Scope::ALL.into_iter();
        let scope = scopes.find(|scope| *scope as u64 == of);
        let (Some(scope), Some(bucket)) = (scope, Bucket::from_bytes(value)) else {
            return;
        };
        let by = self.lasting[scope as usize];
        let now_ms = self.state.now_ms();
        let bucket = bucket.restored(now_ms, &by);
        if !bucket.is_idle(now_ms, &by) {
            self.state.budgets.restore(scope, key, bucket);
        }
    }
}

fn bucket((scope, key, bucket): (Scope, u64, Bucket)) -> Kept {
    Kept {
        key: piece(BUCKET, scope as u64, key),
        value: bucket.to_bytes(),
    }
}

/// The key of a piece: its kind, seven bytes of what it belongs to, and a hash.
fn piece(kind: u8, of: u64, key: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&of.to_be_bytes());
    bytes[0] = kind;
    bytes[8..].copy_from_slice(&key.to_be_bytes());
    bytes
}

fn parts(bytes: &[u8; 16]) -> (u8, u64, u64) {
    let (of, key) = bytes.split_at(8);
    let word = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte))
    };
    (bytes[0], word(&of[1..]), word(key))
}

fn words(value: &[u8]) -> Option<u64> {
    let (version, rest) = value.split_first()?;
    (*version == VERSION).then(|| rest.try_into().ok().map(u64::from_be_bytes))?
}

fn spent(value: &[u8]) -> Option<(u32, u64)> {
    let (version, rest) = value.split_first()?;
    let (day, millionths) = rest.split_first_chunk()?;
    let millionths = millionths.try_into().ok().map(u64::from_be_bytes)?;
    (*version == VERSION).then_some((u32::from_be_bytes(*day), millionths))
}
