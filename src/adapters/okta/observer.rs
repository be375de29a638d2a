//! What the Okta door reports to whoever counts.

use crate::config::tenants::Answer;

use super::{answer::Class, events::Became, profile::Lookup};

/// Counts what happens at the Okta door. Tenants are names from the configuration, so that they can be labels.
pub trait Observer: Send + Sync {
    /// A hook was answered with HTTP 200. The class, not the answer, says whether a code went out.
    fn answered(&self, tenant: &str, class: Class, answer: Answer, seconds: f64);
    /// A preview was answered; nothing was sent.
    fn previewed(&self, tenant: &str);
    /// A hook whose `deliveryChannel` is missing or unknown; it is delivered all the same.
    fn unknown_channel(&self, tenant: &str);
    /// A hook whose `requestType` is missing or unknown; it is delivered all the same.
    fn unknown_request_type(&self, tenant: &str);
    /// A hook asked for its person's profile.
    fn profile(&self, tenant: &str, lookup: Lookup);
    /// Events came, of which this became.
    fn events(&self, tenant: &str, became: Became, count: u64);
    /// So many events wait to be handed to the gateway.
    fn events_waiting(&self, count: usize);
    /// A request without a valid credential, or for a tenant that does not exist.
    fn unauthenticated(&self);
    /// A request was turned away because too many are under way. It is counted as answered too.
    fn shed(&self, tenant: &str);
    /// An authenticated request whose body was too large, too slow or no JSON object.
    fn unreadable(&self, tenant: &str);
}
