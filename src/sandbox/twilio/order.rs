//! What a request for a message asks of the simulated vendor, checked as the vendor checks it: one mistake at a time, in
//! its order.

use super::{Settings, answer::Refusal, content};
use crate::{
    domain::channel::Channel,
    sandbox::reading::{Form, is_e164, is_sender_name},
};

/// The longest text.
const MAX_BODY: usize = 1600;
/// The longest time, in seconds, for which delivery may be tried.
const MAX_VALIDITY: u32 = 36_000;
/// What stands before numbers on WhatsApp.
const WHATSAPP: &str = "whatsapp:";

const NO_RECIPIENT: Refusal = Refusal::bad_request(21604, "A 'To' phone number is required.");
const BAD_RECIPIENT: Refusal = Refusal::bad_request(21211, "Invalid 'To' Phone Number.");
const NO_SENDER: Refusal = Refusal::bad_request(
    21603,
    "A 'From' or 'MessagingServiceSid' parameter is required.",
);
const BAD_SENDER: Refusal = Refusal::bad_request(21212, "Invalid 'From' sender.");
const BAD_SERVICE: Refusal = Refusal::bad_request(21705, "The Messaging Service Sid is invalid.");
const NO_CHANNEL: Refusal = Refusal::bad_request(
    63007,
    "Could not find a Channel with the specified From address.",
);
const OUTSIDE_WINDOW: Refusal = Refusal::bad_request(
    63016,
    "Failed to send freeform message because you are outside the allowed window.",
);
const NO_TEXT: Refusal = Refusal::bad_request(21602, "Message body is required.");
const LONG_TEXT: Refusal =
    Refusal::bad_request(21617, "The message body exceeds the 1600 character limit.");
const NO_VALIDITY: Refusal =
    Refusal::bad_request(90014, "Validity period should be a positive integer.");
const BAD_VALIDITY: Refusal = Refusal::bad_request(90007, "Invalid validity period value.");

/// A message to send.
#[derive(Debug)]
pub(super) struct Order {
    /// SMS or WhatsApp.
    pub(super) channel: Channel,
    /// The destination, E.164.
    pub(super) to: String,
    /// Who it comes from.
    pub(super) sender: Sender,
    /// The text; that of a template is filled in.
    pub(super) body: String,
    /// The template's language.
    pub(super) language: Option<String>,
    /// Seconds for which delivery may be tried.
    pub(super) validity: Option<u32>,
}

/// Who a message comes from.
#[derive(Debug)]
pub(super) enum Sender {
    /// A number, a short code or a name.
    Number(String),
    /// A messaging service, which picks one unless it is told.
    Service { sid: String, from: Option<String> },
}

impl Sender {
    /// The sender as far as the request names it.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Number(from) => from,
            Self::Service { sid, from } => from.as_ref().unwrap_or(sid),
        }
    }
}

impl Order {
    /// Reads the form of a request.
    pub(super) fn read(form: &Form, settings: &Settings) -> Result<Self, Refusal> {
        let to = form.get("To").ok_or(NO_RECIPIENT)?;
        let (channel, to) = match to.strip_prefix(WHATSAPP) {
            Some(number) => (Channel::Whatsapp, number),
            None => (Channel::Sms, to),
        };
        if !is_e164(to) {
            return Err(BAD_RECIPIENT);
        }
        let sender = sender(form, channel, settings)?;
        let (body, language) = match form.get("ContentSid") {
            Some(sid) => {
                let read = content::fill(&settings.contents, sid, form)?;
                (read.text, Some(read.language))
            }
            None => (text(form, channel, &sender, settings)?, None),
        };
        Ok(Self {
            channel,
            to: to.to_owned(),
            sender,
            body,
            language,
            validity: form.get("ValidityPeriod").map(validity).transpose()?,
        })
    }

