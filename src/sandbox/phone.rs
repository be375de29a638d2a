//! A simulated phone on the terminal: draws a message as it arrives, and says how to send the next one.

use jiff::{Timestamp, tz::TimeZone};

use super::{
    inbox::Message,
    terminal::{columns, printable, width},
};
use crate::domain::channel::Channel;

/// Columns of text on the phone's screen.
const SCREEN: usize = 34;

/// The phone on which `message` has just arrived, and below it the command `next`, which sends another one.
pub fn ring(message: &Message, next: &str) -> String {
    let edge = "─".repeat(SCREEN + 2);
    let top = title(message);
    let lines = wrap(&printable(&message.body));
    let text: String = lines.iter().map(|text| line(text)).collect();
    let head = line(&head(message));
    let from = printable(&message.from);
    format!(
        "  ╭{top}╮\n{head}  ├{edge}┤\n{text}  ╰{edge}╯\n  from {from}; the next one:\n  {next}\n"
    )
}

/// The upper edge, with the way the message came.
fn title(message: &Message) -> String {
    let way = name(message.channel);
    let way = match &message.language {
        Some(language) => format!("─ {way}, {} ", printable(language)),
        None => format!("─ {way} "),
    };
    let rest = (SCREEN + 2).saturating_sub(columns(&way));
    format!("{way}{}", "─".repeat(rest))
}

/// The channel as it is called on a phone.
pub fn name(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "SMS",
        Channel::Voice => "Call",
        Channel::Whatsapp => "WhatsApp",
        Channel::Line => "LINE",
    }
}

/// The number on the left, the time on the right. Of an id that is too long for both, the ends are shown.
fn head(message: &Message) -> String {
    let (to, time) = (printable(&message.to), time(message.received_at));
    let to = match (to.get(..8), to.get(to.len().saturating_sub(4)..)) {
        (Some(begin), Some(end)) if columns(&to) > 20 => format!("{begin}…{end}"),
        _ => to,
    };
    let gap = SCREEN.saturating_sub(columns(&to) + columns(&time));
    format!("{to}{}{time}", " ".repeat(gap))
}

fn time(unix_ms: u64) -> String {
    let moment = i64::try_from(unix_ms).ok();
    let moment = moment.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let time = moment.map(|moment| {
        moment
            .to_zoned(TimeZone::UTC)
            .strftime("%H:%M:%S UTC")
            .to_string()
    });
    time.unwrap_or_default()
}

fn line(text: &str) -> String {
    let padding = " ".repeat(SCREEN.saturating_sub(columns(text)));
    format!("  │ {text}{padding} │\n")
}

/// Lines that fit the screen, broken between words where that is possible.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && columns(&line) + 1 + columns(word) > SCREEN {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            place(word, &mut line, &mut lines);
        }
        lines.push(line);
    }
    lines
}

/// Puts a word on the line; one that is longer than the screen is cut.
fn place(word: &str, line: &mut String, lines: &mut Vec<String>) {
    for character in word.chars() {
        if columns(line) + width(character) > SCREEN {
            lines.push(std::mem::take(line));
        }
        line.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Message {
        Message {
            sid: "SM0".to_owned(),
            channel: Channel::Sms,
            to: "+819012345678".to_owned(),
            from: "+15005550006".to_owned(),
            body: body.to_owned(),
            language: None,
            validity: None,
            received_at: 1_772_442_930_000,
        }
    }

    #[test]
    fn a_message_arrives() {
        let shown = ring(&message("Your code is 482913"), "tollgate hook");
        let expect = "  \
  ╭─ SMS ──────────────────────────────╮
  │ +819012345678         09:15:30 UTC │
  ├────────────────────────────────────┤
  │ Your code is 482913                │
  ╰────────────────────────────────────╯
  from +15005550006; the next one:
  tollgate hook
";
        assert_eq!(shown, expect);
    }

    #[test]
    fn calls_and_long_ids_fit() {
        let call = Message {
            channel: Channel::Voice,
            to: "U0123456789abcdef0123456789abcdef".to_owned(),
            language: Some("pt-BR".to_owned()),
            ..message("Your code is 4, 8.")
        };
        let shown = ring(&call, "next");
        let expect = "  \
  ╭─ Call, pt-BR ──────────────────────╮
  │ U0123456…cdef         09:15:30 UTC │
";
        assert!(shown.starts_with(expect), "{shown}");
    }

    #[test]
    fn long_and_wide_texts_stay_inside() {
        for body in [
            "Your Acme verification code is 482913. Never share it with anybody.",
            "認証コードは482913です。誰にも教えないでください。五分間有効です。",
            &"x".repeat(100),
            "line\n\nline\u{1b}[31m red?\tno",
        ] {
            let shown = ring(&message(body), "next");
            let lines: Vec<_> = shown.lines().filter(|line| line.contains('│')).collect();
            assert!(lines.len() > 2, "{shown}");
            for line in lines {
                assert_eq!(columns(line), SCREEN + 6, "{shown}");
            }
            assert!(!shown.contains('\u{1b}'));
        }
    }
}
