//! Values that several sections share: durations, countries, channels and purposes as they are written in YAML.

use std::{fmt, net::SocketAddr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::templates;
use crate::domain::{
    address,
    channel::Channel,
    phone::{self, NumberType},
    price,
    purpose::Purpose,
};

/// A length of time with its unit: `300ms`, `10s`, `15m`, `1h 30m`, `1day`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// Milliseconds.
    pub const fn millis(count: u64) -> Self {
        Self(Duration::from_millis(count))
    }

    /// Seconds.
    pub const fn seconds(count: u64) -> Self {
        Self(Duration::from_secs(count))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&humantime::format_duration(self.0), f)
    }
}

impl Span {
    /// Reads a length of time of up to a year; beyond that it is a mistake, and would overflow clocks.
    fn parse(text: &str) -> Option<Self> {
        let length = humantime::parse_duration(text).ok()?;
        (length <= Self::LONGEST).then_some(Self(length))
    }

    const LONGEST: Duration = Duration::from_hours(366 * 24);
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("no duration of up to a year"))
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        duration(SPAN)
    }
}

/// The schema of a duration that may be `0s`.
pub(super) fn span_or_zero(_: &mut SchemaGenerator) -> Schema {
    duration(SPAN_OR_ZERO)
}

fn duration(format: &str) -> Schema {
    let least = if format == SPAN { " above zero" } else { "" };
    json_schema!({
        "title": format!("a duration{least} such as 300ms, 10s, 15m or 1day"),
        "type": "string",
        "format": format,
        "pattern": r"^([0-9]+ ?(ms|s|sec|secs|m|min|mins|h|hr|hrs|hour|hours|d|day|days) ?)+$",
    })
}

/// The schema of an address to listen on.
pub(super) fn socket_address(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "title": "an address and a port such as 0.0.0.0:8080 or [::]:8080",
        "type": "string",
        "format": SOCKET_ADDRESS,
    })
}

/// The schema of a name of the operator's choosing. Tenants' names stand in URLs, all of them in logs and metrics.
pub(super) fn name(_: &mut SchemaGenerator) -> Schema {
    name_schema()
}

/// The same, for the keys of a mapping.
pub(super) fn name_schema() -> Schema {
    json_schema!({
        "title": "a name of a-z, 0-9, _ and -, at most 63, the first one a letter or digit",
        "type": "string",
        "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$",
    })
}

/// The format of a country.
pub(super) const COUNTRY: &str = "country";
/// The format of a network or an address.
pub(super) const NETWORK: &str = "network";
const SPAN: &str = "time-span";
const SPAN_OR_ZERO: &str = "time-span-or-zero";
const SOCKET_ADDRESS: &str = "socket-address";
/// The format of a domain's name.
pub(super) const DOMAIN: &str = "domain-name";

/// A name, and whether a text has the format.
type Format = (&'static str, fn(&str) -> bool);

/// What a schema's `format` means where it is one of ours: whether a text has it. Others who read the schema do not know
/// them and pass over them. None of them can hold a secret.
pub(super) const FORMATS: [Format; 6] = [
    (COUNTRY, |text| phone::Country::parse(text).is_some()),
    (SPAN, |text| {
        Span::parse(text).is_some_and(|span| !span.0.is_zero())
    }),
    (SPAN_OR_ZERO, |text| Span::parse(text).is_some()),
    (SOCKET_ADDRESS, |text| text.parse::<SocketAddr>().is_ok()),
    (DOMAIN, templates::is_domain),
    (NETWORK, |text| address::network(text).is_some()),
];

/// An ISO 3166-1 alpha-2 country, for example `US`. `"NO"` must be quoted: bare, YAML 1.1 tools read it as false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(pub phone::Country);

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let known = phone::Country::parse(&text).map(Self);
        known.ok_or_else(|| de::Error::custom("no country code"))
    }
}

