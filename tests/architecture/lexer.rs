//! Rust source as tokens: comments are gone, and what stands in a string cannot be mistaken for code.

/// One token and the line it stands on, from 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, a keyword or a number.
    Word,
    /// What stands between the quotes of a string or character.
    Text,
    /// One punctuation character, or `::`.
    Mark,
}

impl Token<'_> {
    /// Whether this is the keyword or identifier `word`.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    /// Whether this is the punctuation `mark`.
    pub(crate) fn is_mark(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }
}

/// The tokens of a file, in order.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut line = 1;
    while at < source.len() {
        let rest = &source[at..];
        let (length, token) = next(rest);
        if let Some((kind, text)) = token {
            found.push(Token { kind, text, line });
        }
        line += rest[..length].matches('\n').count();
        at += length;
    }
    found
}

/// How many bytes the next piece has, and what it is unless it means nothing.
fn next(rest: &str) -> (usize, Option<(Kind, &str)>) {
    let first = rest.chars().next().unwrap_or(' ');
    if rest.starts_with("//") {
        (rest.find('\n').unwrap_or(rest.len()), None)
    } else if rest.starts_with("/*") {
        (block_comment(rest), None)
    } else if let Some((length, text)) = string(rest) {
        (length, Some((Kind::Text, text)))
    } else if first.is_alphanumeric() || first == '_' {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let word = &rest[..end.unwrap_or(rest.len())];
        (word.len(), Some((Kind::Word, word)))
    } else if first == '\'' {
        quote(rest)
    } else if rest.starts_with("::") {
        (2, Some((Kind::Mark, &rest[..2])))
    } else if first.is_whitespace() {
        (first.len_utf8(), None)
    } else {
        let length = first.len_utf8();
        (length, Some((Kind::Mark, &rest[..length])))
    }
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// A string of any kind (`"…"`, `b"…"`, `c"…"`, `r#"…"#`, `br"…"`): its whole length, and what is between the quotes.
fn string(rest: &str) -> Option<(usize, &str)> {
    let prefix = rest.find(|c| !matches!(c, 'b' | 'c' | 'r'))?;
    if prefix > 2 {
        return None;
    }
    let raw = rest[..prefix].ends_with('r');
    let hashes = rest[prefix..].len() - rest[prefix..].trim_start_matches('#').len();
    let open = prefix + hashes;
    if !rest[open..].starts_with('"') || (hashes > 0 && !raw) {
        return None;
    }
    let body = &rest[open + 1..];
    let end = if raw {
        body.find(&format!("\"{}", "#".repeat(hashes)))
    } else {
        unescaped_quote(body)
    };
    let end = end.unwrap_or(body.len());
    let whole = (open + 1 + end + 1 + hashes).min(rest.len());
    Some((whole, &body[..end]))
}

fn unescaped_quote(body: &str) -> Option<usize> {
    let mut escaped = false;
    body.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// A character such as `'{'` or `'\''`, or else the quote of a lifetime, whose name follows as a word.
fn quote(rest: &str) -> (usize, Option<(Kind, &str)>) {
    let body = &rest[1..];
    let length = if body.starts_with('\\') {
        let escape = body.get(2..).and_then(|tail| tail.find('\''));
        escape.map(|end| end + 2)
    } else {
        let first = body.chars().next().map_or(0, char::len_utf8);
        body[first..].starts_with('\'').then_some(first)
    };
    match length {
        Some(length) => (length + 2, Some((Kind::Text, &body[..length]))),
        None => (1, Some((Kind::Mark, "'"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expect: &[(Kind, &str)]) {
        let found: Vec<_> = tokens(source).iter().map(|t| (t.kind, t.text)).collect();
        assert_eq!(found, expect, "{source}");
    }

    #[test]
    fn comments_are_gone() {
        check("a // b\nc", &[(Kind::Word, "a"), (Kind::Word, "c")]);
        check("/* b /* c */ d */ e", &[(Kind::Word, "e")]);
        check("/* never closed", &[]);
    }

    #[test]
    fn strings_are_one_token() {
        check(r#""a \" // b""#, &[(Kind::Text, r#"a \" // b"#)]);
        check(r#""\\" x"#, &[(Kind::Text, r"\\"), (Kind::Word, "x")]);
        check(
            r##"r#"crate::a "b" "#;"##,
            &[(Kind::Text, r#"crate::a "b" "#), (Kind::Mark, ";")],
        );
        check(r#"br"a" b"c""#, &[(Kind::Text, "a"), (Kind::Text, "c")]);
        check("\"never closed", &[(Kind::Text, "never closed")]);
    }

    #[test]
    fn characters_are_no_lifetimes() {
        check("'{'", &[(Kind::Text, "{")]);
        check(r"'\''", &[(Kind::Text, r"\'")]);
        check(r"'\\' x", &[(Kind::Text, r"\\"), (Kind::Word, "x")]);
        check(
            "&'a b",
            &[
                (Kind::Mark, "&"),
                (Kind::Mark, "'"),
                (Kind::Word, "a"),
                (Kind::Word, "b"),
            ],
        );
    }

    #[test]
    fn raw_words_and_plain_words_that_look_like_strings() {
        check(
            "crate::b",
            &[(Kind::Word, "crate"), (Kind::Mark, "::"), (Kind::Word, "b")],
        );
        check("bar\"x\"", &[(Kind::Word, "bar"), (Kind::Text, "x")]);
    }

    #[test]
    fn lines_are_counted() {
        let lines: Vec<_> = tokens("a\n/*\n*/ b\n\"\n\" c")
            .iter()
            .map(|t| t.line)
            .collect();
        assert_eq!(lines, [1, 3, 4, 5]);
    }
}
