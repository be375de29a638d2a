//! What must not be found anywhere: everything private that went into a gateway, in every writing in which it might
//! come out again.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Private texts, each with all its writings.
#[derive(Default)]
pub(crate) struct Secrets(Vec<(String, Vec<String>)>);

impl Secrets {
    /// Something that is private as it stands.
    pub(crate) fn text(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let list: Vec<_> = bytes.iter().map(u8::to_string).collect();
        let mut writings = vec![
            text.to_owned(),
            list.join(", "),
            hex::encode(bytes),
            hex::encode_upper(bytes),
        ];
        // A text inside base64 looks different at each of three places, and its ends depend on its neighbours.
        for (before, shared) in [(0, 0), (1, 2), (2, 3)] {
            let mut padded = vec![0; before];
            padded.extend(bytes);
            let coded = STANDARD.encode(padded);
            let coded = coded.trim_end_matches('=');
            writings.push(coded[shared..coded.len() - 1].to_owned());
        }
        self.0.push((text.to_owned(), writings));
    }

    /// A number in E.164 form: also its national part, which the other forms hold too, with the usual gaps.
    pub(crate) fn number(&mut self, number: &str) {
        let country = if number.starts_with("+1") { 2 } else { 3 };
        let national = &number[country..];
        self.text(national);
        let (area, rest) = national.split_at(3);
        let (exchange, line) = rest.split_at(3);
        for gap in ["-", " ", "."] {
            self.text(&format!("{exchange}{gap}{line}"));
        }
        self.text(&format!("({area}) {exchange}"));
    }

    /// Panics where a text has any of them, naming what was found and what stands around it.
    pub(crate) fn must_not_be_in(&self, place: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        for (name, writings) in &self.0 {
            for writing in writings {
                if let Some(at) = text.find(writing.as_str()) {
                    let from = text.floor_char_boundary(at.saturating_sub(300));
                    let to = text.ceil_char_boundary((at + writing.len() + 100).min(text.len()));
                    panic!("{place} has {name} as {writing}:\n{}", &text[from..to]);
                }
            }
        }
    }
}

/// The search must be able to find, or the other tests would say nothing.
#[test]
fn every_writing_is_found() {
    let mut secrets = Secrets::default();
    secrets.text("hunter2hunter2");
    secrets.number("+14155550123");
    let found = |text: &str| {
        let search = std::panic::AssertUnwindSafe(|| secrets.must_not_be_in("it", text.as_bytes()));
        std::panic::catch_unwind(search).is_err()
    };
    for text in [
        "token=hunter2hunter2;",
        "To=%2B14155550123&Body",
        "[52, 49, 53, 53, 53, 53, 48, 49, 50, 51]",
        "call (415) 555-0123",
        "68756e7465723268756e74657232",
    ] {
        assert!(found(text), "{text}");
    }
    for before in ["", "a", "ab", "abc", "user:"] {
        let coded = STANDARD.encode(format!("{before}hunter2hunter2 and more"));
        assert!(found(&coded), "{coded}");
    }
    assert!(!found("+1********23 hunter 14155550199"));
}
