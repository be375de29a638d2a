//! Ids of deliveries, attempts, decisions and lists: ordered by time, harmless to print.

use std::fmt;

use uuid::{Builder, Uuid};

use crate::clock::Clock;

/// Declares an id of its own type with its own prefix.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id; later ids sort after earlier ones.
            pub fn new(clock: &Clock) -> Self {
                Self(time_ordered(clock))
            }

            /// Reads an id as it prints.
            pub fn parse(text: &str) -> Option<Self> {
                let hex = text.strip_prefix($prefix)?;
                (hex.len() == 32).then_some(())?;
                Uuid::try_parse(hex).ok().map(Self)
            }

            /// The 16 bytes kept in the ledger.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The lowest id of a millisecond since 1970: a border between what is older and what is not.
            pub const fn lowest_at(unix_ms: u64) -> Self {
                // A UUIDv7 begins with 48 bits of time.
                Self(Uuid::from_u128((unix_ms as u128) << 80))
            }

            /// When the id was made, ms since 1970.
            pub const fn unix_ms(&self) -> u64 {
                self.0.as_u64_pair().0 >> 16
            }

            /// From the 16 bytes kept in the ledger.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                f.write_str(self.0.simple().encode_lower(&mut [0; 32]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        })*
    };
}

ids! {
    /// One SendOtp's whole life.
    DeliveryId = "dlv_";
    /// One refusal or deflection, or one minute's count of them.
    DecisionId = "dec_";
    /// One line of the guard's lists.
    ListEntryId = "lst_";
    /// One change of the guard's lists.
    ListChangeId = "chg_";
}

/// One request to one provider: its delivery and its place in it, so that a receipt finds its row without an index.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttemptId {
    /// The delivery it belongs to.
    pub delivery: DeliveryId,
    /// Its place, from 1.
    pub ordinal: u8,
}

impl AttemptId {
    /// The first attempt of a delivery.
    pub const fn first_of(delivery: DeliveryId) -> Self {
        Self {
            delivery,
            ordinal: 1,
        }
    }

    /// Reads an id as it prints.
    pub fn parse(text: &str) -> Option<Self> {
        let (delivery, ordinal) = text.strip_prefix("att_")?.split_once('-')?;
        Some(Self {
            delivery: DeliveryId::parse(&format!("dlv_{delivery}"))?,
            ordinal: ordinal.parse().ok()?,
        })
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "att_{}-{}", self.delivery.0.simple(), self.ordinal)
    }
}

impl fmt::Debug for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn time_ordered(clock: &Clock) -> Uuid {
    let random = clock.random().to_be_bytes();
    let mut tail = [0; 10];
    tail.copy_from_slice(&random[6..]);
    Builder::from_unix_timestamp_millis(clock.unix_ms(), &tail).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Manual;

    #[test]
    fn ids_print_read_back_and_sort_by_time() {
        let time = Manual::at(1_700_000_000_000);
        let clock = Clock::from_source(time.clone());
        let first = DeliveryId::new(&clock);
        time.advance(Duration::from_millis(1));
        let second = DeliveryId::new(&clock);
        assert!(first < second);
        assert_eq!(DeliveryId::parse(&first.to_string()), Some(first));
        assert_eq!(DeliveryId::from_bytes(*first.as_bytes()), first);
        assert!(DecisionId::parse(&first.to_string()).is_none());
        let attempt = AttemptId {
            delivery: second,
            ordinal: 3,
        };
        assert_eq!(AttemptId::parse(&attempt.to_string()), Some(attempt));
    }

    #[test]
    fn ids_know_their_time_and_its_border() {
        let time = Manual::at(1_700_000_000_000);
        let id = DecisionId::new(&Clock::from_source(time));
        assert_eq!(id.unix_ms(), 1_700_000_000_000);
        assert!(DecisionId::lowest_at(1_700_000_000_000) < id);
        assert!(id < DecisionId::lowest_at(1_700_000_000_001));
    }

    #[test]
    fn nonsense_is_no_id() {
        for bad in ["", "dlv_", "dlv_12", "att_x-1", "dlv_zz"] {
            assert!(DeliveryId::parse(bad).is_none());
            assert!(AttemptId::parse(bad).is_none());
        }
    }
}
