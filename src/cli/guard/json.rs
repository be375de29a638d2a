//! The guard's answers as JSON for programs: one object, with the names of the wire.

use serde_json::{Value, json};

use crate::{cli::call::word, pb::v1};

use super::table;

pub(super) fn standing(answer: &v1::GetStandingResponse) -> String {
    let standing = |one: &v1::Standing| {
        json!({
            "rule": one.rule,
            "key": one.key,
            "level": one.level,
            "threshold": one.threshold,
            "closed_until": time(one.closed_until.as_ref()),
        })
    };
    let standings: Vec<_> = answer.standings.iter().map(standing).collect();
    let entries: Vec<_> = answer.entries.iter().map(entry).collect();
    text(&json!({ "subject": answer.subject, "standings": standings, "entries": entries }))
}

pub(super) fn entries(entries: &[v1::ListEntry]) -> String {
    let entries: Vec<_> = entries.iter().map(entry).collect();
    text(&json!({ "entries": entries }))
}

pub(super) fn changes(changes: &[v1::ListChange]) -> String {
    let change = |one: &v1::ListChange| {
        json!({
            "action": word(one.action().as_str_name(), "LIST_ACTION_"),
            "entry": one.entry.as_ref().map(entry),
            "changed_by": one.changed_by,
            "changed_at": time(one.changed_at.as_ref()),
        })
    };
    let changes: Vec<_> = changes.iter().map(change).collect();
    text(&json!({ "changes": changes }))
}

pub(super) fn decisions(decisions: &[v1::Decision]) -> String {
    let decision = |one: &v1::Decision| {
        json!({
            "decision_id": one.decision_id,
            "rule": one.rule,
            "key": one.key,
            "level": one.level,
            "threshold": one.threshold,
            "consequence": word(one.consequence().as_str_name(), "CONSEQUENCE_"),
            "until": time(one.until.as_ref()),
            "count": one.count,
            "created_at": time(one.created_at.as_ref()),
        })
    };
    let decisions: Vec<_> = decisions.iter().map(decision).collect();
    text(&json!({ "decisions": decisions }))
}

fn entry(entry: &v1::ListEntry) -> Value {
    let (kind, value) = table::target(entry);
    json!({
        "entry_id": entry.entry_id,
        "effect": word(entry.effect().as_str_name(), "EFFECT_"),
        "tenant": entry.tenant,
        "target": { kind: value },
        "expires_at": time(entry.expires_at.as_ref()),
        "author": entry.author,
        "reason": entry.reason,
        "created_at": time(entry.created_at.as_ref()),
    })
}

fn time(at: Option<&prost_types::Timestamp>) -> Value {
    at.map_or(Value::Null, |at| table::time(Some(at)).into())
}

fn text(value: &Value) -> String {
    format!("{value:#}")
}
