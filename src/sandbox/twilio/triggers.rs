//! The numbers that make the simulated vendor fail: the last four digits of a destination choose how.

use std::fmt::Write;

use http::StatusCode;

use super::answer::Refusal;

/// One way to fail.
#[derive(Debug)]
pub struct Trigger {
    /// The last four digits of the destination.
    pub suffix: &'static str,
    /// What happens.
    pub effect: Effect,
    /// What happens, for people.
    pub says: &'static str,
}

/// What a trigger does.
#[derive(Debug)]
pub enum Effect {
    /// The request is refused with this answer.
    Refuse(Refusal),
    /// A page that no API should answer; the message is not taken.
    Outage,
    /// The message is taken, the answer is late.
    Slow,
    /// The message is taken, the connection is closed without an answer.
    Lost,
    /// Nothing happens, ever; the message is not taken.
    Hang,
    /// The message is taken, the answer does not name it.
    Nameless,
    /// The message is taken, the answer has ten mebibytes.
    Flood,
    /// The message is taken, the answer is no JSON.
    Garbage,
}

/// Every trigger. `--help` and the handler read this table; there is no other list.
pub const TRIGGERS: &[Trigger] = &[
    trigger(
        "0001",
        refuse(400, 21211, "Invalid 'To' Phone Number."),
        "invalid number: error 21211",
    ),
    trigger(
        "0002",
        refuse(400, 21610, "Attempt to send to unsubscribed recipient."),
        "opted out: error 21610",
    ),
    trigger(
        "0003",
        refuse(429, 20429, "Too Many Requests."),
        "throttled: error 20429",
    ),
    trigger(
        "0004",
        refuse(400, 21408, "Permission to send to this region is missing."),
        "no permission for the country: error 21408",
    ),
    trigger(
        "0005",
        refuse(400, 30450, "Message blocked: suspected SMS pumping."),
        "blocked as fraud: error 30450",
    ),
    trigger("0006", Effect::Outage, "outage: 503 with an HTML page"),
    trigger(
        "0007",
        Effect::Slow,
        "slow: delivered at once, answered after 1.2 s",
    ),
    trigger(
        "0008",
        Effect::Lost,
        "lost: delivered, but the connection closes without an answer",
    ),
    trigger("0009", Effect::Hang, "hangs: not delivered, never answered"),
    trigger("0010", Effect::Nameless, "delivered: 201 without a sid"),
    trigger("0011", Effect::Flood, "delivered: 201 with 10 MiB"),
    trigger("0012", Effect::Garbage, "delivered: 200 with garbage"),
];

/// The trigger of this destination, if it has one.
pub fn of(to: &str) -> Option<&'static Trigger> {
    TRIGGERS.iter().find(|trigger| to.ends_with(trigger.suffix))
}

/// The table for people, a line each.
pub fn table() -> String {
    let mut text = String::new();
    for Trigger { suffix, says, .. } in TRIGGERS {
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "  ...{suffix}  {says}");
    }
    text
}

const fn trigger(suffix: &'static str, effect: Effect, says: &'static str) -> Trigger {
    Trigger {
        suffix,
        effect,
        says,
    }
}

const fn refuse(status: u16, code: u32, message: &'static str) -> Effect {
    let Ok(status) = StatusCode::from_u16(status) else {
        panic!("the table has a status that HTTP does not know");
    };
    Effect::Refuse(Refusal {
        status,
        code,
        message,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::domain::phone::PhoneNumber;

    #[test]
    fn suffixes_are_four_digits_and_differ() {
        let suffixes: HashSet<_> = TRIGGERS.iter().map(|trigger| trigger.suffix).collect();
        assert_eq!(suffixes.len(), TRIGGERS.len());
        for suffix in suffixes {
            assert!(
                suffix.len() == 4 && suffix.bytes().all(|b| b.is_ascii_digit()),
                "{suffix}"
            );
            assert_eq!(
                of(&format!("+1415555{suffix}")).map(|t| t.suffix),
                Some(suffix)
            );
        }
        assert!(of("+14155550123").is_none());
    }

    #[test]
    fn every_suffix_stands_on_valid_numbers() {
        for start in ["+1415555", "+81901234", "+447911 12"] {
            for Trigger { suffix, .. } in TRIGGERS {
                let number = format!("{start}{suffix}");
                assert!(PhoneNumber::parse(&number).is_some(), "{number}");
            }
        }
    }

    #[test]
    fn the_table_names_every_trigger() {
        let table = table();
        assert_eq!(table.lines().count(), TRIGGERS.len());
        assert!(table.starts_with("  ...0001  invalid number: error 21211\n"));
    }
}
