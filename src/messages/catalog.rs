//! A tenant's messages: which template serves a message, and what is said where none does.

use std::{sync::Arc, time::Duration};

use crate::{
    config::tenants::Tenant,
    domain::{
        attributes::Attributes,
        channel::{Channel, Family},
        passcode::Passcode,
        privacy::Private,
        purpose::Purpose,
        template::{Places, Template, Unfilled},
    },
};

use super::languages;

/// On its way here a life of five minutes loses a moment; it is still told as five minutes.
const LOST_ON_THE_WAY: u64 = 10;

/// How many kinds of messages there are: each channel for each purpose.
const CELLS: usize = Channel::ALL.len() * Purpose::ALL.len();

/// A tenant's messages. Clones share them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog(Arc<Known>);

#[derive(Debug, PartialEq, Eq)]
struct Known {
    brand: Box<str>,
    autofill_domain: Box<str>,
    templates: Vec<Entry>,
    /// For each channel and purpose its templates, in the order of the file.
    table: [Vec<usize>; CELLS],
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    locale: Box<str>,
    template: Template,
}

/// One message to be worded.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// The channel.
    pub channel: Channel,
    /// Why the code is needed.
    pub purpose: Purpose,
    /// The recipient's language tag; empty where unknown.
    pub locale: &'a str,
    /// The text that the caller rendered; empty where it gave none.
    pub given: &'a Private,
    /// The code.
    pub code: &'a Passcode,
    /// How long the code lives.
    pub valid_for: Duration,
    /// What else is known of the person.
    pub attributes: &'a Attributes,
}

/// The words of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worded {
    /// The text, or what is spoken.
    pub text: Private,
    /// The tag of the language in which it is, of a call that of the voice; empty where it is not known.
    pub language: String,
    /// A template that was to make the text and did not; our own words took its place.
    pub broken: Option<Broken>,
}

/// A template that made no text for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its place among the tenant's templates, from 0.
    pub template: usize,
    /// Why; says nothing of the person.
    pub problem: Unfilled,
}

impl Catalog {
    /// The messages of a tenant whose settings were checked.
    pub fn new(tenant: &Tenant) -> Self {
        let mut table = [const { Vec::new() }; CELLS];
        for (index, template) in tenant.templates.iter().enumerate() {
            let named = template.channels.iter().map(|name| Channel::from(*name));
            let channels = or_else(named.collect(), || {
                let all = Channel::ALL.into_iter();
                all.filter(|channel| channel.family() == Family::Message)
                    .collect()
            });
            let named = template.purposes.iter().map(|name| Purpose::from(*name));
            let purposes = or_else(named.collect(), || Purpose::ALL.to_vec());
            for channel in channels {
                for purpose in &purposes {
                    table[cell(channel, *purpose)].push(index);
                }
            }
        }
        let templates = tenant.templates.iter().map(|template| Entry {
            locale: template.locale.as_str().into(),
            template: template.text.0.clone(),
        });
        Self(Arc::new(Known {
            brand: tenant.brand.trim().into(),
            autofill_domain: tenant.autofill_domain.as_str().into(),
            templates: templates.collect(),
            table,
        }))
    }

    /// Words a message: by the best template, else as the caller did, else in our own words. A call has no use for the
    /// caller's text, as no rendered text can be listened to.
    pub fn word(&self, occasion: &Occasion<'_>) -> Worded {
        let mut worded = match self.template(occasion) {
            Some((index, entry)) => match self.fill(entry, occasion) {
                Ok(worded) => worded,
                Err(problem) => Worded {
                    broken: Some(Broken {
                        template: index,
                        problem,
                    }),
                    ..self.ours(occasion)
                },
            },
            None => given(occasion).unwrap_or_else(|| self.ours(occasion)),
        };
        if occasion.channel == Channel::Sms
            && let Some(text) = self.bound(worded.text.expose(), occasion.code.expose())
        {
            worded.text = Private::new(text);
        }
        worded
    }

    /// The text with the last line that binds the code to a domain; `None` where there is nothing to add.
    pub(super) fn bound(&self, text: &str, code: &str) -> Option<String> {
        let domain = &self.0.autofill_domain;
        if domain.is_empty() {
            return None;
        }
        let line = format!("@{domain} #{code}");
        let stands_there = text.lines().next_back() == Some(&line);
        (!stands_there).then(|| format!("{}\n\n{line}", text.trim_end()))
    }

