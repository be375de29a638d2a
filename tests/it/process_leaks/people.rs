//! The people whose codes are sent, and everything about them that is nobody else's business.

use serde_json::{Value, json};

use crate::support::{line::hook, secrets::Secrets};

/// Everybody so far, and every answer that was given about them.
#[derive(Default)]
pub(super) struct People {
    /// What must not be found.
    pub(super) secrets: Secrets,
    /// What any door ever answered.
    pub(super) answers: String,
    sent: Vec<String>,
    count: usize,
}

/// Somebody who wants a code.
pub(super) struct Person {
    /// The event, or idempotency key.
    pub(super) event: String,
    /// Okta's id of the request, which is no secret.
    pub(super) reference: String,
    /// The number.
    pub(super) phone: String,
    /// The code.
    pub(super) code: String,
    /// The user's id.
    pub(super) user: String,
    /// The sign-in name.
    pub(super) login: String,
    /// The first and the last name.
    pub(super) names: [String; 2],
    /// LINE's id of the user.
    pub(super) line: String,
    /// The address from which the user came.
    pub(super) ip: String,
}

impl People {
    /// Somebody new, whose number ends with these four digits.
    pub(super) fn person(&mut self, digits: &str) -> Person {
        let phone = format!("+1415{}{digits}", 300 + self.count);
        self.with_phone(&phone)
    }

    /// Somebody new with this number.
    pub(super) fn with_phone(&mut self, phone: &str) -> Person {
        self.count += 1;
        let n = self.count;
        let person = Person {
            event: format!("event-{n}-of-nobody-else"),
            reference: format!("req-leak-{n}"),
            phone: phone.to_owned(),
            // Ten digits: six of them would be found by chance among the microseconds of a log.
            code: format!("{:010}", 7_310_552_600 + n * 7919),
            user: format!("00uPrivate{n}User"),
            login: format!("zephyrine.{n}@quillfeather.example"),
            names: [format!("Zephyrine{n}"), format!("Quillfeather{n}")],
            line: format!("U{n:032x}"),
            ip: format!("198.51.100.{n}"),
        };
        self.secrets.number(phone);
        let Person {
            event,
            code,
            user,
            login,
            line,
            ip,
            ..
        } = &person;
        for text in [event, code, user, login, line, ip] {
            self.secrets.text(text);
        }
        self.secrets.text(&person.names[0]);
        self.secrets.text(&person.names[1]);
        person
    }

    /// Notes that this code must have come to the provider.
    pub(super) fn must_arrive(&mut self, person: &Person) {
        self.sent.push(person.code.clone());
    }

    /// Every code that must have come to the provider.
    pub(super) fn sent(&self) -> &[String] {
        &self.sent
    }

    /// Keeps an answer, to be searched at the end.
    pub(super) fn hear(&mut self, answer: &str) {
        self.answers.push_str(answer);
        self.answers.push('\n');
    }
}

impl Person {
    /// The hook that asks for the code.
    pub(super) fn hook(&self) -> Value {
        let mut body = hook(&self.event, &self.phone, &self.code);
        body["data"]["context"]["request"] = json!({
            "id": self.reference,
            "ipAddress": self.ip,
            "url": { "value": "/idp/idx/challenge" },
        });
        body["data"]["userProfile"] = json!({
            "firstName": self.names[0],
            "lastName": self.names[1],
            "login": self.login,
            "userId": self.user,
        });
        body
    }
}
