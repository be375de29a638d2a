//! What follows a failed attempt.

use std::time::Duration;

use crate::domain::failure::Failure;

/// How a step was tried so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// Once.
    Once,
    /// More than once.
    Again,
    /// More than once, and with a fresh credential.
    Renewed,
}

/// What is known besides the failure.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// Whether the provider takes the same attempt twice without a second message.
    pub idempotent: bool,
    /// How this step was tried so far.
    pub tried: Tried,
    /// Whether an earlier attempt of this delivery may have been sent.
    pub doubtful: bool,
    /// Whether the tenant lets a further step follow an attempt that may have been sent.
    pub next_when_ambiguous: bool,
    /// The time within which a further attempt must be able to begin.
    pub room: Duration,
}

impl Situation {
    /// Whether a further step would be one too many for the tenant.
    pub const fn ends_in_doubt(&self) -> bool {
        self.doubtful && !self.next_when_ambiguous
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The same step once more, after this delay.
    Again(Duration),
    /// The next step, whatever it is.
    Provider,
    /// The first step of another channel.
    Channel,
    /// Nothing more.
    Stop,
}

/// Decides what follows a failure.
pub fn next(failure: Failure, situation: &Situation) -> Next {
    match usually(failure, situation) {
        Next::Provider | Next::Channel if situation.ends_in_doubt() => Next::Stop,
        usual @ (Next::Again(_) | Next::Provider | Next::Channel | Next::Stop) => usual,
    }
}

fn usually(failure: Failure, situation: &Situation) -> Next {
    match failure {
        Failure::Throttled { delay: Some(delay) } if fits(delay, situation) => Next::Again(delay),
        Failure::CredentialStale if situation.tried != Tried::Renewed => {
            Next::Again(Duration::ZERO)
        }
        Failure::Throttled { .. }
        | Failure::Transient
        | Failure::Account
        | Failure::CredentialStale => Next::Provider,
        Failure::Recipient | Failure::Request => Next::Channel,
        Failure::Ambiguous if situation.idempotent && situation.tried == Tried::Once => {
            Next::Again(Duration::ZERO)
        }
        Failure::Ambiguous if situation.next_when_ambiguous => Next::Provider,
        Failure::Ambiguous | Failure::FraudBlock => Next::Stop,
    }
}

fn fits(delay: Duration, situation: &Situation) -> bool {
    situation.tried == Tried::Once && delay <= situation.room
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Situation = Situation {
        idempotent: false,
        tried: Tried::Once,
        doubtful: false,
        next_when_ambiguous: true,
        room: Duration::from_secs(1),
    };

    #[test]
    fn each_class_has_its_next_step() {
        let check = |failure, situation: Situation, expect| {
            assert_eq!(
                next(failure, &situation),
                expect,
                "{failure:?} {situation:?}"
            );
        };
        let wait = |ms| Failure::Throttled {
            delay: Some(Duration::from_millis(ms)),
        };
        check(Failure::Throttled { delay: None }, PLAIN, Next::Provider);
        check(wait(1000), PLAIN, Next::Again(Duration::from_secs(1)));
        check(wait(1001), PLAIN, Next::Provider);
        check(
            wait(1),
            Situation {
                tried: Tried::Again,
                ..PLAIN
            },
            Next::Provider,
        );
        check(Failure::Transient, PLAIN, Next::Provider);
        check(Failure::Account, PLAIN, Next::Provider);
        check(Failure::CredentialStale, PLAIN, Next::Again(Duration::ZERO));
        let retried = Situation {
            tried: Tried::Again,
            ..PLAIN
        };
        check(
            Failure::CredentialStale,
            retried,
            Next::Again(Duration::ZERO),
        );
        let renewed = Situation {
            tried: Tried::Renewed,
            ..retried
        };
        check(Failure::CredentialStale, renewed, Next::Provider);
        check(Failure::Recipient, PLAIN, Next::Channel);
        check(Failure::Request, PLAIN, Next::Channel);
        check(Failure::FraudBlock, PLAIN, Next::Stop);
        check(Failure::Ambiguous, PLAIN, Next::Provider);
        check(
            Failure::Ambiguous,
            Situation {
                next_when_ambiguous: false,
                ..PLAIN
            },
            Next::Stop,
        );
        let idempotent = Situation {
            idempotent: true,
            ..PLAIN
        };
        check(Failure::Ambiguous, idempotent, Next::Again(Duration::ZERO));
        check(
            Failure::Ambiguous,
            Situation {
                tried: Tried::Again,
                ..idempotent
            },
            Next::Provider,
        );
    }

    #[test]
    fn after_a_doubt_a_tenant_may_want_nothing_further() {
        let doubtful = Situation {
            tried: Tried::Again,
            doubtful: true,
            ..PLAIN
        };
        let stops = Situation {
            next_when_ambiguous: false,
            ..doubtful
        };
        for failure in Failure::CLASSES {
            let stale = failure == Failure::CredentialStale;
            if failure != Failure::FraudBlock && !stale {
                assert_ne!(next(failure, &doubtful), Next::Stop, "{failure:?}");
            }
            let expect = if stale {
                Next::Again(Duration::ZERO)
            } else {
                Next::Stop
            };
            assert_eq!(next(failure, &stops), expect, "{failure:?}");
        }
    }
}
