//! Who a message comes from, as Vonage wants it: numbers without their plus.

use crate::channels::sender_id::{is_name, is_number, is_short_code};

/// Reads the sender of an SMS: a number, short code or name.
pub(super) fn any(text: &str) -> Result<String, &'static str> {
    if is_short_code(text) || is_name(text) {
        return Ok(text.to_owned());
    }
    number(text).map_err(|_| {
        "is no number (+447700900001), short code, or sender name (at most 11 letters, digits, spaces or & + - _, one \
         of them a letter)"
    })
}

/// Reads the sender of anything else: a number.
pub(super) fn number(text: &str) -> Result<String, &'static str> {
    let digits = text.strip_prefix('+').filter(|_| is_number(text));
    digits
        .map(str::to_owned)
        .ok_or("is no number (+447700900001)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lose_their_plus_and_names_stay() {
        let check = |text: &str, sms: Option<&str>, other: Option<&str>| {
            assert_eq!(any(text).ok().as_deref(), sms, "{text}");
            assert_eq!(number(text).ok().as_deref(), other, "{text}");
        };
        check("+447700900001", Some("447700900001"), Some("447700900001"));
        check("12345", Some("12345"), None);
        check("A&B +_-9", Some("A&B +_-9"), None);
        for odd in ["", "447700900001", "+44", "Twelve chars", "<b>"] {
            check(odd, None, None);
        }
    }
}
