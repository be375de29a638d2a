//! What became of a hook, as Okta's dialect has to tell it.

use super::answer::{Class, Words};
use crate::{
    domain::delivery::State,
    error::{
        Reason,
        fault::{DECISION_ID, DELIVERY_ID, Fault},
    },
    pb::v1::{self, SendOtpResponse},
};

/// What became of a hook.
#[derive(Debug)]
pub enum Ending {
    /// Only an answer was wanted.
    Preview,
    /// The gateway took it.
    Taken(Box<SendOtpResponse>),
    /// It was refused or failed.
    Fault(Fault),
}

impl From<Reason> for Ending {
    fn from(reason: Reason) -> Self {
        Self::Fault(Fault::new(reason))
    }
}

impl Ending {
    /// Its class.
    pub fn class(&self) -> Class {
        match self {
            Self::Preview => Class::Accepted,
            Self::Taken(response) => class_of(state(response)),
            Self::Fault(fault) => Words::of(fault.reason).class,
        }
    }

    /// The name of its reason, or of the state it reached.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Taken(response) => state(response).as_str(),
            Self::Fault(fault) => fault.reason.as_str(),
        }
    }

    /// The id of its delivery; empty where there is none.
    pub fn delivery_id(&self) -> &str {
        match self {
            Self::Preview => "",
            Self::Taken(response) => &response.delivery_id,
            Self::Fault(fault) => fault.metadata.get(DELIVERY_ID).map_or("", |id| id),
        }
    }

    /// The id of the decision that refused it; empty where there is none.
    pub fn decision_id(&self) -> &str {
        match self {
            Self::Preview | Self::Taken(_) => "",
            Self::Fault(fault) => fault.metadata.get(DECISION_ID).map_or("", |id| id),
        }
    }
}

/// The state that the gateway answered: a promise. One that is none of ours promises nothing.
pub fn state(response: &SendOtpResponse) -> State {
    response.state().to_domain().unwrap_or(State::Unconfirmed)
}

const fn class_of(state: State) -> Class {
    match state {
        State::Accepted | State::Sent | State::Delivered | State::Read => Class::Accepted,
        State::Sending | State::Unconfirmed => Class::Unconfirmed,
        State::Undelivered | State::Failed | State::Expired => Class::Undeliverable,
        State::Refused => Class::Refused,
    }
}

/// The name of the channel that the gateway answered.
pub fn channel(response: &SendOtpResponse) -> &'static str {
    let channel: v1::Channel = response.channel();
    channel
        .to_domain()
        .map_or("none", |channel| channel.as_str())
}
