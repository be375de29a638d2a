//! Shape: how every file begins, what it is called, and what no file may contain.

use crate::{floors, names::module_of, source::Source};

/// Names that say what code is made of, and not what it is for.
const EMPTY_NAMES: &[&str] = &[
    "common", "core", "helper", "helpers", "manager", "managers", "misc", "types", "util", "utils",
];

/// Most lines of `main.rs`: it parses, calls and answers with an exit code.
const MAIN_LINES: usize = 40;

/// What is wrong with any Rust file of ours.
pub(crate) fn check(source: &Source<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    if !opens_with_a_sentence(source.text) {
        broken.push(source.at(
            1,
            "must open with a `//!` sentence that says what it is for",
        ));
    }
    broken.extend(empty_names(source));
    broken.extend(attributes(source));
    broken.extend(globs(source));
    broken
}

/// What is wrong with a file of the product beyond that.
pub(crate) fn check_product(source: &Source<'_>) -> Vec<String> {
    let mut broken = reexports(source);
    match source.file {
        "lib.rs" => broken.extend(library_map(source)),
        "main.rs" if source.text.lines().count() > MAIN_LINES => {
            broken.push(source.at(MAIN_LINES + 1, "main.rs has more than 40 lines"));
        }
        _ => {}
    }
    broken
}

fn opens_with_a_sentence(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first
        .strip_prefix("//! ")
        .is_some_and(|sentence| !sentence.trim().is_empty())
}

fn empty_names(source: &Source<'_>) -> Vec<String> {
    let module = module_of(source.file);
    let called = module.iter().map(|segment| (1, segment.as_str()));
    let declared = source.tokens.windows(2).filter_map(|pair| {
        let [word, name] = pair else { return None };
        word.is_word("mod").then_some((name.line, name.text))
    });
    let empty = called
        .chain(declared)
        .filter(|(_, name)| EMPTY_NAMES.contains(name));
    empty
        .map(|(line, name)| source.at(line, &format!("`{name}` names no part of the product")))
        .collect()
}

/// Attributes that switch a test off, turn it round, or put a module elsewhere than its name says.
fn attributes(source: &Source<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let opens = token.is_mark("#") && source.tokens.get(at + 1).is_some_and(|t| t.is_mark("["));
        if !opens {
            continue;
        }
        let inside = source.tokens[at + 2..]
            .iter()
            .take_while(|t| !t.is_mark("]"));
        let words: Vec<_> = inside.map(|t| t.text).collect();
        let conditional = words.first() == Some(&"cfg_attr");
        let has = |word| words.first() == Some(&word) || (conditional && words.contains(&word));
        if has("ignore") {
            broken.push(source.at(token.line, "no test is ignored: it runs, or it is deleted"));
        }
        if has("should_panic") {
            broken.push(source.at(
                token.line,
                "a test says what it expects, not that it panics",
            ));
        }
    }
    broken
}

fn globs(source: &Source<'_>) -> Vec<String> {
    let globs = source
        .names
        .iter()
        .filter(|name| name.glob && !name.in_tests);
    globs
        .map(|name| source.at(name.line, &format!("`{}::*` hides what is used", name.path)))
        .collect()
}

fn reexports(source: &Source<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        if token.is_word("use") && is_public(&source.tokens[..at]) {
            broken.push(source.at(token.line, "a re-export hides who depends on whom"));
        }
        if token.is_word("extern")
            && source
                .tokens
                .get(at + 1)
                .is_some_and(|t| t.is_word("crate"))
        {
            broken.push(source.at(token.line, "`extern crate` renames what the rules look for"));
        }
        let attribute = at > 0 && source.tokens[at - 1].is_mark("[");
        let assigned = source.tokens.get(at + 1).is_some_and(|t| t.is_mark("="));
        if attribute && assigned && token.is_word("path") {
            broken.push(source.at(token.line, "a module is where its name says"));
        }
    }
    broken
}

