//! What a call says: the vendor's XML, read as far as it makes somebody speak.

use roxmltree::{Document, Node};

/// Most times that a text is repeated here; the vendor itself would go on for ever.
const MAX_LOOPS: usize = 10;

/// What the person who answers hears.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Spoken {
    /// The sentences, a line for each.
    pub(super) text: String,
    /// The language of the first one.
    pub(super) language: Option<String>,
}

/// Reads a document; `None` where it is none, or begins with anything else than `Response`.
pub(super) fn read(xml: &str) -> Option<Spoken> {
    let document = Document::parse(xml).ok()?;
    let response = document.root_element();
    response.has_tag_name("Response").then_some(())?;
    let mut lines = Vec::new();
    let mut language = None;
    for say in response.children().filter(|node| node.has_tag_name("Say")) {
        lines.extend(std::iter::repeat_n(text_of(say), loops(say)));
        let spoken = say.attribute("language").map(str::to_owned);
        language = language.or(spoken);
    }
    Some(Spoken {
        text: lines.join("\n"),
        language,
    })
}

/// The text of an element, with that of the elements in it.
fn text_of(say: Node<'_, '_>) -> String {
    let texts = say.descendants().filter(Node::is_text);
    let text: String = texts.filter_map(|node| node.text()).collect();
    text.trim().to_owned()
}

/// How often a text is spoken; zero means without end.
fn loops(say: Node<'_, '_>) -> usize {
    let loops = say.attribute("loop").and_then(|text| text.parse().ok());
    match loops {
        None => 1,
        Some(0) => MAX_LOOPS,
        Some(loops) => MAX_LOOPS.min(loops),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_hears_what_is_said() {
        let xml = "<Response><Pause length=\"1\"/>\
            <Say language=\"en-US\">Your code is 1, 2, 3, 4, 5, 6.</Say><Pause length=\"1\"/>\
            <Say language=\"en-US\">Again: 1, 2, 3, 4, 5, 6.</Say></Response>";
        let spoken = read(xml).expect("a document");
        assert_eq!(
            spoken.text,
            "Your code is 1, 2, 3, 4, 5, 6.\nAgain: 1, 2, 3, 4, 5, 6."
        );
        assert_eq!(spoken.language.as_deref(), Some("en-US"));
    }

    #[test]
    fn characters_are_unescaped_and_marks_left_out() {
        let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>\
            <Say loop=\"2\">A &amp; B &lt;<say-as interpret-as=\"digits\">12</say-as></Say></Response>";
        let spoken = read(xml).expect("a document");
        assert_eq!(spoken.text, "A & B <12\nA & B <12");
        assert_eq!(spoken.language, None);
    }

    #[test]
    fn what_is_no_document_says_nothing() {
        for bad in [
            "",
            "Your code",
            "<Response><Say>A & B</Say></Response>",
            "<Response><Say>1</Response>",
            "<response/>",
            "<!DOCTYPE r [<!ENTITY a \"b\">]><Response/>",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read("<Response/>"), Some(Spoken::default()));
    }

    #[test]
    fn endless_loops_end() {
        for loops in ["0", "1000000"] {
            let xml = format!("<Response><Say loop=\"{loops}\">1</Say></Response>");
            let spoken = read(&xml).expect("a document");
            assert_eq!(spoken.text.lines().count(), MAX_LOOPS);
        }
    }
}
