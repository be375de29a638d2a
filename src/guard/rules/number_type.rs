//! Codes go only to types of numbers that a person carries: no premium-rate lines, no toll-free numbers.

use crate::{
    domain::{
        channel::{Channel, Channels},
        phone::NumberType,
        verdict::Refusal,
    },
    error::Reason,
};

/// The rule's name.
pub const RULE: &str = "number_type";

/// The channels of `wanted` that may reach a number of this type.
pub fn channels(
    kind: NumberType,
    wanted: Channels,
    message: &[NumberType],
    voice: &[NumberType],
) -> Channels {
    let may = |channel: &Channel| match channel {
        Channel::Voice => voice.contains(&kind),
        Channel::Sms | Channel::Whatsapp | Channel::Line => message.contains(&kind),
    };
    let wanted = Channel::ALL.into_iter().filter(|c| wanted.contains(*c));
    wanted.filter(may).collect()
}

/// Refuses a number that no wanted channel may reach. Where none is wanted there is nothing to say of the number.
pub fn check(kind: NumberType, wanted: Channels, allowed: Channels) -> Result<(), Refusal> {
    if wanted.is_empty() || !allowed.is_empty() {
        return Ok(());
    }
    Err(Refusal {
        rule: RULE.into(),
        reason: Reason::NumberTypeNotAllowed,
        key: "number_type",
        level: kind.as_str().to_owned(),
        threshold: "a type that this channel may reach".to_owned(),
        retry_after: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn landlines_get_calls_and_no_messages() {
        let message = [NumberType::Mobile];
        let voice = [NumberType::Mobile, NumberType::FixedLine];
        let check = |kind, wanted, expect| {
            assert_eq!(channels(kind, wanted, &message, &voice), expect, "{kind:?}");
        };
        let sms = Channels::NONE.with(Channel::Sms);
        let both = sms.with(Channel::Voice);
        check(NumberType::Mobile, both, both);
        check(
            NumberType::FixedLine,
            both,
            Channels::NONE.with(Channel::Voice),
        );
        check(NumberType::FixedLine, sms, Channels::NONE);
        check(NumberType::PremiumRate, both, Channels::NONE);
    }

    #[test]
    fn no_channel_is_a_refusal() {
        let check = |allowed| super::check(NumberType::Pager, Channels::ALL, allowed);
        assert!(check(Channels::NONE).is_err());
        assert!(check(Channels::ALL).is_ok());
    }
}