/// Whether what comes next is `pub`, or `pub(…)`.
fn is_public(before: &[crate::lexer::Token<'_>]) -> bool {
    let mut before = before.iter().rev();
    match before.next() {
        Some(token) if token.is_mark(")") => before
            .find(|token| token.is_mark("("))
            .and_then(|_| before.next())
            .is_some_and(|token| token.is_word("pub")),
        Some(token) => token.is_word("pub"),
        None => false,
    }
}

/// `lib.rs` is the map of the house: it lists its modules and holds nothing else.
fn library_map(source: &Source<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for line in source.tokens.split(|token| token.is_mark(";")) {
        match line {
            [] => {}
            [public, module, name] if public.is_word("pub") && module.is_word("mod") => {
                if floors::floor(name.text).is_none() {
                    let problem = format!("`{}` stands on no floor", name.text);
                    broken.push(source.at(name.line, &problem));
                }
            }
            [first, ..] => {
                broken.push(source.at(first.line, "lib.rs lists modules and nothing else"));
            }
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(file: &str, text: &str) -> Vec<String> {
        let source = Source::new(file, text);
        [check(&source), check_product(&source)].concat()
    }

    fn accepts(file: &str, text: &str) {
        let broken = all(file, text);
        assert!(broken.is_empty(), "{broken:?}");
    }

    fn rejects(file: &str, text: &str, because: &str) {
        let broken = all(file, text);
        assert_eq!(broken.len(), 1, "{text}: {broken:?}");
        assert!(broken[0].contains(because), "{broken:?}");
    }

    #[test]
    fn every_file_opens_with_a_sentence() {
        accepts("clock.rs", "//! Time.\n");
        for text in [
            "",
            "\n//! Late.\n",
            "//!\n",
            "//! \n",
            "use std::fmt;\n",
            "/// Time.\n",
        ] {
            rejects("clock.rs", text, "must open");
        }
    }

    #[test]
    fn names_say_what_for() {
        rejects("utils.rs", "//! U.\n", "`utils` names no part");
        rejects("store/common/row.rs", "//! R.\n", "`common` names no part");
        rejects(
            "guard/mod.rs",
            "//! G.\nmod helpers;",
            "`helpers` names no part",
        );
    }

    #[test]
    fn tests_run_and_say_what_they_expect() {
        rejects(
            "a.rs",
            "//! A.\n#[test]\n#[ignore]\nfn f() {}",
            "no test is ignored",
        );
        rejects(
            "a.rs",
            "//! A.\n#[ignore = \"slow\"]\nfn f() {}",
            "no test is ignored",
        );
        rejects(
            "a.rs",
            "//! A.\n#[cfg_attr(unix, ignore)]\nfn f() {}",
            "no test is ignored",
        );
        rejects(
            "a.rs",
            "//! A.\n#[should_panic(expected = \"x\")]\nfn f() {}",
            "not that it panics",
        );
        accepts(
            "a.rs",
            "//! A.\n// #[ignore]\nfn ignore() { let s = \"#[ignore]\"; }",
        );
    }

    #[test]
    fn imports_are_named_one_by_one() {
        rejects("a.rs", "//! A.\nuse std::io::*;", "`std::io::*` hides");
        rejects(
            "a.rs",
            "//! A.\nuse crate::b::{c, d::*};",
            "`crate::b::d::*` hides",
        );
        accepts("a.rs", "//! A.\n#[cfg(test)] mod tests { use super::*; }");
        accepts("a.rs", "//! A.\nfn f() { let x = a * b; }");
    }

    #[test]
    fn nothing_is_exported_twice() {
        rejects("a.rs", "//! A.\npub use b::C;", "re-export");
        rejects("a.rs", "//! A.\npub(crate) use b::C;", "re-export");
        rejects("a.rs", "//! A.\npub(in crate::a) use b::C;", "re-export");
        rejects(
            "a.rs",
            "//! A.\nextern crate axum as web;",
            "`extern crate`",
        );
        rejects(
            "a.rs",
            "//! A.\n#[path = \"b.rs\"]\nmod c;",
            "where its name says",
        );
        accepts("a.rs", "//! A.\nuse b::C; pub fn f(path: u8) {}");
    }

    #[test]
    fn lib_lists_and_main_starts() {
        accepts(
            "lib.rs",
            "//! L.\n/// Time.\npub mod clock;\npub mod domain;\n",
        );
        rejects(
            "lib.rs",
            "//! L.\npub mod gadgets;",
            "`gadgets` stands on no floor",
        );
        rejects("lib.rs", "//! L.\nmod clock;", "lists modules");
        rejects(
            "lib.rs",
            "//! L.\npub mod clock; fn f() {}",
            "lists modules",
        );
        accepts("main.rs", &format!("//! M.\n{}", "fn f() {}\n".repeat(39)));
        rejects(
            "main.rs",
            &format!("//! M.\n{}", "fn f() {}\n".repeat(40)),
            "more than 40 lines",
        );
    }
}
