//! Which channels, in which order: the request's own list, else the identity provider's profile, else the tenant's
//! default; within what the caller's screen promised.

use crate::domain::channel::{Channel, Family};

/// Everybody's say in the matter.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'a> {
    /// The request's explicit list; overrides every preference.
    pub explicit: &'a [Channel],
    /// The list in the identity provider's profile.
    pub profile: &'a [Channel],
    /// The tenant's default.
    pub default: &'a [Channel],
    /// What the caller's screen promised; `None` where it did not say.
    pub family: Option<Family>,
    /// Whether SMS is tried last when nobody asked for it.
    pub last_resort_sms: bool,
}

/// The channels to try, in order. A screen that promised nothing is read as a message, unless the request names its
/// channels itself; an explicit list is taken as it is, without a last resort.
pub fn channels(wishes: &Wishes<'_>) -> Vec<Channel> {
    let (wanted, family) = if wishes.explicit.is_empty() {
        let family = wishes.family.unwrap_or(Family::Message);
        (preferred(wishes, family), Some(family))
    } else {
        (wishes.explicit, wishes.family)
    };
    let fits = |channel: &Channel| family.is_none_or(|family| channel.family() == family);
    let mut channels: Vec<_> = wanted.iter().copied().filter(fits).collect();
    if channels.is_empty() && family == Some(Family::Voice) {
        channels.push(Channel::Voice);
    }
    let open = wishes.explicit.is_empty() && family != Some(Family::Voice);
    if wishes.last_resort_sms && open && !channels.contains(&Channel::Sms) {
        channels.push(Channel::Sms);
    }
    channels
}

/// The first list that says anything about this family.
fn preferred<'a>(wishes: &Wishes<'a>, family: Family) -> &'a [Channel] {
    let says = |list: &[Channel]| list.iter().any(|channel| channel.family() == family);
    if says(wishes.profile) {
        wishes.profile
    } else {
        wishes.default
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Channel::{Line, Sms, Voice, Whatsapp};

    const NOBODY: Wishes<'static> = Wishes {
        explicit: &[],
        profile: &[],
        default: &[Sms],
        family: None,
        last_resort_sms: true,
    };

    #[test]
    fn the_narrowest_wish_wins() {
        let check = |wishes: Wishes<'_>, expect: &[Channel]| {
            assert_eq!(channels(&wishes), expect, "{wishes:?}");
        };
        check(NOBODY, &[Sms]);
        check(
            Wishes {
                profile: &[Whatsapp],
                ..NOBODY
            },
            &[Whatsapp, Sms],
        );
        check(
            Wishes {
                profile: &[Whatsapp],
                explicit: &[Line, Sms],
                ..NOBODY
            },
            &[Line, Sms],
        );
        check(
            Wishes {
                profile: &[Line],
                last_resort_sms: false,
                ..NOBODY
            },
            &[Line],
        );
        check(
            Wishes {
                profile: &[Voice],
                ..NOBODY
            },
            &[Sms],
        );
        check(
            Wishes {
                default: &[Whatsapp, Sms],
                ..NOBODY
            },
            &[Whatsapp, Sms],
        );
    }

    #[test]
    fn a_promised_call_is_a_call_and_nothing_else() {
        let voice = Wishes {
            family: Some(Family::Voice),
            ..NOBODY
        };
        assert_eq!(channels(&voice), [Voice]);
        assert_eq!(
            channels(&Wishes {
                profile: &[Whatsapp],
                ..voice
            }),
            [Voice]
        );
        assert_eq!(
            channels(&Wishes {
                explicit: &[Sms],
                ..voice
            }),
            [Voice]
        );
    }

    #[test]
    fn explicit_channels_need_no_promise() {
        let explicit = Wishes {
            explicit: &[Voice],
            ..NOBODY
        };
        assert_eq!(channels(&explicit), [Voice]);
        let written = Wishes {
            family: Some(Family::Message),
            ..explicit
        };
        assert!(channels(&written).is_empty());
    }
}
