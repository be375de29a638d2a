//! What a hook means: whose code it is, where it should go, why, and for how long it lives.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::body::{self, Body, Text, Unreadable};
use crate::{
    domain::{
        channel::Family,
        passcode::Passcode,
        phone::{Country, PhoneNumber},
        purpose::Purpose,
    },
    error::Reason,
    pb::v1::{self, SendOtpRequest},
};

/// The life of a code whose times are missing or cannot be read.
const USUAL_LIFE: Duration = Duration::from_mins(5);
/// No code of Okta lives longer than minutes; more than this is a mistake of a clock or a format.
const LONGEST_LIFE: Duration = Duration::from_hours(1);

/// Most bytes the gateway takes of an id.
const MAX_ID: usize = 256;
/// Most characters the gateway takes of a message.
const MAX_MESSAGE: usize = 1600;
/// Most bytes the gateway takes of an attribute.
const MAX_ATTRIBUTE: usize = 1024;
/// Longer than any language tag in use.
const MAX_LOCALE: usize = 35;

/// One telephony hook.
pub struct Hook<'a>(Body<'a>);

impl<'a> Hook<'a> {
    /// Reads a body.
    pub fn read(body: &'a [u8]) -> Result<Self, Unreadable> {
        body::read(body).map(Self)
    }

    /// Whether the Admin Console only wants to see an answer.
    pub fn is_preview(&self) -> bool {
        let path = self.0.data.context.request.url.value.get();
        path.is_some_and(|path| path.trim_end_matches('/').ends_with("generatePreview"))
    }

    /// The flow that needs the code; `None` when it is not known to us.
    pub fn purpose(&self) -> Option<Purpose> {
        let flow = self.0.request_type.get()?;
        match flow.strip_prefix("com.okta.user.telephony.")? {
            "pre-enrollment" => Some(Purpose::Enrollment),
            "mfa-verification" => Some(Purpose::SignIn),
            "account-unlock" => Some(Purpose::AccountUnlock),
            "password-reset" => Some(Purpose::PasswordReset),
            _ => None,
        }
    }

    /// What the person's screen promised; `None` when the hook does not say, or says what is not known to us.
    pub fn family(&self) -> Option<Family> {
        let channel = self.0.data.message.channel.get()?;
        let is = |word: &str| letters(channel).eq(word.chars());
        if is("sms") {
            return Some(Family::Message);
        }
        ["call", "voice", "voicecall", "phonecall"]
            .into_iter()
            .any(is)
            .then_some(Family::Voice)
    }

    /// The request to the gateway. An error means that there is nothing to send, or nobody to send it to.
    pub fn request(
        &self,
        tenant: &str,
        default_country: Option<Country>,
        family: Family,
    ) -> Result<SendOtpRequest, Reason> {
        let message = &self.0.data.message;
        let number = message.phone_number.get().ok_or(Reason::InvalidRequest)?;
        let code = self.code().ok_or(Reason::InvalidRequest)?;
        let number = PhoneNumber::parse_lenient(number, default_country)
            .ok_or(Reason::InvalidRecipient)?
            .expose_e164();
        let purpose = self.purpose().unwrap_or(Purpose::Other);
        let caller = &self.0.data.context.request;
        Ok(SendOtpRequest {
            tenant: tenant.to_owned(),
            idempotency_key: self.key(&number, &code, purpose),
            reference: cut(&caller.id, MAX_ID),
            passcode: Some(v1::Passcode {
                code: code.expose().to_owned(),
                valid_for: Some(wire_duration(self.life())),
            }),
            message: self.message(),
            locale: self.locale(),
            purpose: v1::Purpose::from(purpose).into(),
            requested_family: v1::Family::from(family).into(),
            client_ip: client_ip(&caller.ip_address),
            attributes: self.attributes(),
            recipient: Some(v1::Recipient {
                phone_number: number,
                user_id: self.user_id().unwrap_or_default().to_owned(),
                line_user_id: String::new(),
            }),
            ..SendOtpRequest::default()
        })
    }

    fn user_id(&self) -> Option<&str> {
        let user = &self.0.data.user;
        let id = user.user_id.get().or_else(|| user.guide_user_id.get())?;
        // Cut, two people might become one.
        (id.len() <= MAX_ID).then_some(id)
    }

    fn template(&self) -> Option<&str> {
        let message = &self.0.data.message;
        let template = message.template.get();
        template.or_else(|| message.guide_template.get())
    }

    fn code(&self) -> Option<Passcode> {
        let message = &self.0.data.message;
        let code = message.code.get().or_else(|| message.guide_code.get());
        Passcode::parse(code.or_else(|| only_code(self.template()?))?)
    }

