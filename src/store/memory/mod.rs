//! A ledger that lives and dies with the process: for tests, and for trying Tollgate out.

mod guard;

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use self::guard::GuardTables;
use super::{
    Backlog, ClaimKey, Ledger, LedgerError, Recorded,
    counter::{COUNTERS_KEPT, Counter},
    filter::Pager,
    list::{ChangeFilter, ChangePage, ListChange},
    preference::{PreferenceKey, PreferenceRow, Rewrite},
    record::{
        AttemptResult, AttemptRow, Claim, DecisionFilter, DecisionPage, DecisionRow,
        DeliveryRecord, DeliveryResult, DeliveryRow, Filter, Intent, Page, VerifiedRow,
    },
};
use crate::{
    clock::Clock,
    domain::{
        delivery::{Outcome, State},
        id::{AttemptId, DecisionId, DeliveryId, ListEntryId},
        listed::ListEntry,
        privacy::KeyedHash,
    },
};

/// Deliveries kept, and decisions; the oldest leave first.
const ROWS: usize = 100_000;

/// A ledger in memory. It is never away.
pub struct MemoryLedger {
    clock: Clock,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    deliveries: BTreeMap<DeliveryId, Kept>,
    claims: HashMap<ClaimKey, DeliveryId>,
    decisions: BTreeMap<DecisionId, DecisionRow>,
    preferences: BTreeMap<KeyedHash, (String, PreferenceRow)>,
    verified: BTreeMap<KeyedHash, VerifiedRow>,
    guard: GuardTables,
}

struct Kept {
    record: DeliveryRecord,
    claim: Option<ClaimKey>,
    fingerprint: KeyedHash,
}

impl MemoryLedger {
    /// An empty ledger; the clock tells how old its rows are.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            tables: Mutex::default(),
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ago(&self, age: Duration) -> u64 {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.clock.unix_ms().saturating_sub(age)
    }
}

impl Tables {
    fn record(&mut self, intent: Intent) -> Recorded {
        if let Some(holder) = intent.claim.and_then(|claim| self.claims.get(&claim))
            && *holder != intent.delivery.id
        {
            return Recorded::ClaimedBy(*holder);
        }
        let id = intent.delivery.id;
        if let Entry::Vacant(free) = self.deliveries.entry(id) {
            free.insert(Kept {
                record: DeliveryRecord {
                    row: intent.delivery,
                    attempts: intent.attempt.into_iter().collect(),
                },
                claim: intent.claim,
                fingerprint: intent.fingerprint,
            });
            self.claims.extend(intent.claim.map(|claim| (claim, id)));
        }
        if self.deliveries.len() > ROWS
            && let Some((_, oldest)) = self.deliveries.pop_first()
        {
            self.forget(oldest.claim);
        }
        Recorded::New
    }

    fn forget(&mut self, claim: Option<ClaimKey>) {
        if let Some(claim) = claim {
            self.claims.remove(&claim);
        }
    }

    fn attempt(&mut self, attempt: AttemptRow) {
        if let Some(kept) = self.deliveries.get_mut(&attempt.id.delivery) {
            let attempts = &mut kept.record.attempts;
            if attempts.iter().all(|known| known.id != attempt.id) {
                attempts.push(attempt);
                attempts.sort_by_key(|attempt| attempt.id.ordinal);
            }
        }
    }

    fn settle_attempt(&mut self, id: AttemptId, result: AttemptResult) {
        let kept = self.deliveries.get_mut(&id.delivery);
        let attempts = kept.map(|kept| &mut kept.record.attempts);
        let attempt = attempts.and_then(|all| all.iter_mut().find(|attempt| attempt.id == id));
        if let Some(attempt) = attempt
            && moves(attempt.result.state, result.state)
        {
            attempt.result = result;
        }
    }

    fn settle_delivery(&mut self, id: DeliveryId, result: &DeliveryResult) {
        let Some(kept) = self.deliveries.get_mut(&id) else {
            return;
        };
        let row = &mut kept.record.row;
        if moves(row.state, result.state) {
            row.state = result.state;
            row.reason = result.reason;
            row.decision = result.decision.or(row.decision);
            row.updated_ms = result.updated_ms;
            if result.trail.is_some() {
                row.trail.clone_from(&result.trail);
            }
        }
        if result.release_claim && row.state == result.state {
            let claim = kept.claim.take();
            self.forget(claim);
        }
    }

    fn settle_outcome(&mut self, id: DeliveryId, outcome: Outcome) {
        if let Some(kept) = self.deliveries.get_mut(&id) {
            let row = &mut kept.record.row;
            row.outcome = row.outcome.after(outcome);
        }
    }

