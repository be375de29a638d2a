//! The code itself.

use std::fmt;

/// Most letters and digits that a code may have.
pub const MAX_LEN: usize = 32;

/// A one-time passcode: 1 to 32 ASCII letters and digits. It prints as stars.
#[derive(Clone, PartialEq, Eq)]
pub struct Passcode(Box<str>);

impl Passcode {
    /// Reads a code; `None` when it is empty, too long, or has anything but letters and digits.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=MAX_LEN).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| Self(text.into()))
    }

    /// The code itself, for the wire of a provider and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Passcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_letters_and_digits() {
        for good in ["1", "000123", "aB3", &"9".repeat(32)] {
            assert_eq!(Passcode::parse(good).expect("a code").expose(), good);
        }
        for bad in ["", " 12", "12-34", "é", &"9".repeat(33)] {
            assert!(Passcode::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_code_prints_as_stars() {
        let code = Passcode::parse("482913");
        assert_eq!(format!("{code:?}"), "Some(***)");
    }
}