    /// The first template of the nearest language: `ja-JP`, then `ja`, then those of no language.
    fn template(&self, occasion: &Occasion<'_>) -> Option<(usize, &Entry)> {
        let known = &*self.0;
        let candidates = &known.table[cell(occasion.channel, occasion.purpose)];
        if candidates.is_empty() {
            return None;
        }
        let entries = || {
            let entries = candidates.iter();
            entries.map(|index| (*index, &known.templates[*index]))
        };
        let mut wanted = occasion.locale;
        loop {
            let found = entries().find(|(_, entry)| is_same_tag(&entry.locale, wanted));
            if found.is_some() || wanted.is_empty() {
                return found;
            }
            wanted = wanted.rfind(['-', '_']).map_or("", |end| &wanted[..end]);
        }
    }

    fn fill(&self, entry: &Entry, occasion: &Occasion<'_>) -> Result<Worded, Unfilled> {
        let code = occasion.code.expose();
        // A template of a language serves its regions too, and each may have a voice of its own.
        let locale = if occasion.locale.is_empty() || entry.locale.len() > occasion.locale.len() {
            &*entry.locale
        } else {
            occasion.locale
        };
        let words = languages::known(&entry.locale);
        let (apart, language) = match (occasion.channel.family(), words) {
            (Family::Message, _) => (None, entry.locale.to_string()),
            (Family::Voice, Some(words)) => {
                (Some(words.apart(code)), words.voice(locale).to_owned())
            }
            (Family::Voice, None) => (
                Some(languages::apart_by_commas(code)),
                locale.replace('_', "-"),
            ),
        };
        let text = entry.template.fill(&Places {
            code: apart.as_deref().unwrap_or(code),
            minutes: minutes(occasion.valid_for),
            brand: &self.0.brand,
            purpose: occasion.purpose,
            locale: occasion.locale,
            attributes: occasion.attributes,
        })?;
        Ok(Worded {
            text: Private::new(text),
            language,
            broken: None,
        })
    }

    fn ours(&self, occasion: &Occasion<'_>) -> Worded {
        let words = languages::nearest(occasion.locale);
        let code = occasion.code.expose();
        let (text, language) = match occasion.channel.family() {
            Family::Voice => (
                words.spoken(&words.apart(code)),
                words.voice(occasion.locale),
            ),
            Family::Message => (
                words.message(&self.0.brand, code, minutes(occasion.valid_for)),
                words.tag,
            ),
        };
        Worded {
            text: Private::new(text),
            language: language.to_owned(),
            broken: None,
        }
    }
}

/// The caller's own text; `None` where it gave none, or where it cannot be heard.
fn given(occasion: &Occasion<'_>) -> Option<Worded> {
    let text = occasion.given;
    let usable = occasion.channel.family() == Family::Message && !text.expose().trim().is_empty();
    usable.then(|| Worded {
        text: text.clone(),
        language: String::new(),
        broken: None,
    })
}

fn or_else<T>(named: Vec<T>, all: impl FnOnce() -> Vec<T>) -> Vec<T> {
    if named.is_empty() { all() } else { named }
}

const fn cell(channel: Channel, purpose: Purpose) -> usize {
    channel as usize * Purpose::ALL.len() + purpose as usize
}

/// Whether two language tags are the same; `_` and any case are understood.
fn is_same_tag(one: &str, other: &str) -> bool {
    let plain = |byte: u8| match byte {
        b'_' => b'-',
        byte => byte.to_ascii_lowercase(),
    };
    one.bytes().map(plain).eq(other.bytes().map(plain))
}

