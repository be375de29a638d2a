//! An SMS as a form of Twilio's Messages API.

use url::form_urlencoded;

use super::senders::Sender;
use crate::channels::provider::Message;

/// The longest that Twilio keeps a message which it could not hand on yet, in seconds.
const LONGEST_VALIDITY: u64 = 36_000;

/// The form.
pub(super) fn form(message: &Message, sender: &Sender) -> String {
    // A message that would arrive after its code has expired is not to be sent at all.
    let validity = message.valid_for.as_secs().clamp(1, LONGEST_VALIDITY);
    let text = message.text.expose();
    form_urlencoded::Serializer::new(String::with_capacity(128 + 2 * text.len()))
        .append_pair("To", &message.to.expose_e164())
        .append_pair(sender.field(), sender.value())
        .append_pair("Body", text)
        .append_pair("ValidityPeriod", &validity.to_string())
        .finish()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{channels::kinds::contract::fixture, domain::channel::Channel};

    #[test]
    fn a_message_is_not_kept_beyond_its_code() {
        let sender = Sender::parse("ACME").unwrap();
        let check = |life: Duration, expect: &str| {
            let mut message = fixture::message(Channel::Sms, "+14155552671", "x");
            message.valid_for = life;
            let form = form(&message, &sender);
            let end = format!("&ValidityPeriod={expect}");
            assert!(form.ends_with(&end), "{form}");
        };
        check(Duration::ZERO, "1");
        check(Duration::from_millis(1999), "1");
        check(Duration::from_mins(5), "300");
        check(Duration::from_hours(24), "36000");
    }
}
