//! How many SMS a text takes, as simulated vendors count and bill them.

/// The default alphabet of GSM 03.38; each takes one septet.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Its extension; each takes two septets.
const GSM_EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// The number of segments of a text; at least one.
pub(super) fn count(text: &str) -> usize {
    let septets: Option<usize> = text.chars().map(septets).sum();
    let (length, alone, joined) = match septets {
        Some(septets) => (septets, 160, 153),
        None => (text.encode_utf16().count(), 70, 67),
    };
    if length <= alone {
        return 1;
    }
    length.div_ceil(joined)
}

/// Whether the default alphabet of phones has this character, so that it needs no UCS-2.
pub(super) fn is_plain(character: char) -> bool {
    septets(character).is_some()
}

/// `None` for a character that forces the whole text into UCS-2.
fn septets(character: char) -> Option<usize> {
    if GSM.contains(character) {
        return Some(1);
    }
    GSM_EXTENSION.contains(character).then_some(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_as_phones_join_them() {
        let check = |text: &str, expect: usize| assert_eq!(count(text), expect, "{text:?}");
        check("", 1);
        check(&"a".repeat(160), 1);
        check(&"a".repeat(161), 2);
        check(&"a".repeat(307), 3);
        check(&"€".repeat(80), 1);
        check(&"€".repeat(81), 2);
        check(&"コ".repeat(70), 1);
        check(&"コ".repeat(71), 2);
        // One emoji takes two UTF-16 units.
        check(&"🔑".repeat(36), 2);
    }
}
