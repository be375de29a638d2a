//! Text from outside made harmless for a terminal: whoever sends a message must not move the cursor.

/// The text with every control character but line ends replaced by `·`.
pub(super) fn printable(text: &str) -> String {
    let replaced = text.chars().map(|character| match character {
        '\n' => '\n',
        other if other.is_control() => '·',
        other => other,
    });
    replaced.collect()
}

/// How many columns a text takes on a terminal. East Asian letters and emoji take two.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// How many columns a character takes.
pub(super) fn width(character: char) -> usize {
    const WIDE: [(u32, u32); 7] = [
        (0x1100, 0x115F),
        (0x2E80, 0xA4CF),
        (0xAC00, 0xD7A3),
        (0xF900, 0xFAFF),
        (0xFE30, 0xFE6F),
        (0xFF00, 0xFF60),
        (0x1F300, 0x1FAFF),
    ];
    let code = u32::from(character);
    let wide = WIDE.iter().any(|&(from, to)| (from..=to).contains(&code));
    if wide { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(printable("a\u{1b}[2Jb\r\nc\u{9b}"), "a·[2Jb·\nc·");
    }

    #[test]
    fn wide_letters_take_two_columns() {
        assert_eq!(columns("code"), 4);
        assert_eq!(columns("認証コード"), 10);
    }
}
