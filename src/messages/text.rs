//! The words around a code: what a message says when its caller gave no text, and what a call says.

use std::time::Duration;

use crate::domain::{channel::Family, passcode::Passcode, privacy::Private};

/// On its way here a life of five minutes loses a moment; it is still told as five minutes.
const LOST_ON_THE_WAY: u64 = 10;

/// What a text is made of.
#[derive(Clone, Copy, Debug)]
pub struct Wording<'a> {
    /// The text that the caller rendered; empty where it gave none.
    pub given: &'a Private,
    /// The code.
    pub code: &'a Passcode,
    /// Whose code it is; may be empty.
    pub brand: &'a str,
    /// How long the code lives.
    pub valid_for: Duration,
}

impl Wording<'_> {
    /// The text for channels of this family. Messages carry the caller's text as it is, and ours where there is none;
    /// a call always speaks the code, as no rendered text can be listened to.
    pub fn text(&self, family: Family) -> Private {
        match family {
            Family::Voice => spoken(self.code),
            Family::Message if self.given.expose().trim().is_empty() => self.message(),
            Family::Message => self.given.clone(),
        }
    }

    fn message(&self) -> Private {
        let brand = self.brand.trim();
        let space = if brand.is_empty() { "" } else { " " };
        let code = self.code.expose();
        let life = life(self.valid_for);
        Private::new(format!(
            "Your{space}{brand} verification code is {code}. It expires in {life}."
        ))
    }
}

/// Characters apart, so that none is swallowed, and twice, for who picked up a pen too late.
fn spoken(code: &Passcode) -> Private {
    let code = code.expose();
    let mut apart = String::with_capacity(code.len() * 3);
    for c in code.chars() {
        apart.push_str(if apart.is_empty() { "" } else { ", " });
        apart.push(c);
    }
    Private::new(format!("Your code is {apart}. Again: {apart}."))
}

fn life(left: Duration) -> String {
    match left.as_secs().saturating_add(LOST_ON_THE_WAY) / 60 {
        0 => "less than a minute".to_owned(),
        1 => "1 minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(given: &str, code: &str, brand: &str, seconds: u64, family: Family) -> String {
        let wording = Wording {
            given: &Private::new(given),
            code: &Passcode::parse(code).unwrap(),
            brand,
            valid_for: Duration::from_secs(seconds),
        };
        wording.text(family).expose().to_owned()
    }

    #[test]
    fn a_given_text_is_sent_as_it_is() {
        let given = " Ihr Code: 482913\n\u{202e}\"<&>🔑 ";
        assert_eq!(text(given, "482913", "Acme", 300, Family::Message), given);
    }

    #[test]
    fn our_own_text_says_whose_code_it_is_and_how_long_it_lives() {
        let check = |brand: &str, seconds: u64, expect: &str| {
            assert_eq!(text("", "482913", brand, seconds, Family::Message), expect);
        };
        check(
            "Acme",
            300,
            "Your Acme verification code is 482913. It expires in 5 minutes.",
        );
        check(
            "",
            298,
            "Your verification code is 482913. It expires in 5 minutes.",
        );
        check(
            " ",
            289,
            "Your verification code is 482913. It expires in 4 minutes.",
        );
        check(
            "Acme",
            60,
            "Your Acme verification code is 482913. It expires in 1 minute.",
        );
        check(
            "Acme",
            49,
            "Your Acme verification code is 482913. It expires in less than a minute.",
        );
        assert_eq!(
            text(" \n", "1", "", 300, Family::Message),
            "Your verification code is 1. It expires in 5 minutes."
        );
    }

    #[test]
    fn a_call_speaks_the_code_apart_and_twice() {
        let spoken = text("Your code is 482913", "482913", "Acme", 300, Family::Voice);
        assert_eq!(
            spoken,
            "Your code is 4, 8, 2, 9, 1, 3. Again: 4, 8, 2, 9, 1, 3."
        );
        let letters = text("", "aB0", "", 300, Family::Voice);
        assert_eq!(letters, "Your code is a, B, 0. Again: a, B, 0.");
    }
}
