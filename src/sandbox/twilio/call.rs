//! What a request for a call asks of the simulated vendor, checked as the vendor checks it.

use super::{
    answer::Refusal,
    twiml::{self, Spoken},
};
use crate::sandbox::reading::{Form, is_e164};

/// The longest document that may stand in the request itself.
const MAX_TWIML: usize = 4000;

const NO_RECIPIENT: Refusal = Refusal::bad_request(21201, "No 'To' number is specified.");
const BAD_RECIPIENT: Refusal = Refusal::bad_request(21211, "Invalid 'To' Phone Number.");
const NO_CALLER: Refusal = Refusal::bad_request(21213, "A 'From' phone number is required.");
const BAD_CALLER: Refusal = Refusal::bad_request(
    21210,
    "The 'From' number is not a verified phone number of the account.",
);
const NOTHING_TO_SAY: Refusal =
    Refusal::bad_request(21205, "A 'Url' or 'Twiml' parameter is required.");
const BAD_DOCUMENT: Refusal = Refusal::bad_request(12100, "Document parse failure.");

/// A call to make.
#[derive(Debug)]
pub(super) struct Call {
    /// The destination, E.164.
    pub(super) to: String,
    /// The number that calls.
    pub(super) from: String,
    /// What it says. Nothing where the document would have to be fetched.
    pub(super) spoken: Spoken,
}

impl Call {
    /// Reads the form of a request.
    pub(super) fn read(form: &Form) -> Result<Self, Refusal> {
        let to = form.get("To").ok_or(NO_RECIPIENT)?;
        if !is_e164(to) {
            return Err(BAD_RECIPIENT);
        }
        let from = form.get("From").ok_or(NO_CALLER)?;
        if !is_e164(from) {
            return Err(BAD_CALLER);
        }
        // A document in the request is ignored where an address is given, too.
        let spoken = match (form.get("Url"), form.get("Twiml")) {
            (Some(_), _) => Spoken::default(),
            (None, None) => return Err(NOTHING_TO_SAY),
            (None, Some(xml)) if xml.chars().count() > MAX_TWIML => return Err(BAD_DOCUMENT),
            (None, Some(xml)) => twiml::read(xml).ok_or(BAD_DOCUMENT)?,
        };
        Ok(Self {
            to: to.to_owned(),
            from: from.to_owned(),
            spoken,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: (&str, &str) = ("To", "+442079460000");
    const FROM: (&str, &str) = ("From", "+15005550006");
    const SAY: (&str, &str) = (
        "Twiml",
        "<Response><Say language=\"en-GB\">4, 8.</Say></Response>",
    );

    fn read(fields: &[(&str, &str)]) -> Result<Call, u32> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        Call::read(&Form::read(form.finish().as_bytes())).map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_complete_request_is_a_call() {
        let call = read(&[TO, FROM, SAY, ("Timeout", "20")]).expect("a call");
        assert_eq!((call.to.as_str(), call.from.as_str()), (TO.1, FROM.1));
        assert_eq!(call.spoken.text, "4, 8.");
        assert_eq!(call.spoken.language.as_deref(), Some("en-GB"));
        let fetched = read(&[TO, FROM, SAY, ("Url", "https://x.example/")]);
        assert_eq!(fetched.expect("a call").spoken, Spoken::default());
    }

    #[test]
    fn each_mistake_has_its_code() {
        let check = |fields: &[(&str, &str)], code: u32| {
            assert_eq!(read(fields).err(), Some(code), "{fields:?}");
        };
        check(&[FROM, SAY], 21201);
        check(&[("To", "442079460000"), FROM, SAY], 21211);
        check(&[TO, SAY], 21213);
        check(&[TO, ("From", "ACME"), SAY], 21210);
        check(&[TO, FROM], 21205);
        check(&[TO, FROM, ("Twiml", "<Response>")], 12100);
        let long = format!("<Response><Say>{}</Say></Response>", "1".repeat(4000));
        check(&[TO, FROM, ("Twiml", &long)], 12100);
    }
}
