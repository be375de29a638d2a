//! How many SMS a text takes: a text beyond one is cut into parts that are each paid for.

use crate::domain::gsm7::{self, septets};

/// How the characters of an SMS travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The GSM 03.38 alphabet, 7 bits each; a few characters take two places.
    Gsm7,
    /// 16 bits each; characters beyond the basic plane take two places.
    Ucs2,
}

impl Encoding {
    /// The name used in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gsm7 => "gsm7",
            Self::Ucs2 => "ucs2",
        }
    }

    /// Places in a text that is one SMS, and in each part of a longer one, which also carries its place in the whole.
    const fn places(self) -> (usize, usize) {
        match self {
            Self::Gsm7 => (160, 153),
            Self::Ucs2 => (70, 67),
        }
    }
}

/// What a text takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    /// How it travels: one character outside the GSM alphabet makes all of it UCS-2.
    pub encoding: Encoding,
    /// How many SMS are sent and paid for; one even for no text.
    pub count: usize,
}

/// Whether a text is short enough for one SMS whatever its characters are, which is quicker to say than how many it takes.
pub const fn is_one(text: &str) -> bool {
    // In UCS-2 no character has more places than bytes, and in the GSM alphabet none has more than two.
    text.len() <= Encoding::Ucs2.places().0
}

/// Counts the SMS of a text.
pub fn segments(text: &str) -> Segments {
    let encoding = if gsm7::carries(text) {
        Encoding::Gsm7
    } else {
        Encoding::Ucs2
    };
    let width = |c: char| match encoding {
        Encoding::Gsm7 => septets(c).unwrap_or(1),
        Encoding::Ucs2 => c.len_utf16(),
    };
    let (single, part) = encoding.places();
    let total: usize = text.chars().map(width).sum();
    let count = if total <= single {
        1
    } else {
        parts(text.chars().map(width), part)
    };
    Segments { encoding, count }
}

/// Parts of `size` places; a character of two places is never cut in half, so a part may end one place early.
fn parts(widths: impl Iterator<Item = usize>, size: usize) -> usize {
    let (mut parts, mut used) = (1, 0);
    for width in widths {
        if used + width > size {
            (parts, used) = (parts + 1, 0);
        }
        used += width;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, encoding: Encoding, count: usize) {
        let expect = Segments { encoding, count };
        assert_eq!(
            segments(text),
            expect,
            "{} characters",
            text.chars().count()
        );
    }

    #[test]
    fn gsm_texts() {
        use Encoding::Gsm7;
        check("", Gsm7, 1);
        check("Your code is 482913.", Gsm7, 1);
        check(&"a".repeat(160), Gsm7, 1);
        check(&"a".repeat(161), Gsm7, 2);
        check(&"a".repeat(306), Gsm7, 2);
        check(&"a".repeat(307), Gsm7, 3);
        check(&"a".repeat(1600), Gsm7, 11);
    }

    #[test]
    fn extended_characters_take_two_places_and_are_not_cut() {
        use Encoding::Gsm7;
        check(&"€".repeat(80), Gsm7, 1);
        check(&"€".repeat(81), Gsm7, 2);
        // 76 pairs fill 152 of the 153 places of a part; the 77th begins the next.
        check(&"€".repeat(152), Gsm7, 2);
        check(&"€".repeat(153), Gsm7, 3);
        check(&format!("{}[", "a".repeat(158)), Gsm7, 1);
        check(&format!("{}[", "a".repeat(159)), Gsm7, 2);
        check(&format!("{}]{}", "a".repeat(152), "a".repeat(151)), Gsm7, 2);
        check(&format!("{}]{}", "a".repeat(152), "a".repeat(152)), Gsm7, 3);
    }

    #[test]
    fn a_short_text_is_one() {
        let check = |text: &str, expect: bool| {
            assert_eq!(is_one(text), expect);
            assert_eq!(segments(text).count, 1);
        };
        check("", true);
        check(&"[".repeat(70), true);
        check(&"a".repeat(71), false);
        check(&"🔑".repeat(17), true);
        check(&format!("{}`", "a".repeat(69)), true);
    }

    #[test]
    fn other_texts() {
        use Encoding::Ucs2;
        check("確認コードは 482913 です", Ucs2, 1);
        check(&"あ".repeat(70), Ucs2, 1);
        check(&"あ".repeat(71), Ucs2, 2);
        check(&"あ".repeat(134), Ucs2, 2);
        check(&"あ".repeat(135), Ucs2, 3);
        check(&format!("{}`", "a".repeat(69)), Ucs2, 1);
        check(&format!("{}`", "a".repeat(70)), Ucs2, 2);
        check("ç", Ucs2, 1);
    }

    #[test]
    fn pairs_of_units_are_not_cut() {
        use Encoding::Ucs2;
        check(&"🔑".repeat(35), Ucs2, 1);
        check(&"🔑".repeat(36), Ucs2, 2);
        // 33 pairs fill 66 of the 67 places of a part.
        check(&"🔑".repeat(66), Ucs2, 2);
        check(&"🔑".repeat(67), Ucs2, 3);
    }
}