    /// A number as the vendor writes it for this channel.
    pub(super) fn address(&self, number: &str) -> String {
        match self.channel {
            Channel::Whatsapp => format!("{WHATSAPP}{number}"),
            Channel::Sms | Channel::Voice | Channel::Line => number.to_owned(),
        }
    }
}

/// The text of a request. On WhatsApp it needs an open conversation, which only the vendor's own test number always has.
fn text(
    form: &Form,
    channel: Channel,
    sender: &Sender,
    settings: &Settings,
) -> Result<String, Refusal> {
    let body = form.get("Body").ok_or(NO_TEXT)?;
    if body.chars().count() > MAX_BODY {
        return Err(LONG_TEXT);
    }
    if channel == Channel::Whatsapp && sender.name() != settings.whatsapp_sandbox {
        return Err(OUTSIDE_WINDOW);
    }
    Ok(body.to_owned())
}

fn sender(form: &Form, channel: Channel, settings: &Settings) -> Result<Sender, Refusal> {
    let from = match (form.get("From"), channel) {
        (None, _) => None,
        (Some(from), Channel::Whatsapp) => Some(whatsapp_sender(from, settings)?),
        (Some(from), Channel::Sms | Channel::Voice | Channel::Line) => {
            is_sender(from).then_some(()).ok_or(BAD_SENDER)?;
            Some(from)
        }
    };
    let from = from.map(str::to_owned);
    match (form.get("MessagingServiceSid"), from) {
        (Some(sid), _) if !is_sid(sid, "MG") => Err(BAD_SERVICE),
        (Some(sid), from) => Ok(Sender::Service {
            sid: sid.to_owned(),
            from,
        }),
        (None, Some(from)) => Ok(Sender::Number(from)),
        (None, None) => Err(NO_SENDER),
    }
}

fn whatsapp_sender<'a>(from: &'a str, settings: &Settings) -> Result<&'a str, Refusal> {
    let number = from.strip_prefix(WHATSAPP).ok_or(NO_CHANNEL)?;
    let ours = [&settings.whatsapp_sandbox, &settings.whatsapp_sender];
    let known = ours.into_iter().any(|one| one == number);
    known.then_some(number).ok_or(NO_CHANNEL)
}

fn validity(text: &str) -> Result<u32, Refusal> {
    let seconds: u32 = text.parse().map_err(|_| NO_VALIDITY)?;
    match seconds {
        0 => Err(NO_VALIDITY),
        1..=MAX_VALIDITY => Ok(seconds),
        _ => Err(BAD_VALIDITY),
    }
}

