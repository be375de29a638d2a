//! Message objects: what one may be, and what a person reads of it.

use serde_json::Value;

use super::answer::Refusal;

/// Most messages in one request.
const MAX_MESSAGES: usize = 5;
/// Most characters of a text.
const MAX_TEXT: usize = 5000;
/// Most characters of the text that stands for a message where it cannot be shown.
const MAX_ALT_TEXT: usize = 1500;
/// Deeper boxes are not looked into.
const MAX_DEPTH: usize = 20;

/// What a person reads of the messages of a request, each one's text.
pub(super) fn read(body: &Value) -> Result<Vec<String>, Refusal> {
    let messages = body["messages"].as_array();
    let messages = messages.ok_or_else(|| Refusal::in_property("messages", "May not be null"))?;
    if !(1..=MAX_MESSAGES).contains(&messages.len()) {
        let text = "Size must be between 1 and 5";
        return Err(Refusal::in_property("messages", text));
    }
    let read = messages.iter().enumerate();
    read.map(|(index, message)| read_one(message, &format!("messages[{index}]")))
        .collect()
}

fn read_one(message: &Value, path: &str) -> Result<String, Refusal> {
    match message["type"].as_str() {
        Some("text") => text(message, path, "text", MAX_TEXT).map(str::to_owned),
        Some("flex") => {
            text(message, path, "altText", MAX_ALT_TEXT)?;
            let contents = &message["contents"];
            if !matches!(contents["type"].as_str(), Some("bubble" | "carousel")) {
                let property = format!("{path}.contents");
                return Err(Refusal::in_property(
                    &property,
                    "Must be bubble or carousel",
                ));
            }
            let mut lines = Vec::new();
            gather(contents, &mut lines, MAX_DEPTH);
            Ok(lines.join("\n"))
        }
        _ => {
            let property = format!("{path}.type");
            Err(Refusal::in_property(&property, "Must be a known type"))
        }
    }
}

fn text<'a>(
    message: &'a Value,
    path: &str,
    name: &str,
    longest: usize,
) -> Result<&'a str, Refusal> {
    let property = || format!("{path}.{name}");
    let text = message[name].as_str().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Refusal::in_property(&property(), "May not be empty"))?;
    if text.encode_utf16().count() > longest {
        return Err(Refusal::in_property(&property(), "Length is too long"));
    }
    Ok(text)
}

/// Collects the texts of a layout, in the order in which they stand.
fn gather(part: &Value, lines: &mut Vec<String>, depth: usize) {
    let (Some(depth), true) = (depth.checked_sub(1), part.is_object()) else {
        return;
    };
    if part["type"] == "text"
        && let Some(text) = part["text"].as_str()
    {
        lines.push(text.to_owned());
    }
    for place in ["header", "hero", "body", "footer"] {
        gather(&part[place], lines, depth);
    }
    for inner in part["contents"].as_array().into_iter().flatten() {
        gather(inner, lines, depth);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_read() {
        let read = read(&json!({ "messages": [
            { "type": "text", "text": "Your code is 482913" },
            { "type": "flex", "altText": "Your code", "contents": { "type": "bubble",
                "header": { "type": "box", "layout": "vertical", "contents": [{ "type": "text", "text": "Acme" }] },
                "body": { "type": "box", "layout": "vertical", "contents": [
                    { "type": "text", "text": "482913", "weight": "bold" },
                    { "type": "separator" },
                ] },
            } },
        ] }));
        let expect = ["Your code is 482913", "Acme\n482913"].map(str::to_owned);
        assert_eq!(read, Ok(expect.into()));
    }

    #[test]
    fn each_flaw_names_its_property() {
        let check = |messages: Value, property: &str| {
            let refusal = read(&json!({ "messages": messages })).expect_err(property);
            assert_eq!(refusal.detail.expect("a detail").property, property);
        };
        let text = json!({ "type": "text", "text": "x" });
        check(json!(null), "messages");
        check(json!([]), "messages");
        check(json!([text, text, text, text, text, text]), "messages");
        check(json!([{ "type": "poem" }]), "messages[0].type");
        check(json!([text, { "type": "text" }]), "messages[1].text");
        check(json!([{ "type": "text", "text": "" }]), "messages[0].text");
        let long = "x".repeat(5001);
        check(
            json!([{ "type": "text", "text": long }]),
            "messages[0].text",
        );
        check(json!([{ "type": "flex" }]), "messages[0].altText");
        check(
            json!([{ "type": "flex", "altText": "x", "contents": {} }]),
            "messages[0].contents",
        );
    }
}
