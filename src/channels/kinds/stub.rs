//! `stub`: no vendor at all; it accepts or fails as it was told, and remembers what it was asked to send.

use std::{
    any::Any,
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    channels::{
        kind::{BuildContext, BuildError, ProviderKind},
        provider::{Accepted, Message, Provider, SendError},
    },
    config::values::{ChannelName, Span},
    domain::{capability::Capability, channel::Channel, failure::Failure},
    outbound::{CallError, WriteGate},
};

/// How many messages it remembers; older ones are forgotten first.
pub const REMEMBERED: usize = 100;

/// What a stub is told.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What it answers to every message.
    pub answer: Answer,
    /// How long it takes to answer, once it has the message.
    pub delay: Span,
    /// The channels it claims to speak; all of them when left out.
    #[schemars(length(min = 1))]
    pub channels: Vec<ChannelName>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            answer: Answer::Accepted,
            delay: Span::millis(0),
            channels: vec![
                ChannelName::Sms,
                ChannelName::Voice,
                ChannelName::Whatsapp,
                ChannelName::Line,
            ],
        }
    }
}

/// What a stub answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It takes the message.
    Accepted,
    /// It is asked too often.
    Throttled,
    /// It is out of order.
    Transient,
    /// It leaves open whether it took the message.
    Ambiguous,
    /// It cannot reach this recipient.
    Recipient,
    /// It finds our request wrong.
    Request,
    /// It finds something wrong with the account.
    Account,
    /// It finds the credential expired.
    CredentialStale,
    /// It takes the message for fraud.
    FraudBlock,
}

impl Answer {
    const fn failure(self) -> Option<Failure> {
        match self {
            Self::Accepted => None,
            Self::Throttled => Some(Failure::Throttled { delay: None }),
            Self::Transient => Some(Failure::Transient),
            Self::Ambiguous => Some(Failure::Ambiguous),
            Self::Recipient => Some(Failure::Recipient),
            Self::Request => Some(Failure::Request),
            Self::Account => Some(Failure::Account),
            Self::CredentialStale => Some(Failure::CredentialStale),
            Self::FraudBlock => Some(Failure::FraudBlock),
        }
    }
}

/// A provider that is no vendor.
#[derive(Debug)]
pub struct Stub {
    settings: Settings,
    remembered: Mutex<VecDeque<Message>>,
}

impl Stub {
    /// A stub that has been asked nothing yet.
    pub fn new(settings: Settings) -> Self {
        let remembered = Mutex::new(VecDeque::new());
        Self {
            settings,
            remembered,
        }
    }

    /// The stub behind a provider; `None` when it is of another kind.
    pub fn behind(provider: &dyn Provider) -> Option<&Self> {
        (provider as &dyn Any).downcast_ref()
    }

    /// The last messages that it was given, oldest first; at most [`REMEMBERED`].
    pub fn remembered(&self) -> Vec<Message> {
        let remembered = self.remembered.lock();
        let remembered = remembered.unwrap_or_else(PoisonError::into_inner);
        remembered.iter().cloned().collect()
    }

    fn remember(&self, message: &Message) {
        let remembered = self.remembered.lock();
        let mut remembered = remembered.unwrap_or_else(PoisonError::into_inner);
        if remembered.len() == REMEMBERED {
            remembered.pop_front();
        }
        remembered.push_back(message.clone());
    }
}

impl ProviderKind for Stub {
    const NAME: &'static str = "stub";
    const TEST_ONLY: bool = true;
    type Settings = Settings;

    fn build(settings: Settings, _: &BuildContext<'_>) -> Result<Self, BuildError> {
        if settings.channels.is_empty() {
            return Err(BuildError::at("channels", "names no channel"));
        }
        Ok(Self::new(settings))
    }
}

#[async_trait]
impl Provider for Stub {
    fn capability(&self) -> Capability {
        let channels = self.settings.channels.iter().copied();
        Capability {
            channels: channels.map(Channel::from).collect(),
            ..Capability::default()
        }
    }

    async fn send(&self, message: &Message, gate: &WriteGate) -> Result<Accepted, SendError> {
        if !gate.pass() {
            return Err(CallError::NotWritten("called_back").into());
        }
        self.remember(message);
        tokio::time::sleep(self.settings.delay.0).await;
        match self.settings.answer.failure() {
            None => Ok(Accepted {
                message_id: Some(format!("stub-{}", message.attempt)),
            }),
            Some(failure) => Err(SendError::new(failure, "stub")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::channels::kinds::contract::fixture;

    fn message(ordinal: u8) -> Message {
        let mut message = fixture::message(Channel::Voice, "+14155552671", "4, 8");
        message.attempt.ordinal = ordinal;
        message
    }

    fn told(answer: Answer) -> Stub {
        Stub::new(Settings {
            answer,
            ..Settings::default()
        })
    }

    #[tokio::test]
    async fn it_answers_as_it_was_told() {
        let stub = told(Answer::Accepted);
        let accepted = stub.send(&message(1), &WriteGate::default()).await.unwrap();
        let id = accepted.message_id.unwrap();
        assert_eq!(id, format!("stub-{}", message(1).attempt));
        for failure in Failure::CLASSES {
            let answer = serde_json::from_value(failure.as_str().into()).unwrap();
            let problem = told(answer).send(&message(1), &WriteGate::default()).await;
            assert_eq!(problem.unwrap_err().failure, failure);
        }
    }

    #[tokio::test]
    async fn it_remembers_the_last_hundred() {
        let stub: Arc<dyn Provider> = Arc::new(told(Answer::Accepted));
        for ordinal in 0..=100 {
            stub.send(&message(ordinal), &WriteGate::default())
                .await
                .unwrap();
        }
        let remembered = Stub::behind(stub.as_ref()).unwrap().remembered();
        assert_eq!(remembered.len(), REMEMBERED);
        assert_eq!(remembered[0].attempt.ordinal, 1);
        assert_eq!(remembered[99].attempt.ordinal, 100);
        assert!(!format!("{stub:?}", stub = Stub::behind(stub.as_ref())).contains("482913"));
    }

    #[tokio::test]
    async fn a_message_called_back_in_time_is_unknown_to_it() {
        let (stub, gate) = (told(Answer::Accepted), WriteGate::default());
        assert!(gate.shut());
        let problem = stub.send(&message(1), &gate).await.unwrap_err();
        assert_eq!(problem.failure, Failure::Transient);
        assert!(stub.remembered().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn it_takes_its_time_but_has_the_message_at_once() {
        let stub = Stub::new(Settings {
            delay: Span::seconds(3),
            ..Settings::default()
        });
        let (message, gate) = (message(1), WriteGate::default());
        let sent = stub.send(&message, &gate);
        let in_time = tokio::time::timeout(Duration::from_secs(2), sent).await;
        assert!(in_time.is_err() && gate.written());
        assert_eq!(stub.remembered().len(), 1);
    }

    #[test]
    fn it_speaks_the_channels_it_was_told() {
        let stub = Stub::new(Settings {
            channels: vec![ChannelName::Voice],
            ..Settings::default()
        });
        let channels = stub.capability().channels;
        assert!(channels.contains(Channel::Voice) && !channels.contains(Channel::Sms));
    }
}
