//! Which channels, in which order: the request's own list, else the stored preference, else the identity provider's
//! profile, else the tenant's default; within what the caller's screen promised.

use crate::domain::channel::{Channel, Channels, Family};

/// Everybody's say in the matter.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'a> {
    /// The request's explicit list; overrides every preference.
    pub explicit: &'a [Channel],
    /// The list that a service has stored for the person.
    pub stored: &'a [Channel],
    /// The list in the identity provider's profile.
    pub profile: &'a [Channel],
    /// The tenant's default.
    pub default: &'a [Channel],
    /// What the caller's screen promised; `None` where it did not say.
    pub family: Option<Family>,
    /// Whether SMS is tried last when nobody asked for it.
    pub last_resort_sms: bool,
}

/// Whose wish decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The request's explicit list.
    Request,
    /// The stored preference.
    Stored,
    /// The identity provider's profile.
    Profile,
    /// The tenant's default.
    Tenant,
}

impl Source {
    /// The words of an explanation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "the request",
            Self::Stored => "the stored preference",
            Self::Profile => "the profile",
            Self::Tenant => "the tenant's default",
        }
    }
}

/// Whose wish decides.
pub fn source(wishes: &Wishes<'_>) -> Source {
    if wishes.explicit.is_empty() {
        preferred(wishes, wishes.family.unwrap_or(Family::Message)).0
    } else {
        Source::Request
    }
}

/// The channels to try, in order. A screen that promised nothing is read as a message, unless the request names its
/// channels itself; an explicit list is taken as it is, without a last resort.
pub fn channels(wishes: &Wishes<'_>) -> Vec<Channel> {
    let (wanted, family) = if wishes.explicit.is_empty() {
        let family = wishes.family.unwrap_or(Family::Message);
        (preferred(wishes, family).1, Some(family))
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

/// The channels to try where the guard sends a code another way, in order: those of the list that are offered, then what
/// is offered beside them. An explicit list is taken as it is, and what the screen promised is kept.
pub fn deflected(wishes: &Wishes<'_>, offered: Channels) -> Vec<Channel> {
    let mut channels = channels(wishes);
    if wishes.explicit.is_empty() {
        let family = wishes.family.unwrap_or(Family::Message);
        for beside in Channel::ALL {
            if beside.family() == family && !channels.contains(&beside) {
                channels.push(beside);
            }
        }
    }
    channels.retain(|channel| offered.contains(*channel));
    channels
}

/// The first list that says anything about this family, and whose it is.
fn preferred<'a>(wishes: &Wishes<'a>, family: Family) -> (Source, &'a [Channel]) {
    let lists = [
        (Source::Stored, wishes.stored),
        (Source::Profile, wishes.profile),
    ];
    let says = |list: &[Channel]| list.iter().any(|channel| channel.family() == family);
    let first = lists.into_iter().find(|(_, list)| says(list));
    first.unwrap_or((Source::Tenant, wishes.default))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Channel::{Line, Sms, Voice, Whatsapp};

    const NOBODY: Wishes<'static> = Wishes {
        explicit: &[],
        stored: &[],
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
    fn every_source_has_its_rank() {
        let check = |wishes: Wishes<'_>, expect: &[Channel], source: Source| {
            assert_eq!(channels(&wishes), expect, "{wishes:?}");
            assert_eq!(super::source(&wishes), source, "{wishes:?}");
        };
        let all = Wishes {
            explicit: &[Line],
            stored: &[Whatsapp],
            profile: &[Sms],
            ..NOBODY
        };
        check(all, &[Line], Source::Request);
        let stored = Wishes {
            explicit: &[],
            ..all
        };
        check(stored, &[Whatsapp, Sms], Source::Stored);
        let profile = Wishes {
            stored: &[],
            profile: &[Whatsapp, Sms],
            ..stored
        };
        check(profile, &[Whatsapp, Sms], Source::Profile);
        check(NOBODY, &[Sms], Source::Tenant);
        // A preference that says nothing of what the screen promised is none.
        let voice = Wishes {
            stored: &[Voice],
            ..profile
        };
        check(voice, &[Whatsapp, Sms], Source::Profile);
        let voice = Wishes {
            family: Some(Family::Voice),
            ..voice
        };
        check(voice, &[Voice], Source::Stored);
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

    #[test]
    fn a_deflection_offers_more_than_was_wished_but_not_more_than_was_said() {
        let free = Channels::NONE.with(Whatsapp).with(Line);
        let check = |wishes: Wishes<'_>, expect: &[Channel]| {
            assert_eq!(deflected(&wishes, free), expect, "{wishes:?}");
        };
        check(NOBODY, &[Whatsapp, Line]);
        let profile = Wishes {
            profile: &[Sms, Line],
            ..NOBODY
        };
        check(profile, &[Line, Whatsapp]);
        let explicit = Wishes {
            explicit: &[Sms, Line],
            ..NOBODY
        };
        check(explicit, &[Line]);
        let only_sms = Wishes {
            explicit: &[Sms],
            ..NOBODY
        };
        check(only_sms, &[]);
        let call = Wishes {
            family: Some(Family::Voice),
            ..NOBODY
        };
        check(call, &[]);
    }
}
