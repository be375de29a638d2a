//! Meta's id of a message, made fit to be kept: it is Base64 of a record that may have the recipient's number in it.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use sha2::{Digest, Sha256};

const PREFIX: &str = "wamid.";

/// Digits in a row that may be a number.
const NUMBER: usize = 7;

const RECORD: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What is kept of an id: itself, or its hash where a number may be read from it. `None` for what is no id. A receipt's id
/// is turned the same way before the two are compared.
pub(super) fn kept(id: &str) -> Option<String> {
    let record = id.strip_prefix(PREFIX)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-.".contains(&byte);
    if !(8..=256).contains(&record.len()) || !record.bytes().all(plain) {
        return None;
    }
    let standard = record.replace('-', "+").replace('_', "/");
    let hides = RECORD.decode(standard);
    // What cannot be opened here may be opened elsewhere.
    let numbered = hides.map_or(true, |bytes| has_number(&bytes)) || has_number(record.as_bytes());
    if !numbered {
        return Some(id.to_owned());
    }
    let hash = Sha256::digest(id.as_bytes());
    Some(format!("{PREFIX}sha256.{}", hex::encode(&hash[..16])))
}

fn has_number(bytes: &[u8]) -> bool {
    let digits = |run: &[u8]| run.iter().all(u8::is_ascii_digit);
    bytes.windows(NUMBER).any(digits)
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    fn wamid(record: &[u8]) -> String {
        format!("{PREFIX}{}", BASE64_STANDARD.encode(record))
    }

    #[test]
    fn an_id_without_a_number_is_kept_as_it_is() {
        for record in [
            b"\x1d\x18\x14abcdef".as_slice(),
            b"\x00\xff\xfe 123456 \x01\x02",
        ] {
            let id = wamid(record);
            assert_eq!(kept(&id), Some(id.clone()));
        }
    }

    #[test]
    fn an_id_with_a_number_is_kept_as_its_hash() {
        let id = wamid(b"\x1d\x18\x0b14155552671\x15\x02\x00\x11\x18\x123EB0C767D26D1DF77A");
        let hash = kept(&id).unwrap();
        assert!(
            hash.starts_with("wamid.sha256.") && hash.len() == 45,
            "{hash}"
        );
        assert_eq!(kept(&id), Some(hash.clone()));
        assert_ne!(kept(&wamid(b"\x1d\x18\x0b14155552672")), Some(hash));
        // In clear, without its padding, in the alphabet of URLs, or not to be opened at all.
        let bare = id.trim_end_matches('=');
        for odd in [
            "wamid.14155552671",
            bare,
            "wamid.----____-",
            "wamid.a.b.c.d.e",
        ] {
            assert!(kept(odd).unwrap().contains("sha256"), "{odd}");
        }
    }

    #[test]
    fn only_an_id_is_taken_for_one() {
        let long = format!("wamid.{}", "A".repeat(257));
        for odd in [
            "",
            "wamid.",
            "wamid.short",
            "14155552671",
            "wamid.<b>xxxxxx",
            &long,
        ] {
            assert_eq!(kept(odd), None, "{odd}");
        }
    }
}
