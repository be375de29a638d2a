//! Sealing: private text that must be read again, kept so that nobody without the privacy keys can read it.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::privacy::{PrivacyKeys, Private};

/// Sealed text as it is kept: a nonce, then what AES-256-GCM made of the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Box<[u8]>);

impl Sealed {
    /// From the bytes kept in the ledger.
    pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes to keep.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

impl PrivacyKeys {
    /// Seals a text for its owner under the key that writes. `nonce` is random; 96 bits of it are used.
    pub fn seal(&self, owner: &[&[u8]], text: &Private, nonce: u128) -> Sealed {
        let mut unique = [0; NONCE_LEN];
        unique.copy_from_slice(&nonce.to_be_bytes()[..NONCE_LEN]);
        let mut bytes = text.expose().as_bytes().to_vec();
        let key = self
            .sealing()
            .next()
            .expect("there is at least one privacy key");
        cipher(&key)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(unique),
                Aad::from(bound_to(owner)),
                &mut bytes,
            )
            .expect("AES-GCM takes any text of fewer than 64 GiB");
        Sealed([&unique[..], &bytes].concat().into())
    }

    /// Opens what was sealed for this owner under any of the keys; `None` where none of them fits, or it is another's.
    pub fn open(&self, owner: &[&[u8]], sealed: &Sealed) -> Option<Private> {
        let (nonce, kept) = sealed.0.split_at_checked(NONCE_LEN)?;
        self.sealing().find_map(|key| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut bytes = kept.to_vec();
            let aad = Aad::from(bound_to(owner));
            let text = cipher(&key).open_in_place(nonce, aad, &mut bytes).ok()?;
            std::str::from_utf8(text).ok().map(Private::new)
        })
    }
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    let key = UnboundKey::new(&AES_256_GCM, key);
    LessSafeKey::new(key.expect("a key of AES-256 has 32 bytes"))
}

/// What a sealed text is bound to, so that a row's text cannot be moved into another row.
fn bound_to(owner: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in owner {
        // Lengths keep ("ab", "c") apart from ("a", "bc").
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &[&[u8]] = &[b"acme", b"00u1"];

    fn keys(secrets: &[&[u8]]) -> PrivacyKeys {
        PrivacyKeys::new(secrets.iter().copied()).expect("there are keys")
    }

    #[test]
    fn what_is_sealed_is_opened_by_its_key_for_its_owner_only() {
        let text = Private::new("U0123456789abcdef");
        let ours = keys(&[b"ours"]);
        let sealed = ours.seal(OWNER, &text, 7);
        assert_eq!(ours.open(OWNER, &sealed), Some(text));
        assert_eq!(ours.open(&[b"acme", b"00u2"], &sealed), None);
        assert_eq!(ours.open(&[b"acm", b"e00u1"], &sealed), None);
        assert_eq!(keys(&[b"theirs"]).open(OWNER, &sealed), None);
        let kept = String::from_utf8_lossy(sealed.as_bytes()).into_owned();
        assert!(!kept.contains("0123456789"));
        assert_eq!(format!("{sealed:?}"), "Sealed");
    }

    #[test]
    fn an_older_key_still_opens() {
        let text = Private::new("U1");
        let sealed = keys(&[b"old"]).seal(OWNER, &text, 1);
        assert_eq!(
            keys(&[b"new", b"old"]).open(OWNER, &sealed),
            Some(text.clone())
        );
        let anew = keys(&[b"new", b"old"]).seal(OWNER, &text, 1);
        assert_eq!(keys(&[b"old"]).open(OWNER, &anew), None);
    }

    #[test]
    fn what_was_tampered_with_stays_shut() {
        let ours = keys(&[b"ours"]);
        let sealed = ours.seal(OWNER, &Private::new("U1"), 1);
        for at in 0..sealed.as_bytes().len() {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[at] ^= 1;
            assert_eq!(ours.open(OWNER, &Sealed::from_bytes(bytes)), None, "{at}");
        }
        for short in [&b""[..], b"short", &[0; NONCE_LEN]] {
            assert_eq!(ours.open(OWNER, &Sealed::from_bytes(short)), None);
        }
    }
}
