//! The people whom the simulated vendor knows by their phone numbers.

use sha2::{Digest, Sha256};

use crate::sandbox::triggers::TRIGGERS;

/// Somebody with a phone number at LINE.
#[derive(Clone, Debug)]
pub struct Person {
    /// The number, E.164 with `+`.
    pub phone: String,
}

impl Person {
    /// Somebody with this number.
    pub fn with(phone: &str) -> Self {
        let phone = phone.to_owned();
        Self { phone }
    }

    /// A few in Japan and Thailand, and one for each number that fails on purpose.
    pub fn known() -> Vec<Self> {
        let some = ["+819012345678", "+818000001234", "+66812345678"];
        let failing = TRIGGERS.iter();
        let failing = failing.map(|trigger| Self::with(&format!("+81901234{}", trigger.suffix)));
        some.into_iter().map(Self::with).chain(failing).collect()
    }

    /// How senders name the number without saying it: the SHA-256 of it, as lower-case hex.
    pub(super) fn digest(&self) -> String {
        hex::encode(Sha256::digest(&self.phone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_documented_digests() {
        let check = |phone: &str, digest: &str| {
            assert_eq!(Person::with(phone).digest(), digest);
        };
        check(
            "+818000001234",
            "d41e0ad70dddfeb68f149ad6fc61574b9c5780ab7bcb2fba5517771ffbb2409c",
        );
        check(
            "+66812345678",
            "7fc93a279e8accbc8e77df576f2f1806df2b9cbff068711f3de71108184e6bb2",
        );
    }
}
