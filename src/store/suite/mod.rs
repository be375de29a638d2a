//! The questions that every ledger must answer alike, asked of each back end.

pub(super) mod bench;
mod guard;
mod outcomes;
mod preferences;
mod reading;
mod upkeep;
mod writing;

/// Asks each question of each back end.
macro_rules! questions {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::store::suite::bench::Bench::memory()).await;
            })*
        }

        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::store::suite::bench::Bench::sqlite()).await;
            })*
        }
    };
}

use questions;
