//! The states of an attempt and of a delivery, and which may follow which.

/// Where an attempt, or the delivery it belongs to, stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Recorded, and the provider is being asked.
    Sending,
    /// A provider took responsibility for the message.
    Accepted,
    /// The provider handed the message on.
    Sent,
    /// The message reached the person's device.
    Delivered,
    /// The person opened the message, or answered the call.
    Read,
    /// The provider reported that the message did not arrive.
    Undelivered,
    /// Certainly not sent.
    Failed,
    /// Perhaps sent; never sent again.
    Unconfirmed,
    /// The code expired before anything could be sent.
    Expired,
    /// Refused by the guard or by a provider's fraud protection.
    Refused,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Sending,
        Self::Accepted,
        Self::Sent,
        Self::Delivered,
        Self::Read,
        Self::Undelivered,
        Self::Failed,
        Self::Unconfirmed,
        Self::Expired,
        Self::Refused,
    ];

    /// The name used in the ledger and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Unconfirmed => "unconfirmed",
            Self::Expired => "expired",
            Self::Refused => "refused",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Where an attempt stands once `news` has come: later facts win, and nothing goes back. An answer that comes late
    /// turns a doubt into a fact, and a doubt never overwrites one.
    #[must_use]
    pub fn after(self, news: Self) -> Self {
        if news.knowledge() > self.knowledge() {
            news
        } else {
            self
        }
    }

    /// How good this state is for the person: a delivery is the best of its attempts.
    #[must_use]
    pub fn best(self, other: Self) -> Self {
        if other.goodness() > self.goodness() {
            other
        } else {
            self
        }
    }

    /// Whether the code may have gone out to the person.
    pub const fn may_have_gone_out(self) -> bool {
        match self {
            Self::Sending
            | Self::Accepted
            | Self::Sent
            | Self::Delivered
            | Self::Read
            | Self::Undelivered
            | Self::Unconfirmed => true,
            Self::Failed | Self::Expired | Self::Refused => false,
        }
    }

    /// Order in which facts about one attempt replace each other.
    const fn knowledge(self) -> u8 {
        match self {
            Self::Sending => 0,
            Self::Unconfirmed => 1,
            Self::Failed | Self::Expired | Self::Refused | Self::Accepted => 2,
            Self::Sent => 3,
            Self::Undelivered => 4,
            Self::Delivered => 5,
            Self::Read => 6,
        }
    }

    const fn goodness(self) -> u8 {
        match self {
            Self::Failed | Self::Expired => 0,
            Self::Refused => 1,
            Self::Undelivered => 2,
            Self::Sending => 3,
            Self::Unconfirmed => 4,
            Self::Accepted => 5,
            Self::Sent => 6,
            Self::Delivered => 7,
            Self::Read => 8,
        }
    }
}

/// Whether the code was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Nothing was reported.
    Unknown,
    /// The right code was entered.
    Verified,
    /// A wrong code was entered.
    Failed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Unknown, Self::Verified, Self::Failed];

    /// What is known once `news` has come: the right code after a wrong one is a success, a wrong one after the right one
    /// takes nothing back.
    #[must_use]
    pub const fn after(self, news: Self) -> Self {
        match (self, news) {
            (Self::Verified, _) | (_, Self::Verified) => Self::Verified,
            (Self::Failed, _) | (_, Self::Failed) => Self::Failed,
            (Self::Unknown, Self::Unknown) => Self::Unknown,
        }
    }

    /// The name used in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Verified => "verified",
            Self::Failed => "failed",
        }
    }

    /// The outcome of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_answer_settles_a_doubt_and_nothing_goes_back() {
        let check = |now: State, news: State, expect: State| {
            assert_eq!(now.after(news), expect, "{now:?} + {news:?}");
        };
        check(State::Sending, State::Accepted, State::Accepted);
        check(State::Sending, State::Unconfirmed, State::Unconfirmed);
        check(State::Unconfirmed, State::Accepted, State::Accepted);
        check(State::Unconfirmed, State::Failed, State::Failed);
        check(State::Accepted, State::Unconfirmed, State::Accepted);
        check(State::Failed, State::Accepted, State::Failed);
        check(State::Accepted, State::Failed, State::Accepted);
        check(State::Delivered, State::Sent, State::Delivered);
        check(State::Delivered, State::Read, State::Read);
    }

    #[test]
    fn no_news_is_ever_unlearnt() {
        for now in State::ALL {
            for news in State::ALL {
                let then = now.after(news);
                assert_eq!(then.after(news), then);
                assert_eq!(then.after(State::Sending), then);
            }
        }
    }

    #[test]
    fn the_right_code_is_what_counts() {
        use Outcome::{Failed, Unknown, Verified};
        for (now, news, then) in [
            (Unknown, Verified, Verified),
            (Unknown, Failed, Failed),
            (Failed, Verified, Verified),
            (Verified, Failed, Verified),
            (Verified, Unknown, Verified),
            (Failed, Unknown, Failed),
            (Unknown, Unknown, Unknown),
        ] {
            assert_eq!(now.after(news), then, "{now:?} + {news:?}");
        }
    }

    #[test]
    fn a_delivery_is_the_best_of_its_attempts() {
        let best = |states: &[State]| states.iter().copied().reduce(State::best);
        assert_eq!(
            best(&[State::Unconfirmed, State::Accepted]),
            Some(State::Accepted)
        );
        assert_eq!(
            best(&[State::Failed, State::Unconfirmed]),
            Some(State::Unconfirmed)
        );
        assert_eq!(best(&[State::Failed, State::Refused]), Some(State::Refused));
    }
}
