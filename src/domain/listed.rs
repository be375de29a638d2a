//! What operators have put on the guard's lists: whom to let pass, and whom never to send to.

use ipnet::IpNet;

use super::{
    id::ListEntryId,
    phone::PhoneNumber,
    privacy::{KeyedHash, PrivacyKeys, Subject},
};

/// One line of the lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry {
    /// Its id.
    pub id: ListEntryId,
    /// What it does.
    pub effect: Effect,
    /// For whose codes it holds.
    pub tenants: Tenants,
    /// Whom it is about.
    pub target: Target,
    /// When it ends, ms since 1970; `None` where it does not.
    pub expires_ms: Option<u64>,
    /// The client that set it.
    pub author: String,
    /// Why, in the author's words.
    pub reason: String,
    /// When it was set, ms since 1970.
    pub created_ms: u64,
}

impl ListEntry {
    /// Whether it holds at this time, ms since 1970.
    pub fn is_live(&self, now_ms: u64) -> bool {
        self.expires_ms.is_none_or(|expires| now_ms < expires)
    }

    /// Whether it is the entry for these tenants and this target, hashed under the same key.
    pub fn is_for(&self, tenants: &Tenants, target: &Target) -> bool {
        self.tenants == *tenants && self.target.is(target)
    }
}

/// What an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Codes pass whatever the other rules say.
    Allow,
    /// No code is sent.
    Block,
}

impl Effect {
    /// The name used in the ledger and in decisions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block => "block",
        }
    }

    /// The effect of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Allow, Self::Block]
            .into_iter()
            .find(|effect| effect.as_str() == name)
    }
}

/// For whose codes an entry holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tenants {
    /// Everybody's, also those of tenants that are yet to come.
    All,
    /// One tenant's.
    One(String),
}

impl Tenants {
    /// Whether it holds for this tenant.
    pub fn has(&self, tenant: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(name) => name == tenant,
        }
    }
}

/// Whom an entry is about. Nothing of it tells a whole number, a user id or one person's address where it prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One number.
    Number {
        /// Its keyed hash (`Subject::Listed`, without a tenant).
        hash: KeyedHash,
        /// The number masked.
        masked: String,
    },
    /// Every number that begins like this: digits of the E.164 form, at most all but the last four.
    Prefix(String),
    /// One tenant's user.
    User {
        /// Keyed hash of tenant and user id, as deliveries have it.
        hash: KeyedHash,
    },
    /// Every device of a network; one address is a network too.
    Network(IpNet),
}

impl Target {
    /// Whether it is this very one. How a number was written, which its mask shows, does not matter.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number { hash, .. }, Self::Number { hash: other, .. })
            | (Self::User { hash }, Self::User { hash: other }) => hash == other,
            (Self::Prefix(digits), Self::Prefix(other)) => digits == other,
            (Self::Network(network), Self::Network(other)) => network == other,
            (
                Self::Number { .. } | Self::User { .. } | Self::Prefix(_) | Self::Network(_),
                Self::Number { .. } | Self::User { .. } | Self::Prefix(_) | Self::Network(_),
            ) => false,
        }
    }
}

/// The keyed hash under which a number stands on the lists. The writings of one number have one hash.
pub fn hash_of(keys: &PrivacyKeys, phone: &PhoneNumber) -> KeyedHash {
    keys.hash(Subject::Listed, &[phone.key().to_string().as_bytes()])
}

/// Every hash under which a number may stand on the lists, the present one first.
pub fn hashes_of(keys: &PrivacyKeys, phone: &PhoneNumber) -> Vec<KeyedHash> {
    keys.all(Subject::Listed, &[phone.key().to_string().as_bytes()])
}