    /// The rendered text; none where it is too long for a message, which the gateway then words itself.
    fn message(&self) -> String {
        let text = self.template().unwrap_or_default();
        let too_long = text.chars().nth(MAX_MESSAGE).is_some();
        if too_long {
            String::new()
        } else {
            text.to_owned()
        }
    }

    fn locale(&self) -> String {
        let locale = self.0.data.message.locale.get().unwrap_or_default();
        let tag = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if locale.len() <= MAX_LOCALE && locale.chars().all(tag) {
            locale.to_owned()
        } else {
            String::new()
        }
    }

    fn attributes(&self) -> HashMap<String, String> {
        let user = &self.0.data.user;
        let known = [
            ("firstName", &user.first_name),
            ("lastName", &user.last_name),
            ("login", &user.login),
        ];
        let mut attributes = HashMap::with_capacity(known.len());
        let said = known.into_iter().filter(|(_, text)| text.get().is_some());
        attributes.extend(said.map(|(name, text)| (name.to_owned(), cut(text, MAX_ATTRIBUTE))));
        attributes
    }

    /// How long the code lives from now on. Only the two times of the body are compared, so that no clock matters; zero
    /// means that it was dead before it came.
    fn life(&self) -> Duration {
        let time = |text: &Text<'_>| text.get()?.parse::<Timestamp>().ok();
        let sent = time(&self.0.event_time);
        let (Some(sent), Some(dies)) = (sent, time(&self.0.data.message.expires)) else {
            return USUAL_LIFE;
        };
        let life = Duration::try_from(dies.duration_since(sent));
        life.unwrap_or(Duration::ZERO).min(LONGEST_LIFE)
    }

    /// The event's id, or what stays the same when the same code is asked for again.
    fn key(&self, number: &str, code: &Passcode, purpose: Purpose) -> String {
        match self.0.event_id.get() {
            Some(id) if id.len() <= MAX_ID => id.to_owned(),
            Some(id) => digest(&[id]),
            None => digest(&[
                self.user_id().unwrap_or_default(),
                number,
                code.expose(),
                purpose.as_str(),
            ]),
        }
    }
}

/// The letters of a word; spaces, `_` and `-` are no difference, and neither is the case.
fn letters(word: &str) -> impl Iterator<Item = char> + '_ {
    let letters = word.chars().filter(|c| !matches!(c, ' ' | '_' | '-'));
    letters.map(|c| c.to_ascii_lowercase())
}

/// The only run of four to ten digits of a text.
fn only_code(text: &str) -> Option<&str> {
    let runs = text.split(|c: char| !c.is_ascii_digit());
    let mut codes = runs.filter(|run| (4..=10).contains(&run.len()));
    let code = codes.next()?;
    codes.next().is_none().then_some(code)
}

fn client_ip(text: &Text<'_>) -> String {
    let address = text.get().filter(|text| text.parse::<IpAddr>().is_ok());
    address.unwrap_or_default().to_owned()
}

fn cut(text: &Text<'_>, most: usize) -> String {
    let text = text.get().unwrap_or_default();
    text[..text.floor_char_boundary(most)].to_owned()
}

pub(super) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // Lengths keep ("ab", "c") apart from ("a", "bc").
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    format!("derived-{}", hex::encode(hash.finalize()))
}

