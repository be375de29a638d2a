//! The destinations that make simulated vendors fail: the last four characters of a number, or of a LINE user id, choose
//! how.

use std::fmt::Write;

/// One way to fail.
#[derive(Debug)]
pub struct Trigger {
    /// The last four characters of the destination.
    pub suffix: &'static str,
    /// What happens.
    pub mishap: Mishap,
    /// What happens, for people.
    pub says: &'static str,
}

/// What a trigger does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The request is refused in the vendor's own words. A vendor that knows no such refusal delivers.
    Refused(Grounds),
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

/// Why a vendor refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grounds {
    /// There is no such recipient.
    Invalid,
    /// The recipient wants nothing more of this sender.
    OptedOut,
    /// Too many requests.
    Throttled,
    /// The account may not send to the recipient's country.
    Country,
    /// The vendor takes it for fraud.
    Fraud,
    /// The recipient has a phone, but neither WhatsApp nor LINE.
    NotThere,
    /// Too many requests, at the vendor that the sandbox's routes ask first.
    FirstThrottled,
}

/// Every trigger. `--help` and the simulators read this table; there is no other list.
pub const TRIGGERS: &[Trigger] = &[
    refused("0001", Grounds::Invalid, "invalid number"),
    refused("0002", Grounds::OptedOut, "opted out"),
    refused("0003", Grounds::Throttled, "throttled"),
    refused("0004", Grounds::Country, "no permission for the country"),
    refused("0005", Grounds::Fraud, "blocked as fraud"),
    trigger("0006", Mishap::Outage, "outage: 503 with an HTML page"),
    trigger(
        "0007",
        Mishap::Slow,
        "slow: delivered at once, answered after 1.2 s",
    ),
    trigger(
        "0008",
        Mishap::Lost,
        "lost: delivered, but the connection closes without an answer",
    ),
    trigger("0009", Mishap::Hang, "hangs: not delivered, never answered"),
    trigger(
        "0010",
        Mishap::Nameless,
        "delivered: answered without an id",
    ),
    trigger("0011", Mishap::Flood, "delivered: answered with 10 MiB"),
    trigger("0012", Mishap::Garbage, "delivered: answered with garbage"),
    refused(
        "0013",
        Grounds::NotThere,
        "neither on WhatsApp nor on LINE; a phone otherwise",
    ),
    refused(
        "0014",
        Grounds::FirstThrottled,
        "throttled by the channel's first provider only",
    ),
];

/// What happens to a message for this destination, if anything.
pub fn of(to: &str) -> Option<Mishap> {
    let found = TRIGGERS.iter().find(|trigger| to.ends_with(trigger.suffix));
    found.map(|trigger| trigger.mishap)
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

const fn trigger(suffix: &'static str, mishap: Mishap, says: &'static str) -> Trigger {
    Trigger {
        suffix,
        mishap,
        says,
    }
}

const fn refused(suffix: &'static str, grounds: Grounds, says: &'static str) -> Trigger {
    trigger(suffix, Mishap::Refused(grounds), says)
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
        for Trigger { suffix, mishap, .. } in TRIGGERS {
            assert!(
                suffix.len() == 4 && suffix.bytes().all(|b| b.is_ascii_digit()),
                "{suffix}"
            );
            assert_eq!(of(&format!("+1415555{suffix}")), Some(*mishap));
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
        assert!(table.starts_with("  ...0001  invalid number\n"));
    }
}
