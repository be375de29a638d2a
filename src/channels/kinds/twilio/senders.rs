//! Who a message comes from, in the four forms that Twilio knows.

use super::settings::is_sid;
use crate::channels::sender_id::{is_name, is_number, is_short_code};

/// A number, short code, sender name or messaging service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// One number, code or name.
    From(String),
    /// A service that picks one.
    Service(String),
}

impl Sender {
    /// Reads the sender of an SMS, in any of the forms.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if is_sid(text, "MG") {
            return Ok(Self::Service(text.to_owned()));
        }
        (is_number(text) || is_short_code(text) || is_name(text))
            .then(|| Self::From(text.to_owned()))
            .ok_or(
                "is no number (+15005550006), short code, sender name (at most 11 letters, digits, spaces or & + - _, \
                 one of them a letter) or messaging service (MG and 32 hexadecimal digits)",
            )
    }

    /// Reads the sender of a WhatsApp message.
    pub(super) fn of_whatsapp(text: &str) -> Result<Self, &'static str> {
        let sender = Self::parse(text).ok().filter(|sender| match sender {
            Self::Service(_) => true,
            Self::From(text) => is_number(text),
        });
        sender.ok_or(
            "is no number (+15005550006) or messaging service (MG and 32 hexadecimal digits)",
        )
    }

    /// Reads the sender of a call.
    pub(super) fn of_calls(text: &str) -> Result<Self, &'static str> {
        let sender = is_number(text).then(|| Self::From(text.to_owned()));
        sender.ok_or("is no number (+15005550006)")
    }

    /// The form field that carries it.
    pub(super) const fn field(&self) -> &'static str {
        match self {
            Self::From(_) => "From",
            Self::Service(_) => "MessagingServiceSid",
        }
    }

    /// Its value.
    pub(super) fn value(&self) -> &str {
        match self {
            Self::From(value) | Self::Service(value) => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_have_four_forms() {
        let check = |text: &str, field: Option<&str>| {
            let sender = Sender::parse(text);
            assert_eq!(sender.as_ref().map(Sender::field).ok(), field, "{text:?}");
            assert!(sender.is_err() || sender.unwrap().value() == text);
        };
        check("+15005550006", Some("From"));
        check("12345", Some("From"));
        check("ACME", Some("From"));
        check("A&B +-_ c9", Some("From"));
        check("Elevenchars", Some("From"));
        check(
            "MG0123456789abcdef0123456789ABCDEF",
            Some("MessagingServiceSid"),
        );
        // Too short for a service, but a fair name.
        check("MG01", Some("From"));
        for bad in [
            "",
            " ",
            "+",
            "+0123456789",
            "+1500555",
            "+1234567890123456",
            "12",
            "123456789",
            "Twelve chars",
            "MG0123456789abcdef0123456789abcdeg",
            "Ünal",
            "a\nb",
            "<b>",
            " ACME",
            "++--",
        ] {
            check(bad, (bad == "+1500555").then_some("From"));
        }
    }

    #[test]
    fn channels_take_some_of_them() {
        let service = "MG0123456789abcdef0123456789ABCDEF";
        let check = |text: &str, whatsapp: bool, calls: bool| {
            assert_eq!(Sender::of_whatsapp(text).is_ok(), whatsapp, "{text}");
            assert_eq!(Sender::of_calls(text).is_ok(), calls, "{text}");
        };
        check("+15005550006", true, true);
        check(service, true, false);
        for odd in ["ACME", "12345", "", "whatsapp:+15005550006", "15005550006"] {
            check(odd, false, false);
        }
    }
}