fn minutes(left: Duration) -> u64 {
    left.as_secs().saturating_add(LOST_ON_THE_WAY) / 60
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::{Value, json};

    use super::*;

    fn catalog(settings: &Value) -> Catalog {
        let mut tenant = json!({ "countries": { "allow": ["US"] }, "brand": " Acme " });
        for (key, value) in settings.as_object().unwrap() {
            tenant[key] = value.clone();
        }
        Catalog::new(&serde_json::from_value(tenant).unwrap())
    }

    struct Person {
        channel: Channel,
        purpose: Purpose,
        locale: &'static str,
        given: &'static str,
        code: &'static str,
        seconds: u64,
        name: &'static str,
    }

    const SOMEBODY: Person = Person {
        channel: Channel::Sms,
        purpose: Purpose::SignIn,
        locale: "",
        given: "",
        code: "482913",
        seconds: 299,
        name: "",
    };

    fn word(catalog: &Catalog, person: &Person) -> Worded {
        let name = ("firstName".to_owned(), person.name.to_owned());
        catalog.word(&Occasion {
            channel: person.channel,
            purpose: person.purpose,
            locale: person.locale,
            given: &Private::new(person.given),
            code: &Passcode::parse(person.code).unwrap(),
            valid_for: Duration::from_secs(person.seconds),
            attributes: &Attributes::new(HashMap::from([name])),
        })
    }

    fn text(catalog: &Catalog, person: &Person) -> String {
        word(catalog, person).text.expose().to_owned()
    }

    #[test]
    fn a_given_text_is_sent_as_it_is() {
        let given = " Ihr Code: 482913\n\u{202e}\"<&>🔑 ";
        let person = Person {
            given,
            locale: "de",
            ..SOMEBODY
        };
        assert_eq!(text(&catalog(&json!({})), &person), given);
    }

    #[test]
    fn our_own_text_says_whose_code_it_is_and_how_long_it_lives() {
        let check = |brand: &str, seconds: u64, locale: &'static str, expect: &str| {
            let catalog = catalog(&json!({ "brand": brand }));
            let person = Person {
                seconds,
                locale,
                given: " \n",
                ..SOMEBODY
            };
            assert_eq!(text(&catalog, &person), expect);
        };
        check(
            "Acme",
            300,
            "",
            "Your Acme verification code is 482913. It expires in 5 minutes.",
        );
        check(
            "",
            298,
            "sv",
            "Your verification code is 482913. It expires in 5 minutes.",
        );
        check(
            " ",
            289,
            "en-GB",
            "Your verification code is 482913. It expires in 4 minutes.",
        );
        check(
            "Acme",
            49,
            "",
            "Your Acme verification code is 482913. It expires in less than a minute.",
        );
        check(
            "Acme",
            60,
            "de_AT",
            "Ihr Bestätigungscode für Acme lautet 482913. Er läuft in 1 Minute ab.",
        );
        check(
            "Acme",
            300,
            "zh-TW",
            "【Acme】您的驗證碼是482913，5分鐘內有效。",
        );
    }

    #[test]
    fn a_call_speaks_the_code_apart_and_twice_in_the_voice_of_its_language() {
        let check = |locale: &'static str, code: &'static str, expect: &str, voice: &str| {
            let given = "Your code is 482913";
            let person = Person {
                channel: Channel::Voice,
                locale,
                code,
                given,
                ..SOMEBODY
            };
            let worded = word(
                &catalog(&json!({ "autofill_domain": "acme.example" })),
                &person,
            );
            assert_eq!((worded.text.expose(), &*worded.language), (expect, voice));
        };
        check(
            "",
            "482913",
            "Your code is 4, 8, 2, 9, 1, 3. Again: 4, 8, 2, 9, 1, 3.",
            "en-US",
        );
        check("", "aB0", "Your code is A, B, 0. Again: A, B, 0.", "en-US");
        check(
            "ja",
            "48",
            "認証コードは、4、8です。繰り返します。4、8です。",
            "ja-JP",
        );
        check("pt_PT", "48", "O seu código é 4, 8. Repito: 4, 8.", "pt-PT");
    }

    #[test]
    fn the_nearest_language_wins_and_then_the_first_that_matches() {
        let catalog = catalog(&json!({ "templates": [
            { "text": "default {{ code }}" },
            { "locale": "ja", "channels": ["sms", "line"], "text": "ja {{ code }}" },
            { "locale": "ja", "text": "later ja {{ code }}" },
            { "locale": "ja-JP", "purposes": ["password_reset"], "text": "reset {{ code }}" },
            { "locale": "zh-Hant", "text": "hant {{ code }}" },
        ] }));
        let check = |channel, purpose, locale: &'static str, expect: &str| {
            let person = Person {
                channel,
                purpose,
                locale,
                given: "given",
                ..SOMEBODY
            };
            assert_eq!(
                text(&catalog, &person),
                format!("{expect} 482913"),
                "{locale}"
            );
        };
        check(Channel::Sms, Purpose::SignIn, "", "default");
        check(Channel::Sms, Purpose::SignIn, "en", "default");
        check(Channel::Sms, Purpose::SignIn, "jam", "default");
        check(Channel::Sms, Purpose::SignIn, "ja", "ja");
        check(Channel::Sms, Purpose::SignIn, "JA_jp", "ja");
        check(Channel::Whatsapp, Purpose::SignIn, "ja-JP", "later ja");
        check(Channel::Sms, Purpose::PasswordReset, "ja_JP", "reset");
        check(Channel::Sms, Purpose::PasswordReset, "ja", "ja");
        check(Channel::Line, Purpose::Other, "zh-Hant-TW", "hant");
        check(Channel::Line, Purpose::Other, "zh-TW", "default");
    }

    #[test]
    fn a_text_that_no_template_fits_stays() {
        let catalog = catalog(&json!({ "templates": [
            { "locale": "ja", "purposes": ["sign_in"], "channels": ["sms"], "text": "{{ code }}" },
        ] }));
        let check = |channel, purpose, locale: &'static str| {
            let given = "Okta says 482913";
            let person = Person {
                channel,
                purpose,
                locale,
                given,
                ..SOMEBODY
            };
            assert_eq!(text(&catalog, &person), given);
        };
        check(Channel::Sms, Purpose::SignIn, "en");
        check(Channel::Sms, Purpose::Other, "ja");
        check(Channel::Line, Purpose::SignIn, "ja");
    }

    #[test]
    fn a_template_for_calls_has_the_code_apart_and_its_voice() {
        let catalog = catalog(&json!({ "templates": [
            { "channels": ["voice", "sms"], "locale": "es", "text": "Hola {{ attributes.firstName }}: {{ code }}" },
            { "channels": ["voice"], "locale": "sv-SE", "text": "Koden: {{ code }}" },
            { "text": "{{ code }}" },
        ] }));
        let check = |channel, locale: &'static str, expect: &str, language: &str| {
            let person = Person {
                channel,
                locale,
                name: "Ana",
                ..SOMEBODY
            };
            let worded = word(&catalog, &person);
            assert_eq!(
                (worded.text.expose(), &*worded.language),
                (expect, language)
            );
        };
        check(Channel::Voice, "es", "Hola Ana: 4, 8, 2, 9, 1, 3", "es-ES");
        check(
            Channel::Voice,
            "es_AR",
            "Hola Ana: 4, 8, 2, 9, 1, 3",
            "es-MX",
        );
        check(Channel::Sms, "es-AR", "Hola Ana: 482913", "es");
        check(Channel::Voice, "sv_SE", "Koden: 4, 8, 2, 9, 1, 3", "sv-SE");
        // One that names no channel is for reading.
        let ours = "Your code is 4, 8, 2, 9, 1, 3. Again: 4, 8, 2, 9, 1, 3.";
        check(Channel::Voice, "en", ours, "en-US");
    }

    #[test]
    fn a_template_that_fails_gives_way_to_our_words() {
        let catalog = catalog(&json!({ "templates": [
            { "locale": "ja", "text": "{{ code }}" },
            { "text": "{{ code }}{{ attributes.firstName | int }}" },
        ] }));
        let person = Person {
            name: "hunter2",
            given: "given",
            ..SOMEBODY
        };
        let worded = word(&catalog, &person);
        let ours = "Your Acme verification code is 482913. It expires in 5 minutes.";
        assert_eq!(worded.text.expose(), ours);
        let broken = worded.broken.unwrap();
        assert_eq!(broken.template, 1);
        assert_eq!(broken.problem.to_string(), "invalid operation in line 1");
    }

    #[test]
    fn an_sms_ends_in_the_line_that_binds_its_code() {
        let catalog = catalog(&json!({
            "autofill_domain": "acme.example",
            "templates": [{ "locale": "fr", "text": "{{ code }}\n" }],
        }));
        let check = |channel, locale: &'static str, given: &'static str, expect: &str| {
            let person = Person {
                channel,
                locale,
                given,
                ..SOMEBODY
            };
            assert_eq!(text(&catalog, &person), expect);
        };
        let line = "@acme.example #482913";
        check(
            Channel::Sms,
            "",
            "It is 482913. ",
            &format!("It is 482913.\n\n{line}"),
        );
        check(Channel::Sms, "fr", "", &format!("482913\n\n{line}"));
        check(Channel::Whatsapp, "", "It is 482913", "It is 482913");
        // Whoever has written it already is not told twice.
        let given = "It is 482913\n@acme.example #482913";
        check(Channel::Sms, "", given, given);
    }

    #[test]
    fn nothing_of_a_message_is_printed() {
        let person = Person {
            name: "Ana",
            ..SOMEBODY
        };
        let shown = format!("{:?}", word(&catalog(&json!({})), &person));
        assert!(!shown.contains("482913"), "{shown}");
    }
}
