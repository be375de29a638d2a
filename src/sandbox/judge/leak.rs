//! Finds the code and the number that were sent in any text of an answer, however they are written.

use serde_json::Value;

use super::Sent;

/// A code shorter than this is found everywhere and proves nothing.
const LEAST_CODE: usize = 4;
/// So many last digits of a number tell whose it is.
const TELLING_DIGITS: usize = 8;
/// From this length on a word of hex digits is an id, in which a code may stand by chance.
const ID_LENGTH: usize = 24;

/// What may not be found.
pub(super) struct Leaks {
    code: Option<String>,
    phone: Option<String>,
}

impl Leaks {
    /// Looks for what was sent.
    pub(super) fn of(sent: Sent<'_>) -> Self {
        let code = squeezed(sent.code);
        let phone: String = sent.phone.chars().filter(char::is_ascii_digit).collect();
        let telling = phone.len().checked_sub(TELLING_DIGITS);
        Self {
            code: (code.len() >= LEAST_CODE).then_some(code),
            phone: telling.map(|start| phone[start..].to_owned()),
        }
    }

    /// Goes through every text and name of an answer.
    pub(super) fn find(&self, answer: &Value, problems: &mut Vec<String>) {
        self.value(answer, "", problems);
    }

    fn value(&self, value: &Value, path: &str, problems: &mut Vec<String>) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => self.text(&number.to_string(), path, problems),
            Value::String(text) => self.text(text, path, problems),
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.value(item, &format!("{path}[{at}]"), problems);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.member(name, member, path, problems);
                }
            }
        }
    }

    fn member(&self, name: &str, value: &Value, path: &str, problems: &mut Vec<String>) {
        let before = problems.len();
        self.text(name, path, problems);
        // A name that leaks may not stand in the paths of problems either.
        let clean = problems.len() == before;
        let name = if clean { name } else { "?" };
        let dot = if path.is_empty() { "" } else { "." };
        self.value(value, &format!("{path}{dot}{name}"), problems);
    }

    fn text(&self, text: &str, path: &str, problems: &mut Vec<String>) {
        let text = squeezed(text);
        let holds = |what: &Option<String>| what.as_ref().is_some_and(|what| text.contains(what));
        if holds(&self.code) {
            problems.push(format!("{path} holds the code"));
        }
        if holds(&self.phone) {
            problems.push(format!("{path} holds the phone number"));
        }
    }
}

/// A text without its ids and without everything between letters and digits: `4 8 2-913` is `482913`.
fn squeezed(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words = words.filter(|word| !is_id(word));
    let mut squeezed = String::with_capacity(text.len());
    for word in words {
        squeezed.extend(word.chars().flat_map(char::to_lowercase));
    }
    squeezed
}

/// Hex digits, perhaps after two letters as in `SM0123…`.
fn is_id(word: &str) -> bool {
    let word = word.as_bytes();
    let hex = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
    word.len() >= ID_LENGTH && (hex(word) || hex(&word[2..]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(code: &str, text: &Value) -> Vec<String> {
        let phone = "+819012345678";
        let mut problems = Vec::new();
        Leaks::of(Sent { phone, code }).find(text, &mut problems);
        problems
    }

    #[test]
    fn a_code_is_found_in_any_writing() {
        for text in [
            "482913",
            "code482913.",
            "4 8 2 9 1 3",
            "482-913",
            "x=482913;",
        ] {
            assert_eq!(
                found("482913", &json!({ "a": [text] })),
                ["a[0] holds the code"]
            );
        }
        assert_eq!(
            found("482913", &json!({ "a": 482_913 })),
            ["a holds the code"]
        );
        assert_eq!(
            found("482913", &json!({ "x": { "482913": "482913" } })),
            ["x holds the code", "x.? holds the code"]
        );
        assert_eq!(
            found("aB3x9", &json!({ "a": "AB3X9" })),
            ["a holds the code"]
        );
    }

    #[test]
    fn a_number_is_found_with_and_without_its_country() {
        for text in ["+819012345678", "090-1234-5678", "(81) 90 1234 5678"] {
            let problem = ["a holds the phone number"];
            assert_eq!(found("482913", &json!({ "a": text })), problem, "{text}");
        }
    }

    #[test]
    fn masks_ids_and_other_digits_are_no_leak() {
        for text in [
            "+81********78",
            "dlv_0198f3a7c4b67d2e8a91482913d0e5f6",
            "SM0198f3a7c4b67d2e8a91482913d0e5f6",
            "attempts=2;took=48ms",
            "４８２９",
        ] {
            assert!(found("482913", &json!({ "a": text })).is_empty(), "{text}");
        }
        assert!(found("1", &json!({ "a": "attempts=1" })).is_empty());
    }
}
