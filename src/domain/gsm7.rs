//! The GSM 03.38 alphabet, in which an SMS has most room.

/// The characters of the alphabet that are not ASCII.
const BEYOND_ASCII: &str = "£¥¤§¡¿èéùìòàÇØøÅåÆæßÉÄÖÑÜäöñüΔΦΓΛΩΠΨΣΘΞ";

/// Whether the alphabet has every character of a text.
pub fn carries(text: &str) -> bool {
    text.chars().all(|c| septets(c).is_some())
}

/// Places that a character takes in the alphabet; `None` when it has no place there.
pub fn septets(c: char) -> Option<usize> {
    match c {
        'A'..='Z' | 'a'..='z' | '0'..='9' | ' '..='?' | '@' | '_' | '\n' | '\r' => Some(1),
        // The extension table: an escape and then the character.
        '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' | '\u{c}' => Some(2),
        _ => BEYOND_ASCII.contains(c).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_has_its_128_places() {
        let every = || (0..=0xffff).filter_map(char::from_u32);
        let one = every().filter(|c| septets(*c) == Some(1));
        let two = every().filter(|c| septets(*c) == Some(2));
        // 128 less the escape itself.
        assert_eq!((one.count(), two.count()), (127, 10));
    }

    #[test]
    fn one_character_decides_for_the_whole_text() {
        assert!(carries("") && carries("Ihr Code für Ångström: 482913 [€]\r\n"));
        assert!(!carries("確認コード 482913") && !carries("482913 🔑") && !carries("garçon"));
    }
}