/// A number, a short code, or a name.
fn is_sender(text: &str) -> bool {
    let short_code = (3..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_e164(text) || short_code || is_sender_name(text)
}

/// Two letters and 32 hex digits.
fn is_sid(text: &str, prefix: &str) -> bool {
    let hex = text.strip_prefix(prefix);
    hex.is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: (&str, &str) = ("To", "+14155550123");
    const FROM: (&str, &str) = ("From", "+15005550006");
    const BODY: (&str, &str) = ("Body", "Your code is 482913");
    const TO_WHATSAPP: (&str, &str) = ("To", "whatsapp:+14155550123");
    const APPROVED: (&str, &str) = ("From", "whatsapp:+15005550007");
    const SANDBOX: (&str, &str) = ("From", "whatsapp:+14155238886");
    const CONTENT: (&str, &str) = ("ContentSid", "HX5a4d0000000000000000000000000001");
    const VARIABLES: (&str, &str) = ("ContentVariables", "{\"1\":\"482913\"}");
    const SERVICE: (&str, &str) = ("MessagingServiceSid", "MG0123456789abcdef0123456789abcdef");

    fn read(fields: &[(&str, &str)]) -> Result<Order, u32> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let form = Form::read(form.finish().as_bytes());
        Order::read(&form, &Settings::default()).map_err(|refusal| refusal.code)
    }

    fn check(fields: &[(&str, &str)], code: u32) {
        assert_eq!(read(fields).err(), Some(code), "{fields:?}");
    }

    #[test]
    fn a_complete_request_is_an_order() {
        let order = read(&[TO, FROM, BODY, ("ValidityPeriod", "300"), ("New", "x")]);
        let order = order.expect("an order");
        assert_eq!(order.channel, Channel::Sms);
        assert_eq!(order.to, "+14155550123");
        assert_eq!(order.sender.name(), "+15005550006");
        assert_eq!(order.body, "Your code is 482913");
        assert_eq!(order.validity, Some(300));
    }

    #[test]
    fn each_mistake_has_its_code() {
        check(&[], 21604);
        check(&[("To", ""), FROM, BODY], 21604);
        for bad in ["14155550123", "+1415", "+0415555012", "+1 415 555 0123"] {
            check(&[("To", bad), FROM, BODY], 21211);
        }
        check(&[TO, BODY], 21603);
        for bad in ["+", "12", "TWELVELETTER", "a_b", "123456789"] {
            check(&[TO, ("From", bad), BODY], 21212);
        }
        check(&[TO, ("MessagingServiceSid", "MG12"), BODY], 21705);
        check(&[TO, FROM], 21602);
        check(&[TO, FROM, ("Body", &"é".repeat(1601))], 21617);
        for bad in ["0", "-1", "5m", "1.5"] {
            check(&[TO, FROM, BODY, ("ValidityPeriod", bad)], 90014);
        }
        check(&[TO, FROM, BODY, ("ValidityPeriod", "36001")], 90007);
    }

    #[test]
    fn limits_are_inclusive() {
        let longest = "é".repeat(1600);
        assert!(read(&[TO, FROM, ("Body", &longest)]).is_ok());
        for seconds in ["1", "36000"] {
            assert!(read(&[TO, FROM, BODY, ("ValidityPeriod", seconds)]).is_ok());
        }
    }

    #[test]
    fn senders_are_numbers_short_codes_names_and_services() {
        for good in ["+15005550006", "12345", "ACME", "Acme 24"] {
            let order = read(&[TO, ("From", good), BODY]).expect(good);
            assert_eq!(order.sender.name(), good);
        }
        let order = read(&[TO, SERVICE, BODY]).expect("a service");
        assert_eq!(order.sender.name(), SERVICE.1);
        let order = read(&[TO, SERVICE, FROM, BODY]).expect("a service that is told");
        assert_eq!(order.sender.name(), FROM.1);
    }

    #[test]
    fn whatsapp_takes_templates_and_its_sandbox_takes_text() {
        let order = read(&[TO_WHATSAPP, APPROVED, CONTENT, VARIABLES]).expect("an order");
        assert_eq!(order.channel, Channel::Whatsapp);
        assert_eq!(order.to, "+14155550123");
        assert_eq!(order.sender.name(), "+15005550007");
        assert!(order.body.starts_with("482913 is your"), "{}", order.body);
        assert_eq!(order.language.as_deref(), Some("en_US"));
        assert_eq!(order.address(&order.to), "whatsapp:+14155550123");
        assert!(read(&[TO_WHATSAPP, SERVICE, CONTENT, VARIABLES]).is_ok());

        let order = read(&[TO_WHATSAPP, SANDBOX, BODY]).expect("an order");
        assert_eq!(order.body, BODY.1);
        check(&[TO_WHATSAPP, APPROVED, BODY], 63016);
    }

    #[test]
    fn each_mistake_on_whatsapp_has_its_code() {
        check(&[("To", "whatsapp:14155550123"), APPROVED, BODY], 21211);
        for bad in ["+15005550007", "whatsapp:+15005550006", "Acme"] {
            check(&[TO_WHATSAPP, ("From", bad), CONTENT, VARIABLES], 63007);
        }
        check(&[TO, APPROVED, BODY], 21212);
        check(
            &[TO_WHATSAPP, APPROVED, ("ContentSid", "HX1"), VARIABLES],
            63027,
        );
        check(&[TO_WHATSAPP, APPROVED, CONTENT], 63028);
    }
}
