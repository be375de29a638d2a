//! What the guard says, in the words of the wire. No number is given out whole.

use crate::{
    dispatch::standing::Whose,
    domain::listed::{ListEntry, Target, Tenants},
    grpc::render::timestamp,
    guard::Standing,
    pb::v1::{self, target},
    store::{
        list::{Action, ChangePage, ListChange},
        record::{DecisionPage, DecisionRow},
    },
};

/// What is shown of a user's id.
const HIDDEN: &str = "***";

pub(super) fn subject(whose: &Whose) -> String {
    match whose {
        Whose::Number(phone) => phone.masked(),
        Whose::Range(digits) => format!("+{digits}"),
        Whose::Country(country) => country.to_string(),
        Whose::User(_) => "user".to_owned(),
        Whose::Client(_) => "network".to_owned(),
        Whose::Tenant => "tenant".to_owned(),
    }
}

pub(super) fn standing(standing: &Standing) -> v1::Standing {
    v1::Standing {
        rule: standing.rule.to_string(),
        key: standing.key.to_owned(),
        level: standing.level.clone(),
        threshold: standing.threshold.clone(),
        closed_until: standing.closed_until_ms.map(timestamp),
    }
}

pub(super) fn entry(entry: &ListEntry) -> v1::ListEntry {
    let target = match &entry.target {
        Target::Number { masked, .. } => target::Target::PhoneNumber(masked.clone()),
        Target::Prefix(digits) => target::Target::Prefix(format!("+{digits}")),
        Target::User { .. } => target::Target::UserId(HIDDEN.to_owned()),
        Target::Network(network) => target::Target::Network(network.to_string()),
    };
    v1::ListEntry {
        entry_id: entry.id.to_string(),
        effect: v1::Effect::from(entry.effect).into(),
        tenant: match &entry.tenants {
            Tenants::All => "*".to_owned(),
            Tenants::One(name) => name.clone(),
        },
        target: Some(v1::Target {
            target: Some(target),
        }),
        expires_at: entry.expires_ms.map(timestamp),
        author: entry.author.clone(),
        reason: entry.reason.clone(),
        created_at: Some(timestamp(entry.created_ms)),
    }
}

pub(super) fn entries(page: &[&ListEntry], limit: usize) -> v1::ListBlocksResponse {
    let last = page.last().filter(|_| page.len() >= limit);
    v1::ListBlocksResponse {
        entries: page.iter().map(|one| entry(one)).collect(),
        changes: Vec::new(),
        next_page_token: last.map(|one| one.id.to_string()).unwrap_or_default(),
    }
}

pub(super) fn changes(page: &ChangePage) -> v1::ListBlocksResponse {
    v1::ListBlocksResponse {
        entries: Vec::new(),
        changes: page.changes.iter().map(change).collect(),
        next_page_token: page.next.map(|id| id.to_string()).unwrap_or_default(),
    }
}

fn change(change: &ListChange) -> v1::ListChange {
    let action = match change.action {
        Action::Set => v1::ListAction::Set,
        Action::Remove => v1::ListAction::Remove,
    };
    v1::ListChange {
        action: action.into(),
        entry: Some(entry(&change.entry)),
        changed_by: change.by.clone(),
        changed_at: Some(timestamp(change.at_ms)),
    }
}

pub(super) fn decisions(page: &DecisionPage) -> v1::ListDecisionsResponse {
    v1::ListDecisionsResponse {
        decisions: page.decisions.iter().map(decision).collect(),
        next_page_token: page.next.map(|id| id.to_string()).unwrap_or_default(),
    }
}

fn decision(row: &DecisionRow) -> v1::Decision {
    let consequence = match (row.shadow, row.deflected) {
        (true, _) => v1::Consequence::Watched,
        (false, true) => v1::Consequence::Deflected,
        (false, false) => v1::Consequence::Refused,
    };
    v1::Decision {
        decision_id: row.id.to_string(),
        rule: row.rule.clone(),
        key: row.key.clone(),
        level: row.level.clone(),
        threshold: row.threshold.clone(),
        consequence: consequence.into(),
        until: row.until_ms.map(timestamp),
        count: row.count,
        created_at: Some(timestamp(row.created_ms)),
    }
}
