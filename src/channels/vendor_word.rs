//! What a vendor calls a message or a failure, before it may stand in the ledger: short, plain, and about nobody.

use super::provider::Message;

/// Most bytes of a vendor's id of a message.
const LONGEST_ID: usize = 128;

/// Most bytes of a vendor's code of a failure.
const LONGEST_CODE: usize = 64;

/// Digits at the end of a phone number that are enough to know it again.
const TELLING: usize = 7;

/// The text, where it can be the vendor's id of this message; `None` where it is odd, or repeats what the message says.
pub fn id<'a>(text: &'a str, message: &Message) -> Option<&'a str> {
    plain(text, LONGEST_ID, message)
}

/// The same for its code of a failure.
pub fn code<'a>(text: &'a str, message: &Message) -> Option<&'a str> {
    plain(text, LONGEST_CODE, message)
}

fn plain<'a>(text: &'a str, longest: usize, message: &Message) -> Option<&'a str> {
    let fits = (1..=longest).contains(&text.len());
    let mark = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:=+/~#".contains(&byte);
    (fits && text.bytes().all(mark) && !repeats(text, message)).then_some(text)
}

/// Whether a text has the code, the number or the LINE id of a message in it.
fn repeats(text: &str, message: &Message) -> bool {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    if words.any(|word| word == message.code.expose()) {
        return true;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let number = message.to.expose_e164();
    if digits.contains(&number[number.len() - TELLING..]) {
        return true;
    }
    let line_user = message.line_user.as_ref();
    line_user.is_some_and(|id| text.contains(id.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{channels::kinds::contract::fixture, domain::channel::Channel};

    #[test]
    fn only_plain_words_about_nobody_pass() {
        let message = fixture::message(Channel::Sms, "+447400987654", "x");
        let check = |text: &str, good: bool| {
            assert_eq!(id(text, &message).is_some(), good, "{text:?}");
        };
        for good in [
            "SM0123456789abcdef0123456789abcdef",
            "461230966842064897",
            "3e6d0d2e-9e3c-4d29-8b7b-0c7b3a7a1b3f",
            "wamid.HBgLMTIwMTU1NTM5MzEVAgARGBI=",
            "0",
        ] {
            check(good, true);
        }
        for bad in [
            "",
            "a b",
            "a\nb",
            "é",
            "<b>",
            "482913",
            "otp-482913",
            "+447400987654",
            "07400-987-654",
            "44.7400.987654",
            "U0123456789abcdef0123456789abcdef",
        ] {
            check(bad, false);
        }
        check(&"a".repeat(LONGEST_ID), true);
        check(&"a".repeat(LONGEST_ID + 1), false);
        assert_eq!(code(&"a".repeat(LONGEST_CODE + 1), &message), None);
        assert_eq!(code("20003", &message), Some("20003"));
    }
}
