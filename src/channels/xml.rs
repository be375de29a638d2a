//! Text inside XML: what would end its place is written as a reference.

use std::fmt::Write;

/// The text as it stands between tags or in an attribute's quotes; a parser reads the very same text back. What XML
/// cannot carry at all becomes a space.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // Parsers make one line end of two, and spaces of those in attributes; a reference they leave alone.
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use xml::{EventReader, reader::XmlEvent};

    use super::*;

    /// The text and the attribute that a parser reads from a document that has this text in both places.
    fn read_back(text: &str) -> (String, String) {
        let text = escape(text);
        let document = format!("<a b=\"{text}\">{text}</a>");
        let (mut between, mut attribute) = (String::new(), String::new());
        for event in EventReader::from_str(&document) {
            let event = event.unwrap();
            if let XmlEvent::StartElement { attributes, .. } = &event {
                attribute.clone_from(&attributes[0].value);
            }
            if let XmlEvent::Characters(text) | XmlEvent::Whitespace(text) = event {
                between.push_str(&text);
            }
        }
        (between, attribute)
    }

    #[test]
    fn nasty_texts_come_back_as_they_were() {
        for text in [
            "Your code is 4, 8, 2, 9, 1, 3.",
            "</Say><Hangup/><Say>",
            "\"it's\" &amp; ]]> <![CDATA[ <!-- -->",
            " two  spaces, a\ttab,\r\nlines\n\r ",
            "🔑 \u{202e}شفرة",
        ] {
            let expect = (text.to_owned(), text.to_owned());
            assert_eq!(read_back(text), expect);
        }
        assert_eq!(escape("a\0b\u{8}c\u{ffff}"), "a b c ");
    }

    proptest! {
        #[test]
        fn every_printable_text_comes_back(text in "\\PC{1,40}") {
            let carried = text.replace(['\u{fffe}', '\u{ffff}'], " ");
            prop_assert_eq!(read_back(&text), (carried.clone(), carried));
        }
    }
}
