//! The body of a telephony hook, as Okta writes it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Channel, Options, Purpose};

/// How long Okta's codes live.
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// The code of every preview.
const PREVIEW_CODE: &str = "11111";
const PREVIEW_PATH: &str = "/api/v1/inlineHooks/com.okta.telephony.provider/generatePreview";
const SIGN_IN_PATH: &str = "/idp/idx/challenge";

/// The parts of a hook that are new each time.
pub(super) struct Occasion {
    /// `eventId`.
    pub(super) event_id: String,
    /// The code.
    pub(super) code: String,
    /// Milliseconds since 1970.
    pub(super) at: u64,
}

/// The code that a hook carries: the chosen one, that of a preview, or six random digits.
pub(super) fn code(options: &Options, random: u128) -> String {
    match &options.code {
        Some(code) => code.clone(),
        None if options.preview => PREVIEW_CODE.to_owned(),
        None => format!("{:06}", random % 1_000_000),
    }
}

/// The whole body.
pub(super) fn write(options: &Options, occasion: &Occasion) -> Value {
    let Occasion { event_id, code, at } = occasion;
    let (purpose, path) = if options.preview {
        (Purpose::Enrollment, PREVIEW_PATH)
    } else {
        (options.purpose, SIGN_IN_PATH)
    };
    let (now, expires) = times(*at);
    let mut body = json!({
        "eventId": event_id,
        "eventTime": now,
        "eventType": "com.okta.telephony.provider",
        "eventTypeVersion": "1.0",
        "contentType": "application/json",
        "cloudEventVersion": "0.1",
        "source": "https://sandbox.okta.example/api/v1/inlineHooks/cal0000000000000001",
        "requestType": purpose.as_okta_says(),
        "data": {
            "context": {
                "request": {
                    "id": format!("req{event_id}"),
                    "method": "POST",
                    "url": { "value": path },
                    "ipAddress": "203.0.113.7",
                }
            },
            "userProfile": {
                "firstName": "Mina",
                "lastName": "Sato",
                "login": "mina.sato@sandbox.example",
                "userId": options.user,
            },
            "messageProfile": {
                "phoneNumber": phone(options),
                "otpExpires": expires,
                "deliveryChannel": options.channel.as_okta_says(),
                "otpCode": code,
                "locale": options.locale,
            }
        }
    });
    // There is no text to read out: the template does not apply to calls.
    if options.channel == Channel::Sms {
        body["data"]["messageProfile"]["msgTemplate"] = json!(format!("Your code is {code}"));
    }
    body
}

/// Previews have the digits only.
fn phone(options: &Options) -> &str {
    if options.preview {
        return options.phone.trim_start_matches('+');
    }
    &options.phone
}

/// The moment, and the end of a code's life, in Okta's writing.
fn times(unix_ms: u64) -> (String, String) {
    let now = i64::try_from(unix_ms).unwrap_or(i64::MAX);
    let now = Timestamp::from_millisecond(now).unwrap_or(Timestamp::MAX);
    let expires = now.checked_add(CODE_LIFE).unwrap_or(Timestamp::MAX);
    (format!("{now:.3}"), format!("{expires:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::secret::Secret, sandbox::hook::Credential};

    fn options() -> Options {
        let value = Secret::fixed("sandbox-hook-secret");
        let name = "authorization".to_owned();
        Options::new(
            "http://door",
            Credential::Header { name, value },
            "+819012345678",
        )
    }

    fn written(options: &Options) -> Value {
        let occasion = Occasion {
            event_id: "kQ3v0mXbTzKpYq1n8LrWag".to_owned(),
            code: code(options, 42),
            at: 1_772_442_930_000,
        };
        write(options, &occasion)
    }

    #[test]
    fn a_sign_in_by_sms() {
        let body = written(&options());
        assert_eq!(body["eventTime"], "2026-03-02T09:15:30.000Z");
        assert_eq!(
            body["requestType"],
            "com.okta.user.telephony.mfa-verification"
        );
        assert_eq!(
            body["data"]["context"]["request"]["url"]["value"],
            SIGN_IN_PATH
        );
        let message = json!({
            "msgTemplate": "Your code is 000042",
            "phoneNumber": "+819012345678",
            "otpExpires": "2026-03-02T09:20:30.000Z",
            "deliveryChannel": "SMS",
            "otpCode": "000042",
            "locale": "EN-US",
        });
        assert_eq!(body["data"]["messageProfile"], message);
    }

    #[test]
    fn a_call_has_no_text() {
        let body = written(&Options {
            channel: Channel::Voice,
            code: Some("771".to_owned()),
            purpose: Purpose::AccountUnlock,
            ..options()
        });
        let message = &body["data"]["messageProfile"];
        assert_eq!(message.get("msgTemplate"), None);
        assert_eq!(message["deliveryChannel"], "voice call");
        assert_eq!(message["otpCode"], "771");
        assert_eq!(
            body["requestType"],
            "com.okta.user.telephony.account-unlock"
        );
    }

    #[test]
    fn a_preview_is_an_enrollment_with_five_ones() {
        let body = written(&Options {
            preview: true,
            ..options()
        });
        let message = &body["data"]["messageProfile"];
        assert_eq!(message["otpCode"], "11111");
        assert_eq!(message["phoneNumber"], "819012345678");
        assert_eq!(
            body["requestType"],
            "com.okta.user.telephony.pre-enrollment"
        );
        assert_eq!(
            body["data"]["context"]["request"]["url"]["value"],
            PREVIEW_PATH
        );
    }
}
