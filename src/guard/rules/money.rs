//! What a day may cost, in all and by country.

use std::time::Duration;

use crate::{
    domain::{price::Price, verdict::Refusal},
    error::Reason,
    guard::time::DAY_MS,
};

/// The rules' names, as their purses are asked: the country's first.
pub const RULES: [&str; 2] = ["country_money", "tenant_money"];

/// What they count by, as in decisions.
const KEYS: [&str; 2] = ["country", "tenant"];

/// The refusal by the purse of this place: so much of its cap was spent.
pub fn refusal(place: usize, spent: u64, cap: u64, now_ms: u64) -> Refusal {
    let place = place.min(RULES.len() - 1);
    Refusal {
        rule: RULES[place].into(),
        reason: Reason::SpendingCapped,
        key: KEYS[place],
        level: format!("{} spent today", Price::from_millionths(spent)),
        threshold: format!("{} a day", Price::from_millionths(cap)),
        retry_after: Some(Duration::from_millis(DAY_MS - now_ms % DAY_MS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_opens_at_midnight() {
        let refusal = refusal(1, 12_500_000, 13_000_000, 5 * DAY_MS - 1);
        assert_eq!(refusal.rule.as_ref(), "tenant_money");
        assert_eq!(refusal.level, "12.50 spent today");
        assert_eq!(refusal.threshold, "13.00 a day");
        assert_eq!(refusal.retry_after, Some(Duration::from_millis(1)));
    }
}
