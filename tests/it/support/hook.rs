//! A telephony hook as Okta makes it, and the answer as Okta takes it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Value, json};
use tollgate::{
    clock::Clock,
    sandbox::judge::{Sent, Verdict, judge},
};

use super::{
    http::Reply,
    plan::{HOOK_SECRET, TENANT},
};

const PROFILE: &str = "/data/messageProfile";

/// A hook to be made.
#[derive(Clone)]
pub(crate) struct Hook {
    pub(crate) tenant: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Hook {
    /// A code of its own for this number, asked for by a person of its own.
    pub(crate) fn to(phone: &str) -> Self {
        let event = format!("{:032x}", Clock::system().random());
        let person = format!("00u-{}", phone.replace(|c: char| !c.is_ascii_digit(), ""));
        Self::fixture("hook.json")
            .with("/eventId", json!(event))
            .with("/data/userProfile/userId", json!(person))
            .profile("phoneNumber", json!(phone))
    }

    /// A body as it was seen, from `tests/fixtures/okta`.
    pub(crate) fn fixture(name: &str) -> Self {
        let text = std::fs::read(format!("tests/fixtures/okta/{name}")).unwrap();
        let kind = HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, kind.clone());
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::AUTHORIZATION, HOOK_SECRET.parse().unwrap());
        Self {
            tenant: TENANT.to_owned(),
            headers,
            body: serde_json::from_slice(&text).unwrap(),
        }
    }

    /// With this value at this place of the body; `null` takes the place away.
    pub(crate) fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = self.body.pointer_mut(parent).unwrap();
        let parent = parent.as_object_mut().unwrap();
        if value.is_null() {
            parent.remove(name);
        } else {
            parent.insert(name.to_owned(), value);
        }
        self
    }

    /// With this value of a field that says what is to be sent.
    pub(crate) fn profile(self, field: &str, value: Value) -> Self {
        self.with(&format!("{PROFILE}/{field}"), value)
    }

    /// With this code, also in the text.
    pub(crate) fn code(self, code: &str) -> Self {
        let text = format!("Your code is {code}");
        self.profile("otpCode", json!(code))
            .profile("msgTemplate", json!(text))
    }

    /// Of another tenant.
    pub(crate) fn of(mut self, tenant: &str) -> Self {
        tenant.clone_into(&mut self.tenant);
        self
    }

    /// With this in a header; an empty value takes the header away.
    pub(crate) fn showing(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.remove(&name);
        if !value.is_empty() {
            self.headers.insert(name, value.parse().unwrap());
        }
        self
    }

    /// With this bearer token.
    pub(crate) fn bearing(self, token: &str) -> Self {
        self.showing(header::AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// The body as it goes out.
    pub(crate) fn bytes(&self) -> Bytes {
        self.body.to_string().into()
    }

    /// The number as it stands there.
    pub(crate) fn phone(&self) -> String {
        self.said(&["phoneNumber"])
    }

    /// The first of these fields of the message's profile that is there, as text.
    fn said(&self, fields: &[&str]) -> String {
        let profile = self.body.pointer(PROFILE);
        let found = fields.iter().find_map(|field| profile?.get(field));
        match found {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }
}

/// An answer with HTTP 200, judged by Okta's rules and found without fault.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    pub(crate) reply: Reply,
    json: Value,
}

impl Answer {
    /// Judges an answer; one that is not as Okta wants it ends the test.
    pub(crate) fn judged(reply: Reply, hook: &Hook) -> Self {
        let kind = reply.headers.get(header::CONTENT_TYPE);
        let kind = kind.map(|kind| kind.to_str().unwrap());
        let (phone, code) = (hook.phone(), hook.said(&["otpCode", "otp"]));
        let sent = Sent {
            phone: &phone,
            code: &code,
        };
        let judgement = judge(reply.status, kind, &reply.body, sent);
        let none: [String; 0] = [];
        assert_eq!(judgement.problems, none, "{:?}", reply.body);
        Self {
            verdict: judgement.verdict,
            json: serde_json::from_slice(&reply.body).unwrap(),
            reply,
        }
    }

    /// `transactionId` of a command.
    pub(crate) fn id(&self) -> &str {
        self.command("transactionId")
    }

    /// `transactionMetadata` of a command.
    pub(crate) fn metadata(&self) -> &str {
        self.command("transactionMetadata")
    }

    /// `reason` of an error.
    pub(crate) fn reason(&self) -> &str {
        let reason = &self.json["error"]["errorCauses"][0]["reason"];
        reason.as_str().unwrap_or_else(|| panic!("{}", self.json))
    }

    /// The text of an error.
    pub(crate) fn text(&self) -> &str {
        match &self.verdict {
            Verdict::Error { text } => text,
            Verdict::Delivered | Verdict::Pending | Verdict::Failed | Verdict::Unusable => {
                panic!("{}", self.json)
            }
        }
    }

    /// Whether Okta takes the code for delivered.
    pub(crate) fn is_delivered(&self) -> bool {
        self.verdict == Verdict::Delivered
    }

    fn command(&self, member: &str) -> &str {
        let value = &self.json["commands"][0]["value"][0][member];
        value.as_str().unwrap_or_else(|| panic!("{}", self.json))
    }
}
