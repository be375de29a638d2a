//! What every provider may be told beside its kind's own settings: how long one attempt waits for it, and how many may
//! wait at once.

use std::{num::NonZeroU16, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::kind::{self, BuildError};
use crate::config::values::Span;

/// The settings that all kinds share. They are taken out before a kind reads the rest, so that no kind repeats them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// How long an attempt waits for an answer before the next step begins. The request itself may live on, and its
    /// late answer is recorded.
    pub timeout: Span,
    /// How many requests may be under way at once.
    pub concurrency: NonZeroU16,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            timeout: Span::millis(1500),
            concurrency: NonZeroU16::new(64).expect("64 is not zero"),
        }
    }
}

impl Bounds {
    const KEYS: [&str; 2] = ["concurrency", "timeout"];

    /// Takes the shared settings out of a provider's, and leaves those that its kind reads.
    pub fn take(settings: &mut Map<String, Value>) -> Result<Self, BuildError> {
        let shared = Self::KEYS
            .iter()
            .filter_map(|key| settings.remove_entry(*key));
        let bounds: Self = kind::read(shared.collect())?;
        if bounds.timeout.0 == Duration::ZERO {
            return Err(BuildError::at("timeout", "must be longer than nothing"));
        }
        Ok(bounds)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The bounds, or the path of the first problem; and the settings that are left.
    fn take(settings: Value) -> (Result<Bounds, String>, Vec<String>) {
        let mut settings: Map<_, _> = serde_json::from_value(settings).unwrap();
        let bounds = Bounds::take(&mut settings);
        let bounds = bounds.map_err(|problem| problem.into_problems().remove(0).0);
        (bounds, settings.keys().cloned().collect())
    }

    #[test]
    fn every_shared_setting_is_taken_out() {
        let schema = schemars::schema_for!(Bounds);
        let known = schema.get("properties").and_then(Value::as_object).unwrap();
        assert!(known.keys().eq(Bounds::KEYS.iter()));
        let (bounds, rest) = take(json!({ "base_url": "x", "timeout": "2s", "concurrency": 3 }));
        let bounds = bounds.unwrap();
        assert_eq!(
            (bounds.timeout, bounds.concurrency.get()),
            (Span::seconds(2), 3)
        );
        assert_eq!(rest, ["base_url"]);
        assert_eq!(take(json!({})).0, Ok(Bounds::default()));
    }

    #[test]
    fn nonsense_is_named() {
        let check = |settings: Value, path: &str| {
            assert_eq!(take(settings).0, Err(path.to_owned()));
        };
        check(json!({ "timeout": "0s" }), "timeout");
        check(json!({ "timeout": 1500 }), "timeout");
        check(json!({ "concurrency": 0 }), "concurrency");
        check(json!({ "concurrency": 70_000 }), "concurrency");
    }
}
