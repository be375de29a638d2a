//! What a request asks of the simulated vendor, checked as the vendor checks it: one mistake at a time, in its order.

use super::answer::Refusal;

/// The longest text.
const MAX_BODY: usize = 1600;
/// The longest time, in seconds, for which delivery may be tried.
const MAX_VALIDITY: u32 = 36_000;

const NO_RECIPIENT: Refusal = Refusal::bad_request(21604, "A 'To' phone number is required.");
const BAD_RECIPIENT: Refusal = Refusal::bad_request(21211, "Invalid 'To' Phone Number.");
const NO_SENDER: Refusal = Refusal::bad_request(
    21603,
    "A 'From' or 'MessagingServiceSid' parameter is required.",
);
const BAD_SENDER: Refusal = Refusal::bad_request(21212, "Invalid 'From' sender.");
const BAD_SERVICE: Refusal = Refusal::bad_request(21705, "The Messaging Service Sid is invalid.");
const NO_TEXT: Refusal = Refusal::bad_request(21602, "Message body is required.");
const LONG_TEXT: Refusal =
    Refusal::bad_request(21617, "The message body exceeds the 1600 character limit.");
const NO_VALIDITY: Refusal =
    Refusal::bad_request(90014, "Validity period should be a positive integer.");
const BAD_VALIDITY: Refusal = Refusal::bad_request(90007, "Invalid validity period value.");

/// A message to send.
pub(super) struct Order {
    /// The destination, E.164.
    pub(super) to: String,
    /// Who it comes from.
    pub(super) sender: Sender,
    /// The text.
    pub(super) body: String,
    /// Seconds for which delivery may be tried.
    pub(super) validity: Option<u32>,
}

/// Who a message comes from.
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
    pub(super) fn read(form: &[u8]) -> Result<Self, Refusal> {
        let form = Form::read(form);
        let to = form.get("To").ok_or(NO_RECIPIENT)?;
        if !is_e164(&to) {
            return Err(BAD_RECIPIENT);
        }
        let sender = sender(&form)?;
        let body = form.get("Body").ok_or(NO_TEXT)?;
        if body.chars().count() > MAX_BODY {
            return Err(LONG_TEXT);
        }
        let validity = form.get("ValidityPeriod").map(|text| validity(&text));
        Ok(Self {
            to,
            sender,
            body,
            validity: validity.transpose()?,
        })
    }
}

/// The fields of a request; an empty one is as good as none.
struct Form(Vec<(String, String)>);

impl Form {
    fn read(form: &[u8]) -> Self {
        Self(form_urlencoded::parse(form).into_owned().collect())
    }

    fn get(&self, name: &str) -> Option<String> {
        let mut fields = self.0.iter();
        let found = fields.find(|(field, value)| field == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    }
}

fn sender(form: &Form) -> Result<Sender, Refusal> {
    let from = form.get("From");
    if from.as_deref().is_some_and(|from| !is_sender(from)) {
        return Err(BAD_SENDER);
    }
    match (form.get("MessagingServiceSid"), from) {
        (Some(sid), _) if !is_sid(&sid, "MG") => Err(BAD_SERVICE),
        (Some(sid), from) => Ok(Sender::Service { sid, from }),
        (None, Some(from)) => Ok(Sender::Number(from)),
        (None, None) => Err(NO_SENDER),
    }
}

fn validity(text: &str) -> Result<u32, Refusal> {
    let seconds: u32 = text.parse().map_err(|_| NO_VALIDITY)?;
    match seconds {
        0 => Err(NO_VALIDITY),
        1..=MAX_VALIDITY => Ok(seconds),
        _ => Err(BAD_VALIDITY),
    }
}

/// `+`, a country code without a leading zero, at most 15 digits in all.
fn is_e164(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else {
        return false;
    };
    (8..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number, a short code, or up to 11 letters, digits and spaces with a letter among them.
fn is_sender(text: &str) -> bool {
    let short_code = (3..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let name = text.len() <= 11
        && text.bytes().any(|b| b.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ');
    is_e164(text) || short_code || name
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

    fn read(fields: &[(&str, &str)]) -> Result<Order, u32> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        Order::read(form.finish().as_bytes()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_complete_request_is_an_order() {
        let order = read(&[TO, FROM, BODY, ("ValidityPeriod", "300"), ("New", "x")]);
        let order = order.expect("an order");
        assert_eq!(order.to, "+14155550123");
        assert_eq!(order.sender.name(), "+15005550006");
        assert_eq!(order.body, "Your code is 482913");
        assert_eq!(order.validity, Some(300));
    }

    #[test]
    fn each_mistake_has_its_code() {
        let check = |fields: &[(&str, &str)], code: u32| {
            assert_eq!(read(fields).err(), Some(code), "{fields:?}");
        };
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
        let service = ("MessagingServiceSid", "MG0123456789abcdef0123456789abcdef");
        let order = read(&[TO, service, BODY]).expect("a service");
        assert_eq!(order.sender.name(), service.1);
        let order = read(&[TO, service, FROM, BODY]).expect("a service that is told");
        assert_eq!(order.sender.name(), FROM.1);
    }
}
