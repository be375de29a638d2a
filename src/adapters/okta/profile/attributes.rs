//! What a person's profile says: from the attributes that the operator named, to the words of a request.

use serde_json::{Map, Value};

use crate::{
    config::profile::ProfileAttributes,
    domain::{channel::Channel, privacy::Private},
    pb::v1::{self, SendOtpRequest},
};

/// Longer than any language tag in use.
const MAX_LOCALE: usize = 35;

/// What a profile says of codes. It has no number on purpose: codes go to the hook's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    channels: Vec<Channel>,
    locale: String,
    line_user: Option<Private>,
}

impl Profile {
    /// Reads the attributes. One that is missing, null, or not what it should be says nothing.
    pub fn read(names: &ProfileAttributes, attributes: &Map<String, Value>) -> Self {
        let of = |name: &str| attributes.get(name).filter(|_| !name.is_empty());
        let opted_in = of(&names.whatsapp_opt_in).and_then(truth);
        Self {
            channels: channels(of(&names.channels), opted_in),
            locale: of(&names.locale).and_then(locale).unwrap_or_default(),
            line_user: of(&names.line_user_id).and_then(line_user),
        }
    }

    /// Says in a request what the profile says. The language of the profile was named by the operator, so it goes before
    /// the one of the hook.
    pub fn fill(&self, request: &mut SendOtpRequest) {
        let channels = self.channels.iter();
        request.profile_channels = channels
            .map(|channel| v1::Channel::from(*channel).into())
            .collect();
        if !self.locale.is_empty() {
            request.locale.clone_from(&self.locale);
        }
        if let (Some(recipient), Some(line_user)) = (&mut request.recipient, &self.line_user) {
            line_user.expose().clone_into(&mut recipient.line_user_id);
        }
    }
}

/// A list says which channels and in which order; without one, whoever opted in gets WhatsApp first, and whoever did not
/// gets SMS. A list cannot ask for WhatsApp against a plain no.
fn channels(list: Option<&Value>, opted_in: Option<bool>) -> Vec<Channel> {
    let mut listed = list.map(names).unwrap_or_default();
    if opted_in == Some(false) {
        listed.retain(|channel| *channel != Channel::Whatsapp);
    }
    match opted_in {
        _ if !listed.is_empty() => listed,
        Some(true) => vec![Channel::Whatsapp, Channel::Sms],
        Some(false) => vec![Channel::Sms],
        None => listed,
    }
}

/// The channels of a list, or of a text with commas or spaces between them, none twice.
fn names(value: &Value) -> Vec<Channel> {
    let words: Vec<&str> = match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        Value::String(text) => text.split([',', ';', ' ']).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    let mut channels = Vec::new();
    for channel in words.into_iter().filter_map(channel) {
        if !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    channels
}

fn channel(word: &str) -> Option<Channel> {
    let word = word.trim().to_ascii_lowercase();
    let word = match &*word {
        "call" => "voice",
        "text" => "sms",
        other => other,
    };
    Channel::from_name(word)
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn locale(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    let subtag = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let is_tag = text.len() <= MAX_LOCALE && text.split(['-', '_']).all(subtag);
    is_tag.then(|| text.to_owned())
}

fn line_user(value: &Value) -> Option<Private> {
    let text = value.as_str()?.trim();
    let digits = text.strip_prefix('U')?;
    let is_id = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| Private::new(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use Channel::{Line, Sms, Voice, Whatsapp};

    const LINE_USER: &str = "U0123456789abcdef0123456789abcdef";

    fn read(attributes: Value) -> Profile {
        let names = ProfileAttributes {
            channels: "otpChannels".to_owned(),
            whatsapp_opt_in: "whatsappOptIn".to_owned(),
            line_user_id: "lineUserId".to_owned(),
            locale: "preferredLanguage".to_owned(),
        };
        let Value::Object(attributes) = attributes else {
            panic!("attributes are an object");
        };
        Profile::read(&names, &attributes)
    }

    #[test]
    fn channels_by_list_or_by_opt_in() {
        let check = |attributes: Value, expect: &[Channel]| {
            let said = attributes.to_string();
            assert_eq!(read(attributes).channels, expect, "{said}");
        };
        check(json!({}), &[]);
        check(json!({"whatsappOptIn": true}), &[Whatsapp, Sms]);
        check(json!({"whatsappOptIn": "TRUE"}), &[Whatsapp, Sms]);
        check(json!({"whatsappOptIn": false}), &[Sms]);
        check(json!({"whatsappOptIn": null}), &[]);
        check(json!({"whatsappOptIn": 1}), &[]);
        check(
            json!({"otpChannels": ["LINE", "whatsapp", "line"]}),
            &[Line, Whatsapp],
        );
        check(
            json!({"otpChannels": "whatsapp, Voice;sms"}),
            &[Whatsapp, Voice, Sms],
        );
        check(json!({"otpChannels": ["call", "text"]}), &[Voice, Sms]);
        check(json!({"otpChannels": ["pigeon", 7, null]}), &[]);
        check(
            json!({"otpChannels": [], "whatsappOptIn": true}),
            &[Whatsapp, Sms],
        );
        check(
            json!({"otpChannels": ["sms"], "whatsappOptIn": true}),
            &[Sms],
        );
        check(
            json!({"otpChannels": ["whatsapp"], "whatsappOptIn": false}),
            &[Sms],
        );
        check(json!({"otpChannels": {"whatsapp": true}}), &[]);
    }

    #[test]
    fn what_is_no_tag_and_no_line_id_says_nothing() {
        let said = read(json!({"preferredLanguage": "ja_JP", "lineUserId": LINE_USER}));
        assert_eq!(said.locale, "ja_JP");
        assert_eq!(said.line_user, Some(Private::new(LINE_USER)));
        for odd in [json!("not a tag"), json!(7), json!(null), json!("")] {
            let said = read(json!({"preferredLanguage": odd, "lineUserId": odd}));
            assert_eq!(said, Profile::default());
        }
        assert_eq!(read(json!({"lineUserId": "U0123456789"})).line_user, None);
        assert!(!format!("{:?}", read(json!({"lineUserId": LINE_USER}))).contains("0123"));
    }

    #[test]
    fn an_attribute_without_a_name_is_not_read() {
        let attributes =
            json!({"": ["line"], "whatsappOptIn": true, "mobilePhone": "+14155550123"});
        let Value::Object(attributes) = attributes else {
            panic!("attributes are an object");
        };
        let said = Profile::read(&ProfileAttributes::default(), &attributes);
        assert_eq!(said, Profile::default());
    }

    #[test]
    fn a_profile_changes_neither_number_nor_person() {
        let recipient = v1::Recipient {
            phone_number: "+819012345678".to_owned(),
            user_id: "00u1".to_owned(),
            line_user_id: String::new(),
        };
        let mut request = SendOtpRequest {
            recipient: Some(recipient.clone()),
            locale: "en".to_owned(),
            ..SendOtpRequest::default()
        };
        read(json!({"mobilePhone": "+14155550123", "whatsappOptIn": true})).fill(&mut request);
        assert_eq!(request.recipient, Some(recipient));
        assert_eq!(request.locale, "en");
        assert_eq!(
            request.profile_channels,
            [v1::Channel::Whatsapp as i32, v1::Channel::Sms as i32]
        );
        read(json!({"preferredLanguage": "ja", "lineUserId": LINE_USER})).fill(&mut request);
        assert_eq!(request.locale, "ja");
        let recipient = request.recipient.expect("it stays");
        assert_eq!(recipient.phone_number, "+819012345678");
        assert_eq!(recipient.line_user_id, LINE_USER);
    }
}
