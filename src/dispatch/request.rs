//! One code to send, in the domain's types.

use std::{sync::Arc, time::Instant};

use crate::domain::{
    address::Address,
    attributes::Attributes,
    channel::{Channel, Family},
    passcode::Passcode,
    phone::PhoneNumber,
    preference::Preference,
    privacy::Private,
    purpose::Purpose,
};

/// One code to send.
#[derive(Clone, Debug)]
pub struct Request {
    /// The tenant's name; it exists in the policy.
    pub tenant: String,
    /// The client that asks.
    pub client: Arc<str>,
    /// The client's key of this code; empty for a dry run.
    pub idempotency_key: Private,
    /// The client's own id of this send; empty where none was given.
    pub reference: String,
    /// Who gets it.
    pub phone: PhoneNumber,
    /// The client's id of the person.
    pub user: Option<Private>,
    /// The person's LINE user id, as the caller says.
    pub line_user: Option<Private>,
    /// The code.
    pub code: Passcode,
    /// When the request arrived.
    pub arrived: Instant,
    /// When the code dies.
    pub valid_until: Instant,
    /// Already rendered text for message channels; empty where the gateway words it.
    pub text: Private,
    /// BCP 47 language tag; empty where unknown.
    pub locale: String,
    /// Why the code is needed.
    pub purpose: Purpose,
    /// What the caller's screen promised; `None` where it did not say.
    pub family: Option<Family>,
    /// Exactly these channels, in this order.
    pub channels: Vec<Channel>,
    /// The order in the identity provider's profile.
    pub profile_channels: Vec<Channel>,
    /// What a service has stored for the person. Its locale stands in the request already, where that had none of its own.
    pub stored: Option<Arc<Preference>>,
    /// The address of the person's device.
    pub client_ip: Option<Address>,
    /// What else the caller knows of the person, for the wording of the message.
    pub attributes: Attributes,
}