fn wire_duration(life: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(life.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(life.subsec_nanos()).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn full() -> Value {
        json!({
            "eventId": "event-1",
            "eventTime": "2026-03-02T09:15:30.000Z",
            "requestType": "com.okta.user.telephony.mfa-verification",
            "data": {
                "context": {"request": {
                    "id": "req1", "ipAddress": "203.0.113.7", "url": {"value": "/idp/idx/challenge"},
                }},
                "userProfile": {
                    "firstName": "Mina", "lastName": "Sato", "login": "mina@acme.example", "userId": "00u1",
                },
                "messageProfile": {
                    "msgTemplate": "Your code is 482913", "phoneNumber": "+819012345678", "locale": "EN-US",
                    "otpExpires": "2026-03-02T09:20:25.057Z", "deliveryChannel": "SMS", "otpCode": "482913",
                },
            },
        })
    }

    /// Asks the hook with this value at this place; `null` takes the field away.
    fn with<T>(pointer: &str, value: Value, ask: impl Fn(&Hook<'_>) -> T) -> T {
        let mut body = full();
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer has a slash");
        let parent = body.pointer_mut(parent).and_then(Value::as_object_mut);
        let parent = parent.expect("the parent is an object");
        if value.is_null() {
            parent.remove(name);
        } else {
            parent.insert(name.to_owned(), value);
        }
        let text = body.to_string();
        ask(&Hook::read(text.as_bytes()).expect("an object"))
    }

    fn request(pointer: &str, value: Value) -> Result<SendOtpRequest, Reason> {
        with(pointer, value, |hook| {
            hook.request("acme", None, Family::Message)
        })
    }

    // A method's path stands for one lifetime only, and a closure around it for a lint.
    fn family(hook: &Hook<'_>) -> Option<Family> {
        hook.family()
    }

    fn purpose(hook: &Hook<'_>) -> Option<Purpose> {
        hook.purpose()
    }

    fn is_preview(hook: &Hook<'_>) -> bool {
        hook.is_preview()
    }

    fn sent(pointer: &str, value: Value) -> SendOtpRequest {
        request(pointer, value).unwrap_or_else(|reason| panic!("{pointer}: {reason:?}"))
    }

    const CHANNEL: &str = "/data/messageProfile/deliveryChannel";
    const PHONE: &str = "/data/messageProfile/phoneNumber";
    const CODE: &str = "/data/messageProfile/otpCode";
    const TEMPLATE: &str = "/data/messageProfile/msgTemplate";
    const EXPIRES: &str = "/data/messageProfile/otpExpires";

    #[test]
    fn every_spelling_of_a_channel() {
        let check = |spelling: Value, expect: Option<Family>| {
            let said = spelling.to_string();
            assert_eq!(with(CHANNEL, spelling, family), expect, "{said}");
        };
        for sms in ["SMS", "sms", " Sms "] {
            check(json!(sms), Some(Family::Message));
        }
        for voice in [
            "CALL",
            "Voice",
            "voice call",
            "VOICE_CALL",
            "voice-call",
            "VoiceCall",
            "phone call",
            " phone_call ",
        ] {
            check(json!(voice), Some(Family::Voice));
        }
        for other in [json!("whatsapp"), json!(""), json!(7), Value::Null] {
            check(other, None);
        }
    }

    #[test]
    fn every_flow_has_its_purpose() {
        let check = |flow: Value, expect| {
            let said = flow.to_string();
            assert_eq!(with("/requestType", flow, purpose), expect, "{said}");
        };
        let flow = |name: &str| json!(format!("com.okta.user.telephony.{name}"));
        check(flow("pre-enrollment"), Some(Purpose::Enrollment));
        check(flow("mfa-verification"), Some(Purpose::SignIn));
        check(flow("account-unlock"), Some(Purpose::AccountUnlock));
        check(flow("password-reset"), Some(Purpose::PasswordReset));
        check(flow("something-new"), None);
        check(Value::Null, None);
        let request = sent("/requestType", Value::Null);
        assert_eq!(request.purpose(), v1::Purpose::Other);
    }

    #[test]
    fn a_preview_is_known_by_its_address() {
        let check = |path: &str, expect| {
            let place = "/data/context/request/url/value";
            assert_eq!(with(place, json!(path), is_preview), expect, "{path}");
        };
        check(
            "/api/v1/inlineHooks/com.okta.telephony.provider/generatePreview",
            true,
        );
        check("/x/generatePreview/", true);
        check("/idp/idx/challenge", false);
        check("/generatePreview/idx", false);
        assert!(!with("/data/context", Value::Null, is_preview));
    }

    #[test]
    fn only_a_number_and_a_code_are_needed() {
        assert_eq!(
            request(PHONE, Value::Null).err(),
            Some(Reason::InvalidRequest)
        );
        assert_eq!(
            request(PHONE, json!("nonsense")).err(),
            Some(Reason::InvalidRecipient)
        );
        assert_eq!(
            request(PHONE, json!("+1")).err(),
            Some(Reason::InvalidRecipient)
        );
        assert_eq!(
            request("/data", json!({})).err(),
            Some(Reason::InvalidRequest)
        );
        assert_eq!(
            request(CODE, json!("48 29")).err(),
            Some(Reason::InvalidRequest)
        );
        assert!(request("/data/context", Value::Null).is_ok());
        assert!(request("/data/userProfile", Value::Null).is_ok());
        let bare = json!({"phoneNumber": 819_012_345_678_u64, "otp": "0042"});
        let bare = sent("/data/messageProfile", bare);
        let code = bare.passcode.map(|passcode| passcode.code);
        assert_eq!(code.as_deref(), Some("0042"));
    }

    #[test]
    fn the_code_may_stand_in_the_text_alone() {
        let check = |text: &str, expect: Option<&str>| {
            let profile = json!({"phoneNumber": "+819012345678", "messageTemplate": text});
            let request = request("/data/messageProfile", profile);
            let code = request.ok().and_then(|request| request.passcode);
            assert_eq!(code.map(|code| code.code).as_deref(), expect, "{text}");
        };
        check("Your code is 482913.", Some("482913"));
        check("G-4829: valid 5 min", Some("4829"));
        check("482913 or 482914", None);
        check("123", None);
        check("call 12345678901", None);
        check("no code", None);
    }

    #[test]
    fn a_code_lives_as_long_as_its_two_times_say() {
        let check = |expires: Value, seconds: i64, nanos: i32| {
            let said = expires.to_string();
            let life = sent(EXPIRES, expires)
                .passcode
                .and_then(|code| code.valid_for);
            assert_eq!(
                life,
                Some(prost_types::Duration { seconds, nanos }),
                "{said}"
            );
        };
        check(json!("2026-03-02T09:20:25.057Z"), 295, 57_000_000);
        check(json!("2026-03-02T18:20:30+09:00"), 300, 0);
        check(json!("2026-03-02T09:15:30.000Z"), 0, 0);
        check(json!("2026-03-02T09:15:29.999Z"), 0, 0);
        check(json!("1970-01-01T00:00:00Z"), 0, 0);
        check(json!("9999-12-30T22:00:00Z"), 3600, 0);
        check(json!("in five minutes"), 300, 0);
        check(json!(1_772_442_925), 300, 0);
        check(Value::Null, 300, 0);
        let life = sent("/eventTime", Value::Null)
            .passcode
            .and_then(|code| code.valid_for);
        assert_eq!(
            life,
            Some(prost_types::Duration {
                seconds: 300,
                nanos: 0
            })
        );
    }

    #[test]
    fn without_an_event_the_key_is_made_of_what_is_sent() {
        let key = |pointer: &str, value: Value| {
            let mut body = full();
            body.as_object_mut().expect("an object").remove("eventId");
            *body.pointer_mut(pointer).expect("a place") = value;
            let text = body.to_string();
            let hook = Hook::read(text.as_bytes()).expect("an object");
            let request = hook.request("acme", None, Family::Message);
            request.map(|request| request.idempotency_key)
        };
        let usual = key(CHANNEL, json!("SMS")).expect("a request");
        assert!(usual.len() <= MAX_ID && !usual.contains("482913"));
        assert_eq!(key(TEMPLATE, json!("other")), Ok(usual.clone()));
        assert_eq!(key(PHONE, json!("+81 90-1234-5678")), Ok(usual.clone()));
        for (place, value) in [
            ("/data/userProfile/userId", "00u2"),
            (PHONE, "+819012345679"),
            (CODE, "482914"),
            ("/requestType", "com.okta.user.telephony.account-unlock"),
        ] {
            assert_ne!(key(place, json!(value)), Ok(usual.clone()), "{place}");
        }
        assert_eq!(sent("/eventId", json!(7)).idempotency_key, "7");
        let long = sent("/eventId", json!("x".repeat(300))).idempotency_key;
        assert!(long.starts_with("derived-") && long.len() <= MAX_ID);
    }

    #[test]
    fn nothing_that_is_too_long_keeps_a_code_from_going_out() {
        assert_eq!(
            sent("/data/context/request/id", json!("é".repeat(300)))
                .reference
                .len(),
            256
        );
        assert_eq!(
            sent("/data/context/request/ipAddress", json!("localhost")).client_ip,
            ""
        );
        assert_eq!(sent(TEMPLATE, json!("x".repeat(1601))).message, "");
        assert_eq!(
            sent(TEMPLATE, json!("é".repeat(1600)))
                .message
                .chars()
                .count(),
            1600
        );
        assert_eq!(
            sent("/data/messageProfile/locale", json!("en us; q=1")).locale,
            ""
        );
        let long = sent("/data/userProfile/lastName", json!("é".repeat(2000)));
        assert_eq!(long.attributes["lastName"].len(), 1024);
        let user = sent("/data/userProfile/userId", json!("x".repeat(257))).recipient;
        assert_eq!(user.map(|user| user.user_id).as_deref(), Some(""));
    }

    #[test]
    fn digits_are_read_in_the_tenants_country_and_as_if_with_a_plus() {
        let check = |digits: &str, country: Option<&str>, expect: Result<&str, Reason>| {
            let country = country.and_then(Country::parse);
            let request = with(PHONE, json!(digits), |hook| {
                hook.request("acme", country, Family::Message)
            });
            let number = request.map(|request| request.recipient.unwrap_or_default().phone_number);
            assert_eq!(
                number.as_deref().map_err(|reason| *reason),
                expect,
                "{digits}"
            );
        };
        check("819012345678", None, Ok("+819012345678"));
        check("09012345678", Some("JP"), Ok("+819012345678"));
        check("09012345678", None, Err(Reason::InvalidRecipient));
    }
}
