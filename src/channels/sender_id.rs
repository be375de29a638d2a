//! The forms in which operators name who a message comes from.

/// Whether a text is a number in E.164: `+` and 7 to 15 digits, the first not zero.
pub fn is_number(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| is_digits(digits, 7, 15) && !digits.starts_with('0'))
}

/// Whether a text is a short code: 3 to 8 digits.
pub fn is_short_code(text: &str) -> bool {
    is_digits(text, 3, 8)
}

/// Whether a text is an alphanumeric sender id: at most 11 letters, digits, spaces or `& + - _`. Without a letter it would
/// be mistaken for a number.
pub fn is_name(text: &str) -> bool {
    let fits = text.len() <= 11 && text.trim() == text;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b" &+-_".contains(&byte);
    fits && text.bytes().all(allowed) && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn is_digits(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_form_or_none() {
        let check = |text: &str, expect: [bool; 3]| {
            let forms = [is_number(text), is_short_code(text), is_name(text)];
            assert_eq!(forms, expect, "{text:?}");
        };
        check("+15005550006", [true, false, false]);
        check("12345", [false, true, false]);
        check("A&B +-_ c9", [false, false, true]);
        check("Elevenchars", [false, false, true]);
        for odd in [
            "",
            "+",
            "+0123456789",
            "+1234567890123456",
            "12",
            "123456789",
            "Twelve chars",
        ] {
            check(odd, [false; 3]);
        }
        for odd in ["Ünal", "a\nb", "<b>", " ACME", "++--"] {
            check(odd, [false; 3]);
        }
    }
}
