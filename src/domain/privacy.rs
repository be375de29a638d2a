//! Values that must not be printed, and the keyed hashes under which they are remembered.

use std::{fmt, sync::Arc};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Text about a person, or a secret of theirs. `Debug` shows stars; there is no `Display`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Private(Box<str>);

impl Private {
    /// Takes the text in.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the wire of a provider and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A keyed hash of something private, of 128 bits: equal things of one tenant are equal, nothing else can be told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyedHash(pub [u8; 16]);

impl KeyedHash {
    /// The first 64 bits, where a short key will do.
    pub fn short(self) -> u64 {
        let mut half = [0; 8];
        half.copy_from_slice(&self.0[..8]);
        u64::from_be_bytes(half)
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash")
    }
}

/// What a hash is of; the same text of two subjects has two hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A phone number.
    Phone,
    /// A user id.
    User,
    /// A client's idempotency key.
    Claim,
    /// A number and code together: what an idempotency key was used for.
    Fingerprint,
    /// The caller's own reference.
    Reference,
    /// A phone number on the guard's lists, which may hold for all tenants.
    Listed,
}

impl Subject {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Phone => b"phone",
            Self::User => b"user",
            Self::Claim => b"claim",
            Self::Fingerprint => b"fingerprint",
            Self::Reference => b"reference",
            Self::Listed => b"listed",
        }
    }
}

/// No subject's label begins like this, so that a sealing key is never a hash of something.
const SEALING: &[u8] = b"sealing key";

/// The same, for the key of counters.
const COUNTING: &[u8] = b"counting key";

/// The hashing keys of `privacy.keys`, in their order: the first writes, all of them read.
#[derive(Clone)]
pub struct PrivacyKeys(Arc<[Hmac<Sha256>]>);

impl PrivacyKeys {
    /// Keys from secrets; `None` when there is none.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let keys: Arc<[_]> = secrets.into_iter().map(keyed).collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The hash under which a thing is written.
    pub fn hash(&self, subject: Subject, parts: &[&[u8]]) -> KeyedHash {
        digest(&self.0[0], subject, parts)
    }

    /// Every hash under which a thing may have been written, the present one first.
    pub fn all(&self, subject: Subject, parts: &[&[u8]]) -> Vec<KeyedHash> {
        let keys = self.0.iter();
        keys.map(|key| digest(key, subject, parts)).collect()
    }

    /// Whether anything may have been written by an older key.
    pub fn has_older(&self) -> bool {
        self.0.len() > 1
    }

    /// The hashes under which a thing may have been written by an older key; none where there is one key.
    pub fn older(&self, subject: Subject, parts: &[&[u8]]) -> Vec<KeyedHash> {
        let keys = self.0.iter().skip(1);
        keys.map(|key| digest(key, subject, parts)).collect()
    }

    /// The key under which the guard hashes what it counts. It is derived from the oldest key, so that a new first one
    /// loses no counter.
    pub fn counting(&self) -> [u8; 16] {
        let oldest = self.0.last().expect("there is at least one key").clone();
        let full = oldest.chain_update(COUNTING).finalize().into_bytes();
        let mut half = [0; 16];
        half.copy_from_slice(&full[..16]);
        half
    }

    /// The keys for sealing, in the same order: each is derived from its hashing key, which it does not give away.
    pub(super) fn sealing(&self) -> impl Iterator<Item = [u8; 32]> {
        let keys = self.0.iter();
        keys.map(|key| {
            let mac = key.clone().chain_update(SEALING);
            mac.finalize().into_bytes().into()
        })
    }
}

impl fmt::Debug for PrivacyKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivacyKeys({})", self.0.len())
    }
}

fn keyed(secret: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret).expect("HMAC takes a key of any length")
}

fn digest(key: &Hmac<Sha256>, subject: Subject, parts: &[&[u8]]) -> KeyedHash {
    let mut mac = key.clone();
    mac.update(subject.label());
    for part in parts {
        // Lengths keep ("ab", "c") apart from ("a", "bc").
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    let full = mac.finalize().into_bytes();
    let mut half = [0; 16];
    half.copy_from_slice(&full[..16]);
    KeyedHash(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secrets: &[&[u8]]) -> PrivacyKeys {
        PrivacyKeys::new(secrets.iter().copied()).expect("there are keys")
    }

    #[test]
    fn private_text_prints_as_stars() {
        assert_eq!(format!("{:?}", Private::new("482913")), "***");
    }

    #[test]
    fn hashes_keep_subjects_tenants_and_keys_apart() {
        let one = keys(&[b"first"]);
        let hash = one.hash(Subject::Phone, &[b"acme", b"1"]);
        assert_eq!(hash, one.hash(Subject::Phone, &[b"acme", b"1"]));
        assert_ne!(hash, one.hash(Subject::User, &[b"acme", b"1"]));
        assert_ne!(hash, one.hash(Subject::Phone, &[b"acm", b"e1"]));
        assert_ne!(
            hash,
            keys(&[b"other"]).hash(Subject::Phone, &[b"acme", b"1"])
        );
    }

    #[test]
    fn a_new_first_key_writes_and_the_old_one_still_reads() {
        let old = keys(&[b"old"]).hash(Subject::User, &[b"u"]);
        let both = keys(&[b"new", b"old"]);
        assert_ne!(both.hash(Subject::User, &[b"u"]), old);
        assert!(both.all(Subject::User, &[b"u"]).contains(&old));
    }

    #[test]
    fn no_secret_is_no_key() {
        assert!(PrivacyKeys::new([]).is_none());
    }
}
