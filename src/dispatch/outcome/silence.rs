//! Tenants that send codes and of whom nobody ever says whether they were used.

use std::{collections::HashMap, sync::Arc};

/// Sends after which an outcome should have come.
const SENDS: u32 = 20;

/// How long after its first send a tenant's first outcome may take: a quarter of an hour.
const PATIENCE_MS: u64 = 15 * 60 * 1000;

/// What is known of each tenant since the start.
#[derive(Default)]
pub(super) struct Silence(HashMap<Arc<str>, Tenant>);

#[derive(Default)]
struct Tenant {
    sends: u32,
    since_ms: u64,
    /// Whether an outcome came, or it was told that none does.
    settled: bool,
}

impl Silence {
    /// A send of a tenant; returns the tenant's name, to be kept without a copy.
    pub(super) fn sent(&mut self, tenant: &str, now_ms: u64) -> Arc<str> {
        let name = match self.0.get_key_value(tenant) {
            Some((name, _)) => name.clone(),
            None => tenant.into(),
        };
        let entry = self.0.entry(name.clone()).or_default();
        if entry.sends == 0 {
            entry.since_ms = now_ms;
        }
        entry.sends = entry.sends.saturating_add(1);
        name
    }

    /// An outcome has come for a tenant.
    pub(super) fn heard(&mut self, tenant: &str) {
        if let Some(known) = self.0.get_mut(tenant) {
            known.settled = true;
        } else {
            let known = Tenant {
                settled: true,
                ..Tenant::default()
            };
            self.0.insert(tenant.into(), known);
        }
    }

    /// Tenants for whom an outcome should have come by now and none did; each is named once.
    pub(super) fn due(&mut self, now_ms: u64) -> Vec<Arc<str>> {
        let mut due = Vec::new();
        for (name, tenant) in &mut self.0 {
            let waited = now_ms.saturating_sub(tenant.since_ms);
            if !tenant.settled && tenant.sends >= SENDS && waited >= PATIENCE_MS {
                tenant.settled = true;
                due.push(name.clone());
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(sends: u32) -> Silence {
        let mut silence = Silence::default();
        for _ in 0..sends {
            silence.sent("acme", 1000);
        }
        silence
    }

    #[test]
    fn silence_is_told_once() {
        let mut silence = busy(SENDS);
        assert!(silence.due(1000 + PATIENCE_MS - 1).is_empty());
        assert_eq!(silence.due(1000 + PATIENCE_MS), ["acme".into()]);
        assert!(silence.due(1000 + 2 * PATIENCE_MS).is_empty());
    }

    #[test]
    fn little_traffic_and_any_outcome_are_no_silence() {
        assert!(busy(SENDS - 1).due(1000 + PATIENCE_MS).is_empty());
        let mut silence = busy(SENDS);
        silence.heard("acme");
        assert!(silence.due(1000 + PATIENCE_MS).is_empty());
        let mut silence = Silence::default();
        silence.heard("acme");
        assert_eq!(&*silence.sent("acme", 0), "acme");
        assert!(silence.due(PATIENCE_MS).is_empty());
    }
}
