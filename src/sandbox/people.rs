//! The people of the sandbox: one for each way to say where codes should go.

use serde_json::{Value, json};

use super::{hook, inbox::Message, okta::users::User};
use crate::domain::channel::Channel;

/// Somebody with a phone.
#[derive(Debug)]
pub struct Person {
    /// A first name, by which commands call the person.
    pub name: &'static str,
    /// What the person prefers, in words.
    pub prefers: &'static str,
    /// The enrolled number.
    pub phone: &'static str,
    /// What the person chooses on Okta's screen.
    pub chooses: hook::Channel,
    /// Where the code arrives.
    pub reached_by: Channel,
    /// The LINE user id in the profile.
    pub line_user: Option<&'static str>,
    /// The list of channels in the profile.
    channels: &'static [&'static str],
    /// Whether the profile says yes to WhatsApp.
    opted_in: bool,
    /// The language of the profile.
    locale: &'static str,
}

/// Everybody, each with a reason of their own.
pub const PEOPLE: &[Person] = &[
    Person {
        name: "ana",
        prefers: "nothing",
        phone: "+14155550123",
        locale: "en_US",
        ..NOBODY
    },
    Person {
        name: "bruno",
        prefers: "WhatsApp (a box is ticked)",
        phone: "+5511987654321",
        opted_in: true,
        locale: "pt_BR",
        reached_by: Channel::Whatsapp,
        ..NOBODY
    },
    Person {
        name: "chloe",
        prefers: "a list: WhatsApp, SMS",
        phone: "+33612345678",
        channels: &["whatsapp", "sms"],
        locale: "fr_FR",
        reached_by: Channel::Whatsapp,
        ..NOBODY
    },
    Person {
        name: "daiki",
        prefers: "LINE, has an id there",
        phone: "+819012345678",
        channels: &["line"],
        line_user: Some("U5a4d0000000000000000000000da1c1a"),
        locale: "ja_JP",
        reached_by: Channel::Line,
        ..NOBODY
    },
    Person {
        name: "emi",
        prefers: "LINE, has no id there",
        phone: "+819087654321",
        channels: &["line"],
        locale: "ja_JP",
        ..NOBODY
    },
    Person {
        name: "felix",
        prefers: "a call, chosen at Okta",
        phone: "+442079460000",
        chooses: hook::Channel::Voice,
        locale: "en_GB",
        reached_by: Channel::Voice,
        ..NOBODY
    },
];

/// What most have in common.
const NOBODY: Person = Person {
    name: "",
    prefers: "",
    phone: "",
    chooses: hook::Channel::Sms,
    reached_by: Channel::Sms,
    line_user: None,
    channels: &[],
    opted_in: false,
    locale: "",
};

impl Person {
    /// The person of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PEOPLE.iter().find(|person| person.name == name)
    }

    /// Okta's id.
    pub fn user_id(&self) -> String {
        format!("00u{:0>17}", self.name)
    }

    /// Whether a message is for this person.
    pub fn is_addressed_by(&self, message: &Message) -> bool {
        let mut destinations = self.line_user.into_iter().chain([self.phone]);
        destinations.any(|destination| message.is_for(destination))
    }

    /// The person as Okta knows them. Attributes that were never set are missing.
    pub(super) fn user(&self) -> User {
        let mut attributes = json!({ "locale": self.locale, "mobilePhone": self.phone });
        let mut set = |name: &str, value: Value| attributes[name] = value;
        if self.opted_in {
            set("whatsappOptIn", json!(true));
        }
        if !self.channels.is_empty() {
            set("otpChannels", json!(self.channels));
        }
        if let Some(id) = self.line_user {
            set("lineUserId", json!(id));
        }
        let login = format!("{}@sandbox.example", self.name);
        User::new(&self.user_id(), &login, attributes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{domain::phone::PhoneNumber, sandbox::triggers};

    #[test]
    fn everybody_is_somebody_else_and_can_be_reached() {
        let names: HashSet<_> = PEOPLE.iter().map(|person| person.name).collect();
        let phones: HashSet<_> = PEOPLE.iter().map(|person| person.phone).collect();
        assert_eq!((names.len(), phones.len()), (PEOPLE.len(), PEOPLE.len()));
        for person in PEOPLE {
            assert!(
                PhoneNumber::parse(person.phone).is_some(),
                "{}",
                person.name
            );
            assert_eq!(person.user_id().len(), 20, "{}", person.name);
            let destinations = person.line_user.into_iter().chain([person.phone]);
            for destination in destinations {
                assert_eq!(triggers::of(destination), None, "{destination}");
            }
            assert!(Person::named(person.name).is_some_and(|one| one.phone == person.phone));
        }
        assert!(Person::named("").is_none());
    }

    #[test]
    fn every_channel_reaches_somebody() {
        for channel in Channel::ALL {
            let mut people = PEOPLE.iter();
            assert!(
                people.any(|person| person.reached_by == channel),
                "{}",
                channel.as_str()
            );
        }
    }

    #[test]
    fn profiles_say_what_was_set_and_nothing_else() {
        let profile = |name| Person::named(name).expect(name).user().profile;
        assert_eq!(profile("ana").get("whatsappOptIn"), None);
        assert_eq!(profile("bruno")["whatsappOptIn"], true);
        assert_eq!(profile("chloe")["otpChannels"], json!(["whatsapp", "sms"]));
        assert_eq!(
            profile("daiki")["lineUserId"],
            PEOPLE[3].line_user.expect("an id")
        );
        assert_eq!(profile("emi").get("lineUserId"), None);
    }
}