impl JsonSchema for Country {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Country".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "a country in capitals such as US",
            "description": "An ISO 3166-1 alpha-2 country. Quote \"NO\": bare, YAML 1.1 reads it as false.",
            "type": "string",
            "format": COUNTRY,
            "pattern": "^[A-Z]{2}$",
        })
    }
}

/// An amount of money, for example `0.0079`; all in the one currency in which the operator counts. Quotes keep a tool from
/// making another number of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(pub price::Price);

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = match serde_json::Value::deserialize(from)? {
            serde_json::Value::String(text) => text,
            serde_json::Value::Number(number) => plain(&number),
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Array(_)
            | serde_json::Value::Object(_) => String::new(),
        };
        let price = price::Price::parse(&text).map(Self);
        price.ok_or_else(|| de::Error::custom("no amount such as 0.0079"))
    }
}

/// A number without an exponent, as tools that rewrite YAML give to a small one: 0.000001 may arrive as 1e-06.
fn plain(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float.to_string(),
        Some(_) | None => number.to_string(),
    }
}

impl JsonSchema for Price {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Price".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "an amount of money such as 0.0079, with at most six digits after the point",
            "type": ["number", "string"],
            "minimum": 0,
            "pattern": "^[0-9]{1,9}([.][0-9]{1,6})?$",
        })
    }
}

/// Declares a word of the configuration that stands for a value of the domain.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident => $domain:ty { $($(#[$text:meta])* $word:ident = $value:expr),* $(,)? })*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $(
                $(#[$text])*
                $word,
            )*
        }

        impl From<$name> for $domain {
            fn from(word: $name) -> Self {
                match word { $($name::$word => $value,)* }
            }
        })*
    };
}

words! {
    /// A channel by its name.
    ChannelName => Channel {
        /// A text message to the phone number.
        Sms = Channel::Sms,
        /// A call that speaks the code.
        Voice = Channel::Voice,
        /// A WhatsApp message to the phone number.
        Whatsapp = Channel::Whatsapp,
        /// A LINE message.
        Line = Channel::Line,
    }
    /// A purpose by its name.
    PurposeName => Purpose {
        /// A phone is being enrolled; anybody may ask for this.
        Enrollment = Purpose::Enrollment,
        /// Sign-in with an enrolled phone.
        SignIn = Purpose::SignIn,
        /// A locked account is being unlocked.
        AccountUnlock = Purpose::AccountUnlock,
        /// A password is being reset.
        PasswordReset = Purpose::PasswordReset,
        /// Anything else.
        Other = Purpose::Other,
    }
    /// A type of number by its name.
    NumberTypeName => NumberType {
        /// A mobile phone.
        Mobile = NumberType::Mobile,
        /// A landline.
        FixedLine = NumberType::FixedLine,
        /// Either: the plan does not tell them apart.
        FixedLineOrMobile = NumberType::FixedLineOrMobile,
        /// Free for the caller.
        TollFree = NumberType::TollFree,
        /// The caller pays extra.
        PremiumRate = NumberType::PremiumRate,
        /// The caller pays a part.
        SharedCost = NumberType::SharedCost,
        /// Voice over IP.
        Voip = NumberType::Voip,
        /// A number that follows a person.
        PersonalNumber = NumberType::PersonalNumber,
        /// A pager.
        Pager = NumberType::Pager,
        /// A company's universal access number.
        Uan = NumberType::Uan,
        /// A voice mail box.
        VoiceMail = NumberType::VoiceMail,
        /// The plan does not say.
        Unknown = NumberType::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_survive_tools_that_rewrite_yaml() {
        let check = |json: &str, expect: Option<u64>| {
            let read = serde_json::from_str::<Price>(json).ok();
            assert_eq!(read.map(|price| price.0.millionths()), expect, "{json}");
        };
        check("1e-06", Some(1));
        check("1.234567891234e+06", Some(1_234_567_891_234));
        check("999999999", Some(999_999_999_000_000));
        check("\"0.0079\"", Some(7_900));
        check("1e-07", None);
        check("-1.5", None);
    }
}
