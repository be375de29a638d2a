//! The guard's answers as tables for people.

use jiff::Timestamp;

use crate::{
    cli::call::word,
    pb::v1::{self, target},
};

/// What stands where there is nothing to say.
const NOTHING: &str = "-";

pub(super) fn standing(answer: &v1::GetStandingResponse) -> String {
    let rows = answer.standings.iter().map(|one| {
        vec![
            one.rule.clone(),
            one.key.clone(),
            one.level.clone(),
            one.threshold.clone(),
            time(one.closed_until.as_ref()),
        ]
    });
    let heads = ["RULE", "KEY", "LEVEL", "ALLOWED", "CLOSED UNTIL"];
    let mut text = format!("{}\n{}", answer.subject, table(&heads, rows.collect()));
    if !answer.entries.is_empty() {
        text.push_str("\n\n");
        text.push_str(&entries(&answer.entries));
    }
    text
}

pub(super) fn entries(entries: &[v1::ListEntry]) -> String {
    let heads = [
        "ID", "EFFECT", "TENANT", "TARGET", "UNTIL", "AUTHOR", "REASON",
    ];
    table(&heads, entries.iter().map(entry).collect())
}

pub(super) fn changes(changes: &[v1::ListChange]) -> String {
    let rows = changes.iter().map(|change| {
        let action = word(change.action().as_str_name(), "LIST_ACTION_");
        let mut row = vec![
            time(change.changed_at.as_ref()),
            change.changed_by.clone(),
            action,
        ];
        row.extend(entry(&change.entry.clone().unwrap_or_default()));
        row
    });
    let heads = [
        "WHEN", "WHO", "WHAT", "ID", "EFFECT", "TENANT", "TARGET", "UNTIL", "AUTHOR", "REASON",
    ];
    table(&heads, rows.collect())
}

pub(super) fn decisions(decisions: &[v1::Decision]) -> String {
    let rows = decisions.iter().map(|one| {
        vec![
            one.decision_id.clone(),
            time(one.created_at.as_ref()),
            word(one.consequence().as_str_name(), "CONSEQUENCE_"),
            one.rule.clone(),
            one.key.clone(),
            one.level.clone(),
            one.threshold.clone(),
            time(one.until.as_ref()),
            one.count.to_string(),
        ]
    });
    let heads = [
        "ID", "WHEN", "WHAT", "RULE", "KEY", "LEVEL", "ALLOWED", "UNTIL", "COUNT",
    ];
    table(&heads, rows.collect())
}

/// A time as people read it, in UTC.
pub(super) fn time(at: Option<&prost_types::Timestamp>) -> String {
    at.and_then(|at| Timestamp::from_second(at.seconds).ok())
        .map_or_else(|| NOTHING.to_owned(), |at| at.to_string())
}

/// Whom an entry is about, in a word and a value.
pub(super) fn target(entry: &v1::ListEntry) -> (&'static str, &str) {
    match entry.target.as_ref().and_then(|one| one.target.as_ref()) {
        Some(target::Target::PhoneNumber(masked)) => ("phone", masked),
        Some(target::Target::Prefix(digits)) => ("prefix", digits),
        Some(target::Target::UserId(hidden)) => ("user", hidden),
        Some(target::Target::Network(network)) => ("network", network),
        None => ("unknown", ""),
    }
}

fn entry(entry: &v1::ListEntry) -> Vec<String> {
    let (kind, value) = target(entry);
    vec![
        entry.entry_id.clone(),
        word(entry.effect().as_str_name(), "EFFECT_"),
        entry.tenant.clone(),
        format!("{kind} {value}"),
        time(entry.expires_at.as_ref()),
        entry.author.clone(),
        entry.reason.clone(),
    ]
}

/// Columns as wide as what stands in them.
fn table(heads: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return "none".to_owned();
    }
    let mut lines = vec![heads.iter().map(ToString::to_string).collect()];
    lines.extend(rows);
    let width = |column: usize| {
        let cells = lines
            .iter()
            .filter_map(|line: &Vec<String>| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..heads.len()).map(width).collect();
    let lines = lines.iter().map(|line| {
        let cells = line.iter().zip(&widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let rows = vec![
            vec!["a".to_owned(), "é".to_owned()],
            vec!["longer".to_owned(), "b".to_owned()],
        ];
        let shown = table(&["ONE", "TWO"], rows);
        assert_eq!(shown, "ONE     TWO\na       é\nlonger  b");
        assert_eq!(table(&["ONE"], Vec::new()), "none");
    }

    #[test]
    fn a_time_is_in_utc_and_none_is_a_dash() {
        let at = prost_types::Timestamp {
            seconds: 1_700_000_000,
            nanos: 0,
        };
        assert_eq!(time(Some(&at)), "2023-11-14T22:13:20Z");
        assert_eq!(time(None), "-");
    }
}
