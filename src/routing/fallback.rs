//! What follows a failed attempt.

use std::time::Duration;

use crate::domain::failure::Failure;

/// What is known besides the failure.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// Whether the provider takes the same attempt twice without a second message.
    pub idempotent: bool,
    /// Whether this step was tried a second time already.
    pub retried: bool,
    /// Whether the tenant lets a further step follow an attempt that may have been sent.
    pub next_when_ambiguous: bool,
    /// The time within which a further attempt must be able to begin.
    pub room: Duration,
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
    match failure {
        Failure::Throttled { delay: Some(delay) } if fits(delay, situation) => Next::Again(delay),
        Failure::Throttled { .. } | Failure::Transient | Failure::Account => Next::Provider,
        Failure::Recipient | Failure::Request => Next::Channel,
        Failure::Ambiguous if situation.idempotent && !situation.retried => {
            Next::Again(Duration::ZERO)
        }
        Failure::Ambiguous if situation.next_when_ambiguous => Next::Provider,
        Failure::Ambiguous | Failure::FraudBlock => Next::Stop,
    }
}

fn fits(delay: Duration, situation: &Situation) -> bool {
    !situation.retried && delay <= situation.room
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Situation = Situation {
        idempotent: false,
        retried: false,
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
                retried: true,
                ..PLAIN
            },
            Next::Provider,
        );
        check(Failure::Transient, PLAIN, Next::Provider);
        check(Failure::Account, PLAIN, Next::Provider);
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
                retried: true,
                ..idempotent
            },
            Next::Provider,
        );
    }
}
