//! A ledger on the bench: its time is ours, and its rows are made by the dozen.

use std::{sync::Arc, time::Duration};

use tempfile::TempDir;

use crate::{
    clock::{Clock, Manual},
    config,
    domain::{
        channel::{Channel, Family},
        delivery::{Outcome, State},
        id::{AttemptId, DecisionId, DeliveryId},
        phone::Country,
        privacy::KeyedHash,
        purpose::Purpose,
    },
    error::Reason,
    lanes::Lanes,
    store::{
        Ledger, Recorded,
        open::open,
        record::{
            AttemptResult, AttemptRow, DecisionRow, DeliveryRecord, DeliveryResult, DeliveryRow,
            Filter, Intent,
        },
    },
};

/// When the bench's clock starts, ms since 1970.
pub(in crate::store) const START: u64 = 1_700_000_000_000;

/// A ledger, its time, and its folder.
pub(in crate::store) struct Bench {
    pub(in crate::store) ledger: Arc<dyn Ledger>,
    pub(in crate::store) time: Arc<Manual>,
    folder: Option<TempDir>,
}

impl Bench {
    pub(in crate::store) fn memory() -> Self {
        Self::open("memory:", None, Manual::at(START))
    }

    pub(in crate::store) fn sqlite() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), Manual::at(START))
    }

    fn in_folder(folder: TempDir, time: Arc<Manual>) -> Self {
        let url = format!("sqlite://{}", folder.path().join("ledger.db").display());
        Self::open(&url, Some(folder), time)
    }

    fn open(url: &str, folder: Option<TempDir>, time: Arc<Manual>) -> Self {
        let settings = config::ledger::Ledger {
            url: url.to_owned(),
            ..Default::default()
        };
        let ledger = open(
            &settings,
            Lanes::default(),
            Clock::from_source(time.clone()),
        )
        .unwrap();
        Self {
            ledger,
            time,
            folder,
        }
    }

    /// A new process with the same file.
    pub(in crate::store) async fn restart(self) -> Self {
        self.ledger.close().await;
        let folder = self.folder.expect("only a file outlives its process");
        Self::in_folder(folder, self.time)
    }

    pub(in crate::store) fn clock(&self) -> Clock {
        Clock::from_source(self.time.clone())
    }

    pub(in crate::store) fn pass(&self, time: Duration) {
        self.time.advance(time);
    }

    /// Records an intent that must be new.
    pub(in crate::store) async fn begin(&self, intent: Box<Intent>) -> DeliveryId {
        let id = intent.delivery.id;
        assert_eq!(self.ledger.record(intent).await, Ok(Recorded::New));
        id
    }

    /// A delivery of `acme`, once everything taken in is written.
    pub(in crate::store) async fn read(&self, id: DeliveryId) -> Option<DeliveryRecord> {
        self.ledger.flush().await.unwrap();
        self.ledger.delivery("acme", id).await.unwrap()
    }

    pub(in crate::store) async fn states(&self, id: DeliveryId) -> (State, Vec<State>) {
        let record = self.read(id).await.expect("the delivery is there");
        let attempts = record.attempts.iter();
        (
            record.row.state,
            attempts.map(|attempt| attempt.result.state).collect(),
        )
    }
}

/// A delivery of `acme` with its first attempt.
pub(in crate::store) fn intent(clock: &Clock) -> Box<Intent> {
    let id = DeliveryId::new(clock);
    Box::new(Intent {
        delivery: DeliveryRow {
            id,
            tenant: "acme".to_owned(),
            client: "okta-adapter".to_owned(),
            reference: "req-1".to_owned(),
            phone: hash(1),
            masked: "+81********78".to_owned(),
            country: Country::parse("JP"),
            user: Some(hash(2)),
            purpose: Purpose::SignIn,
            family: Family::Message,
            state: State::Sending,
            reason: None,
            decision: None,
            outcome: Outcome::Unknown,
            trail: None,
            created_ms: clock.unix_ms(),
            updated_ms: clock.unix_ms(),
        },
        claim: None,
        fingerprint: hash(3),
        attempt: Some(attempt(id, 1, clock)),
        spool: false,
    })
}

/// The same with a claim.
pub(in crate::store) fn claiming(claim: u8, clock: &Clock) -> Box<Intent> {
    Box::new(Intent {
        claim: Some(hash(claim)),
        ..*intent(clock)
    })
}

/// A delivery that was refused.
pub(in crate::store) fn refused(decision: DecisionId, clock: &Clock) -> Box<Intent> {
    let mut intent = intent(clock);
    intent.attempt = None;
    intent.delivery.state = State::Refused;
    intent.delivery.reason = Some(Reason::CountryNotAllowed);
    intent.delivery.decision = Some(decision);
    intent
}

pub(in crate::store) fn attempt(delivery: DeliveryId, ordinal: u8, clock: &Clock) -> AttemptRow {
    AttemptRow {
        id: AttemptId { delivery, ordinal },
        channel: Channel::Sms,
        provider: "twilio-us".to_owned(),
        started_ms: clock.unix_ms(),
        result: AttemptResult::sending(),
    }
}

pub(in crate::store) fn decision(clock: &Clock) -> DecisionRow {
    DecisionRow {
        id: DecisionId::new(clock),
        tenant: "acme".to_owned(),
        rule: "number_policy".to_owned(),
        key: "country GB".to_owned(),
        level: "1".to_owned(),
        threshold: "0".to_owned(),
        shadow: false,
        deflected: false,
        until_ms: None,
        count: 1,
        created_ms: clock.unix_ms(),
    }
}

pub(in crate::store) fn hash(byte: u8) -> KeyedHash {
    KeyedHash([byte; 16])
}

pub(in crate::store) fn first(delivery: DeliveryId) -> AttemptId {
    AttemptId::first_of(delivery)
}

/// An attempt's result that is told from others by its message id.
pub(in crate::store) fn answer(state: State, message_id: &str) -> AttemptResult {
    AttemptResult {
        state,
        failure: if state == State::Failed {
            "account"
        } else {
            ""
        },
        provider_code: String::new(),
        message_id: message_id.to_owned(),
        took: Duration::from_millis(120),
    }
}

pub(in crate::store) fn result(state: State, release_claim: bool) -> DeliveryResult {
    DeliveryResult {
        state,
        reason: (state == State::Failed).then_some(Reason::ProvidersFailed),
        decision: None,
        updated_ms: START + 500,
        release_claim,
        trail: None,
    }
}

/// Everything of `acme`, in pages of this size.
pub(in crate::store) fn everything(limit: usize) -> Filter {
    Filter {
        tenant: "acme".to_owned(),
        reference: None,
        phone: None,
        user: None,
        states: Vec::new(),
        after_ms: None,
        before_ms: None,
        below: None,
        limit,
    }
}
