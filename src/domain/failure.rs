//! How an attempt may fail: the classes into which every kind translates its vendor's answers.

use std::time::Duration;

/// What a failed attempt says about the next one. The classes are those of the providers' reference; what is done for
/// each is decided in `routing::fallback`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Certainly not accepted; try again later.
    Throttled {
        /// The delay that the provider asked for.
        delay: Option<Duration>,
    },
    /// The provider's fault; certainly or probably not accepted.
    Transient,
    /// The request was written and no usable answer came: it may have been sent.
    Ambiguous,
    /// This recipient cannot be reached on this channel.
    Recipient,
    /// Our request is wrong: sender, template, parameters.
    Request,
    /// Credentials, balance, quota, suspension or permission.
    Account,
    /// The credential had expired before its time; the provider has put it aside and will use a fresh one. Twice in a row
    /// it is the account that is at fault.
    CredentialStale,
    /// The provider's anti-abuse system blocked it; it is not routed around.
    FraudBlock,
}

impl Failure {
    /// The name used in the ledger, metrics and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::Transient => "transient",
            Self::Ambiguous => "ambiguous",
            Self::Recipient => "recipient",
            Self::Request => "request",
            Self::Account => "account",
            Self::CredentialStale => "credential_stale",
            Self::FraudBlock => "fraud_block",
        }
    }

    /// The failure of this name; a delay is not kept.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::CLASSES
            .iter()
            .copied()
            .find(|class| class.as_str() == name)
    }

    /// One of each class.
    pub const CLASSES: [Self; 8] = [
        Self::Throttled { delay: None },
        Self::Transient,
        Self::Ambiguous,
        Self::Recipient,
        Self::Request,
        Self::Account,
        Self::CredentialStale,
        Self::FraudBlock,
    ];
}

/// How far a failure reaches: who else would meet it. Health is kept by this, so that one number in a country without
/// permission does not close a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everything that this provider sends.
    #[default]
    Provider,
    /// What it sends to the recipient's country.
    Country,
    /// What it sends from the same sender.
    Sender,
    /// This recipient alone.
    Recipient,
}

impl Scope {
    /// The name used in logs and fixtures.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Country => "country",
            Self::Sender => "sender",
            Self::Recipient => "recipient",
        }
    }

    /// The scope of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Provider, Self::Country, Self::Sender, Self::Recipient]
            .into_iter()
            .find(|scope| scope.as_str() == name)
    }
}
