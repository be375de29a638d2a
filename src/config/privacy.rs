//! `privacy`: the keys under which numbers and ids are hashed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{secret::SecretRef, values};

/// The keys under which numbers and ids are hashed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Privacy {
    /// The first writes, all of them read. Left out: one is made beside a SQLite ledger.
    pub keys: Vec<PrivacyKey>,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrivacyKey {
    /// Its name, for rotation.
    #[schemars(schema_with = "values::name")]
    pub id: String,
    /// At least 16 random bytes.
    pub secret: SecretRef,
}
