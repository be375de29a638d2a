//! Why a person needs a code.

/// Why the code is needed; limits and routes may differ by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// A phone is being enrolled; anybody may ask for this.
    Enrollment,
    /// Sign-in with an enrolled phone.
    SignIn,
    /// A locked account is being unlocked.
    AccountUnlock,
    /// A password is being reset.
    PasswordReset,
    /// Anything else.
    Other,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 5] = [
        Self::Enrollment,
        Self::SignIn,
        Self::AccountUnlock,
        Self::PasswordReset,
        Self::Other,
    ];

    /// The name used in configuration, the ledger and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enrollment => "enrollment",
            Self::SignIn => "sign_in",
            Self::AccountUnlock => "account_unlock",
            Self::PasswordReset => "password_reset",
            Self::Other => "other",
        }
    }

    /// The purpose of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == name)
    }
}
