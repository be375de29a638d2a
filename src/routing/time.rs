//! How long an attempt may take, so that a further step still has a chance before the caller's deadline.

use std::time::Duration;

/// An attempt with less than this is not begun.
pub const LEAST: Duration = Duration::from_millis(400);

/// What is kept back for a further step.
const RESERVE: Duration = Duration::from_millis(600);

/// The time an attempt gets of what remains; `None` when too little remains to begin one.
pub fn attempt(remaining: Duration, timeout: Duration, further_step: bool) -> Option<Duration> {
    if remaining < LEAST {
        return None;
    }
    let rest = remaining.saturating_sub(RESERVE);
    let share = if further_step && rest >= LEAST {
        rest
    } else {
        remaining
    };
    Some(share.min(timeout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        let check = |remaining, timeout, further, expect: Option<u64>| {
            let ms = Duration::from_millis;
            assert_eq!(
                attempt(ms(remaining), ms(timeout), further),
                expect.map(ms),
                "{remaining} {timeout} {further}"
            );
        };
        check(2300, 1500, true, Some(1500));
        check(2000, 1500, true, Some(1400));
        check(1000, 1500, true, Some(400));
        check(999, 1500, true, Some(999));
        check(2000, 1500, false, Some(1500));
        check(1000, 1500, false, Some(1000));
        check(400, 1500, true, Some(400));
        check(399, 1500, true, None);
        check(0, 1500, false, None);
    }
}
