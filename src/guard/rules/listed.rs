//! What an operator has blocked gets no code.

use crate::{
    domain::{
        listed::{ListEntry, Target},
        verdict::Refusal,
    },
    error::Reason,
};

/// The rule's name.
pub const RULE: &str = "block_list";

/// What a target is, as in decisions.
pub const fn kind(target: &Target) -> &'static str {
    match target {
        Target::Number { .. } => "destination",
        Target::Prefix(_) => "range",
        Target::User { .. } => "user",
        Target::Network(_) => "network",
    }
}

/// The refusal of an entry, which is named and tells nothing of the person.
pub fn refusal(entry: &ListEntry, now_ms: u64) -> Refusal {
    let left = entry.expires_ms.map(|end| end.saturating_sub(now_ms));
    Refusal {
        rule: RULE.into(),
        reason: Reason::Blocked,
        key: kind(&entry.target),
        level: entry.id.to_string(),
        threshold: "not on the block list".to_owned(),
        retry_after: left.map(std::time::Duration::from_millis),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{
        id::ListEntryId,
        listed::{Effect, Target, Tenants},
    };

    #[test]
    fn a_refusal_names_the_entry_and_its_end() {
        let entry = ListEntry {
            id: ListEntryId::from_bytes([1; 16]),
            effect: Effect::Block,
            tenants: Tenants::All,
            target: Target::Prefix("1415".to_owned()),
            expires_ms: Some(1500),
            author: "operator".to_owned(),
            reason: String::new(),
            created_ms: 0,
        };
        let refusal = refusal(&entry, 500);
        assert_eq!(refusal.level, entry.id.to_string());
        assert_eq!(refusal.retry_after, Some(Duration::from_secs(1)));
    }
}