    fn verify(&mut self, row: VerifiedRow) {
        let full = self.verified.len() >= ROWS;
        match self.verified.entry(row.phone) {
            Entry::Occupied(mut known) => {
                let day = known.get().day.max(row.day);
                known.get_mut().day = day;
            }
            Entry::Vacant(_) if full => {}
            Entry::Vacant(free) => drop(free.insert(row)),
        }
    }

    fn sweep(&mut self, before: DeliveryId, now_ms: u64) -> u64 {
        let mut swept = 0;
        for kept in self.deliveries.range_mut(..before).map(|(_, kept)| kept) {
            let DeliveryRecord { row, attempts } = &mut kept.record;
            for attempt in attempts.iter_mut() {
                attempt.result.state = attempt.result.state.after(State::Unconfirmed);
            }
            if row.state == State::Sending {
                let states = attempts.iter().map(|attempt| attempt.result.state);
                row.state = states.reduce(State::best).unwrap_or(State::Unconfirmed);
                row.updated_ms = now_ms;
                swept += 1;
            }
        }
        swept
    }

    fn clear_claims(&mut self, before: DeliveryId) {
        for (_, kept) in self.deliveries.range_mut(..before) {
            if let Some(claim) = kept.claim.take() {
                self.claims.remove(&claim);
            }
        }
    }

    fn preference(&self, key: &PreferenceKey) -> Option<PreferenceRow> {
        let mut found = key
            .users
            .iter()
            .filter_map(|user| self.preferences.get(user));
        let found = found.find(|(tenant, _)| *tenant == key.tenant);
        found.map(|(_, row)| row.clone())
    }

    fn rewrite_preference(
        &mut self,
        key: PreferenceKey,
        mut rewrite: Rewrite,
    ) -> Result<bool, LedgerError> {
        let before = self.preference(&key);
        let was = before.is_some();
        let now = rewrite(before);
        let is = now.is_some();
        // Nobody's preference makes room for another's.
        if is && !was && self.preferences.len() >= ROWS {
            return Err(LedgerError::Overloaded);
        }
        for user in &key.users {
            self.preferences.remove(user);
        }
        if let (Some(row), Some(user)) = (now, key.users.first()) {
            self.preferences.insert(*user, (key.tenant, row));
        }
        Ok(was || is)
    }
}

