//! A request of a trace while it is made: small, so that a million of them fit in memory until they are in order.

use std::io::{self, Write};

use crate::{
    domain::{address::Address, channel::Channels, purpose::Purpose},
    replay::row::{HEADER, Label, Row},
};

/// A request.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) at: u64,
    /// All digits of its E.164 form.
    pub(super) number: u64,
    pub(super) user: u32,
    pub(super) ip: Address,
    pub(super) purpose: Purpose,
    pub(super) label: Label,
    pub(super) verifies_after: Option<u32>,
    pub(super) reachable: Channels,
}

/// Writes a trace, in the order of time; at the same moment, in the order in which the requests were made up.
pub(super) fn write(mut events: Vec<Event>, out: &mut impl Write) -> io::Result<()> {
    events.sort_by_key(|event| event.at);
    writeln!(out, "{HEADER}")?;
    for event in events {
        let phone = format!("+{}", event.number);
        let user = format!("u{}", event.user);
        let row = Row {
            offset_ms: event.at,
            phone: &phone,
            user: Some(&user),
            ip: Some(event.ip),
            purpose: event.purpose,
            label: event.label,
            verifies_after_ms: event.verifies_after.map(u64::from),
            reachable: event.reachable,
        };
        writeln!(out, "{row}")?;
    }
    out.flush()
}
