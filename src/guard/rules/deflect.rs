//! Before a person is refused, channels are offered that pay an attacker nothing.

use crate::{
    config::guard::DeflectTo,
    domain::{
        channel::{Channel, Channels},
        verdict::{Refusal, Verdict},
    },
};

/// To whom which channel is offered.
#[derive(Clone, Copy, Debug)]
pub struct Offers {
    /// WhatsApp.
    pub whatsapp: DeflectTo,
    /// LINE.
    pub line: DeflectTo,
}

/// A refusal softened: the channels of those that the number may have which are offered to this person. One that offers
/// none is a refusal.
pub fn soften(refusal: Refusal, offers: Offers, may: Channels, opted_in: Channels) -> Verdict {
    let offered = [
        (Channel::Whatsapp, offers.whatsapp),
        (Channel::Line, offers.line),
    ];
    let offered = offered.into_iter().filter(|(channel, to)| {
        let to_them = match to {
            DeflectTo::All => true,
            DeflectTo::OptedIn => opted_in.contains(*channel),
            DeflectTo::Nobody => false,
        };
        may.contains(*channel) && to_them
    });
    let channels: Channels = offered.map(|(channel, _)| channel).collect();
    if channels.is_empty() {
        return Verdict::Refuse(refusal);
    }
    Verdict::Deflect { channels, refusal }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Reason;

    #[test]
    fn who_has_opted_in_is_offered_what_is_free() {
        let none = Channels::NONE;
        let whatsapp = none.with(Channel::Whatsapp);
        let line = none.with(Channel::Line);
        let check = |offers: [DeflectTo; 2], may, opted_in, expect: Channels| {
            let refusal = Refusal {
                rule: "country_budget".into(),
                reason: Reason::BudgetExhausted,
                key: "country",
                level: String::new(),
                threshold: String::new(),
                retry_after: None,
            };
            let offers = Offers {
                whatsapp: offers[0],
                line: offers[1],
            };
            match soften(refusal, offers, may, opted_in) {
                Verdict::Deflect { channels, .. } => assert_eq!(channels, expect),
                Verdict::Refuse(_) => assert_eq!(expect, none),
                Verdict::Allow { .. } => panic!("what is refused is not allowed"),
            }
        };
        let (in_, all, nobody) = (DeflectTo::OptedIn, DeflectTo::All, DeflectTo::Nobody);
        check([in_, in_], Channels::ALL, none, none);
        check([in_, in_], Channels::ALL, whatsapp, whatsapp);
        check([in_, all], Channels::ALL, none, line);
        check([all, nobody], Channels::ALL, line, whatsapp);
        check([all, all], none.with(Channel::Voice), Channels::ALL, none);
        check([in_, in_], Channels::ALL, none.with(Channel::Sms), none);
    }
}