fn moves(now: State, news: State) -> bool {
    now.after(news) != now
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn record(&self, intent: Box<Intent>) -> Result<Recorded, LedgerError> {
        Ok(self.tables().record(*intent))
    }

    async fn record_attempt(&self, attempt: AttemptRow) -> Result<(), LedgerError> {
        self.tables().attempt(attempt);
        Ok(())
    }

    fn settle_attempt(&self, attempt: AttemptId, result: AttemptResult) {
        self.tables().settle_attempt(attempt, result);
    }

    fn settle_delivery(&self, delivery: DeliveryId, result: DeliveryResult) {
        self.tables().settle_delivery(delivery, &result);
    }

    fn settle_outcome(&self, delivery: DeliveryId, outcome: Outcome) {
        self.tables().settle_outcome(delivery, outcome);
    }

    fn note_verified(&self, row: VerifiedRow) {
        self.tables().verify(row);
    }

    async fn record_verified(&self, rows: Vec<VerifiedRow>) -> Result<(), LedgerError> {
        let mut tables = self.tables();
        for row in rows {
            tables.verify(row);
        }
        Ok(())
    }

    fn record_refusal(&self, decision: DecisionRow, delivery: Option<Box<Intent>>) {
        let mut tables = self.tables();
        tables.decisions.insert(decision.id, decision);
        if tables.decisions.len() > ROWS {
            tables.decisions.pop_first();
        }
        if let Some(intent) = delivery {
            tables.record(*intent);
        }
    }

    async fn delivery(
        &self,
        tenant: &str,
        id: DeliveryId,
    ) -> Result<Option<DeliveryRecord>, LedgerError> {
        let tables = self.tables();
        let found = tables.deliveries.get(&id).map(|kept| &kept.record);
        Ok(found.filter(|record| record.row.tenant == tenant).cloned())
    }

    async fn decision(
        &self,
        tenant: &str,
        id: DecisionId,
    ) -> Result<Option<DecisionRow>, LedgerError> {
        let found = self.tables().decisions.get(&id).cloned();
        Ok(found.filter(|decision| decision.tenant == tenant))
    }

    async fn decisions(&self, filter: DecisionFilter) -> Result<DecisionPage, LedgerError> {
        let tables = self.tables();
        let mut pager = Pager::new(&filter);
        let ids = filter.ids();
        if ids.start < ids.end {
            for (id, decision) in tables.decisions.range(ids).rev() {
                if !pager.look(*id, || Ok(Some(decision.clone())))? {
                    break;
                }
            }
        }
        Ok(DecisionPage {
            decisions: pager.hits,
            next: pager.next,
        })
    }

    async fn deliveries(&self, filter: Filter) -> Result<Page, LedgerError> {
        let tables = self.tables();
        let mut pager = Pager::new(&filter);
        let ids = filter.ids();
        if ids.start < ids.end {
            for (id, kept) in tables.deliveries.range(ids).rev() {
                if !pager.look(*id, || Ok(Some(kept.record.row.clone())))? {
                    break;
                }
            }
        }
        let records = pager.hits.iter().filter_map(|row| {
            let kept = tables.deliveries.get(&row.id)?;
            Some(kept.record.clone())
        });
        Ok(Page {
            deliveries: records.collect(),
            next: pager.next,
        })
    }

    async fn preference(&self, key: PreferenceKey) -> Result<Option<PreferenceRow>, LedgerError> {
        Ok(self.tables().preference(&key))
    }

    async fn rewrite_preference(
        &self,
        key: PreferenceKey,
        rewrite: Rewrite,
    ) -> Result<bool, LedgerError> {
        self.tables().rewrite_preference(key, rewrite)
    }

    async fn people_with_preference(
        &self,
        above: Option<KeyedHash>,
        limit: usize,
    ) -> Result<Vec<KeyedHash>, LedgerError> {
        let tables = self.tables();
        let from = above.map_or(Bound::Unbounded, Bound::Excluded);
        let users = tables.preferences.range((from, Bound::Unbounded));
        Ok(users.take(limit).map(|(user, _)| *user).collect())
    }

    async fn verified(
        &self,
        above: Option<KeyedHash>,
        limit: usize,
    ) -> Result<Vec<VerifiedRow>, LedgerError> {
        let tables = self.tables();
        let from = above.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = tables.verified.range((from, Bound::Unbounded));
        Ok(rows.take(limit).map(|(_, row)| row.clone()).collect())
    }

    async fn expire_verified(&self, before: u32) -> Result<(), LedgerError> {
        self.tables().verified.retain(|_, row| row.day >= before);
        Ok(())
    }

    async fn sent(&self, age: Duration, most: usize) -> Result<Vec<DeliveryRow>, LedgerError> {
        let from = DeliveryId::lowest_at(self.ago(age));
        let tables = self.tables();
        let rows = tables.deliveries.range(from..).rev();
        let rows = rows.map(|(_, kept)| &kept.record.row);
        let sent = rows.filter(|row| row.state.may_have_gone_out()).take(most);
        let mut sent: Vec<_> = sent.cloned().collect();
        sent.reverse();
        Ok(sent)
    }

    async fn change_lists(&self, changes: Vec<ListChange>) -> Result<u64, LedgerError> {
        Ok(self.tables().guard.change(changes))
    }

    async fn list_entries(
        &self,
        above: Option<ListEntryId>,
        limit: usize,
    ) -> Result<Vec<ListEntry>, LedgerError> {
        Ok(self.tables().guard.entries(above, limit))
    }

    async fn list_changes(&self, filter: ChangeFilter) -> Result<ChangePage, LedgerError> {
        self.tables().guard.changes(&filter)
    }

    async fn keep_counters(&self, counters: Vec<Counter>) -> Result<(), LedgerError> {
        let now = self.clock.unix_ms();
        self.tables().guard.keep(counters, now);
        Ok(())
    }

    async fn counters(
        &self,
        above: Option<[u8; 16]>,
        limit: usize,
    ) -> Result<Vec<Counter>, LedgerError> {
        Ok(self.tables().guard.counters(above, limit))
    }

    async fn sweep(&self) -> Result<u64, LedgerError> {
        let now = self.clock.unix_ms();
        let all = DeliveryId::from_bytes([0xff; 16]);
        Ok(self.tables().sweep(all, now))
    }

    async fn claims(&self, age: Duration) -> Result<Vec<Claim>, LedgerError> {
        let from = DeliveryId::lowest_at(self.ago(age));
        let tables = self.tables();
        let claims = tables.deliveries.range(from..).filter_map(|(_, kept)| {
            Some(Claim {
                key: kept.claim?,
                fingerprint: kept.fingerprint,
                record: kept.record.clone(),
            })
        });
        Ok(claims.collect())
    }

    async fn expire(&self, claims: Duration, rows: Duration) -> Result<(), LedgerError> {
        let stale = DeliveryId::lowest_at(self.ago(claims));
        let old = self.ago(rows);
        let now = self.clock.unix_ms();
        let mut tables = self.tables();
        tables.sweep(stale, now);
        tables.clear_claims(stale.max(DeliveryId::lowest_at(old)));
        tables.deliveries = tables.deliveries.split_off(&DeliveryId::lowest_at(old));
        tables.decisions = tables.decisions.split_off(&DecisionId::lowest_at(old));
        tables.guard.expire(now, self.ago(COUNTERS_KEPT));
        Ok(())
    }

    async fn flush(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    fn backlog(&self) -> Backlog {
        Backlog::default()
    }

    async fn close(&self) {}
}
