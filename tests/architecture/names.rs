//! What a file names: every path in it, made absolute, whatever way it was written.

use std::collections::BTreeSet;

use crate::lexer::{Kind, Token};

/// A path that a file names.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    /// Absolute: `crate::domain::phone` for ours, `axum::Router` for another crate's. `.await` is named `await`.
    pub(crate) path: String,
    pub(crate) line: usize,
    /// Whether it ends in `::*`.
    pub(crate) glob: bool,
    /// Whether it stands in a `mod tests { … }`.
    pub(crate) in_tests: bool,
}

impl Name {
    /// Whether this is `prefix` or something in it.
    pub(crate) fn is_within(&self, prefix: &str) -> bool {
        within(&self.path, prefix)
    }

    /// The segments of a path of ours, from the top-level module on; `None` for another crate's.
    pub(crate) fn ours(&self) -> Option<Vec<&str>> {
        let mut segments = self.path.split("::");
        (segments.next() == Some("crate")).then(|| segments.collect())
    }
}

/// Whether `path` is `prefix` or something in it.
pub(crate) fn within(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The module path of a file below `src/`: `dispatch::send` for `dispatch/send.rs`, nothing for `lib.rs`.
pub(crate) fn module_of(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let mut segments: Vec<_> = stem.split('/').map(str::to_owned).collect();
    let last = segments.last().map(String::as_str);
    if last == Some("mod") || (segments.len() == 1 && matches!(last, Some("lib" | "main"))) {
        segments.pop();
    }
    segments
}

/// Every path that the tokens of `file` name.
pub(crate) fn names(file: &str, tokens: &[Token<'_>]) -> Vec<Name> {
    let mut reader = Reader {
        tokens,
        at: 0,
        module: module_of(file),
        scopes: Vec::new(),
        own: BTreeSet::new(),
        found: Vec::new(),
    };
    reader.read();
    // A module of ours may bear the name of a crate (`store::redis`): once imported or declared, its short name is
    // ours, and only a `use` that starts afresh could mean the crate.
    let Reader { own, mut found, .. } = reader;
    found.retain(|(name, imported)| {
        *imported || !own.contains(name.path.split("::").next().unwrap_or_default())
    });
    found.into_iter().map(|(name, _)| name).collect()
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    module: Vec<String>,
    /// One entry per open brace; the name where it is a module's.
    scopes: Vec<Option<&'a str>>,
    /// Short names that stand for modules and items of ours.
    own: BTreeSet<String>,
    /// Each name, and whether a `use` brought it in.
    found: Vec<(Name, bool)>,
}

impl<'a> Reader<'a> {
    fn read(&mut self) {
        let mut imports = false;
        while let Some(token) = self.tokens.get(self.at) {
            match (token.kind, token.text) {
                (Kind::Mark, "{") => self.scopes.push(self.opened_module()),
                (Kind::Mark, "}") => drop(self.scopes.pop()),
                (Kind::Mark, ";") => imports = false,
                (Kind::Word, "use") => imports = true,
                (Kind::Word, "mod") => {
                    let declared = self.tokens.get(self.at + 1);
                    self.own.extend(declared.map(|name| name.text.to_owned()));
                }
                (Kind::Word, "await") if self.follows(".") => {
                    self.push(&["await"], token.line, false, false);
                }
                (Kind::Word, _) if !self.follows(".") && (imports || self.leads("::")) => {
                    self.tree(&[], imports);
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// The module whose brace opens here.
    fn opened_module(&self) -> Option<&'a str> {
        let before = self.at.checked_sub(2)?;
        let name = self.tokens[self.at - 1];
        (self.tokens[before].is_word("mod")).then_some(name.text)
    }

    fn follows(&self, mark: &str) -> bool {
        self.at > 0 && self.tokens[self.at - 1].is_mark(mark)
    }

    fn leads(&self, mark: &str) -> bool {
        self.mark_at(self.at + 1, mark)
    }

    fn mark_at(&self, at: usize, mark: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_mark(mark))
    }

    /// Reads one path, or one tree of a `use`, from its first word on.
    fn tree(&mut self, prefix: &[&'a str], imports: bool) {
        let mut segments = prefix.to_vec();
        let line = self.tokens[self.at].line;
        while let Some(token) = self.tokens.get(self.at) {
            if token.kind == Kind::Word {
                segments.push(token.text);
                self.at += 1;
                if self.mark_at(self.at, "::") {
                    self.at += 1;
                    continue;
                }
            } else if imports && token.is_mark("{") {
                self.group(&segments);
                return;
            } else if imports && token.is_mark("*") {
                self.at += 1;
                self.push(&segments, line, true, imports);
                return;
            }
            break;
        }
        self.push(&segments, line, false, imports);
        self.skip_alias();
    }

    fn group(&mut self, prefix: &[&'a str]) {
        self.at += 1;
        while let Some(token) = self.tokens.get(self.at) {
            if token.is_mark("}") {
                self.at += 1;
                return;
            }
            if token.is_mark(",") {
                self.at += 1;
            } else {
                let before = self.at;
                self.tree(prefix, true);
                // Whatever is no path here is passed over, so that odd input ends too.
                self.at = self.at.max(before + 1);
            }
        }
    }

    fn skip_alias(&mut self) {
        let alias = self.tokens.get(self.at).is_some_and(|t| t.is_word("as"));
        let name = self.tokens.get(self.at + 1);
        if let (true, Some(name)) = (alias, name) {
            let ours = self.found.last().is_some_and(|(n, _)| n.ours().is_some());
            self.own.extend(ours.then(|| name.text.to_owned()));
            self.at += 2;
        }
    }

    fn push(&mut self, segments: &[&str], line: usize, glob: bool, imported: bool) {
        let path = self.absolute(segments).join("::");
        if imported && let Some(last) = path.strip_prefix("crate::") {
            let last = last.rsplit("::").next().unwrap_or_default();
            self.own.insert(last.to_owned());
        }
        let in_tests = self.scopes.contains(&Some("tests"));
        let name = Name {
            path,
            line,
            glob,
            in_tests,
        };
        self.found.push((name, imported));
    }

    /// Resolves `crate`, `self`, `super` and our own package's name; another crate's path stays as it is.
    fn absolute(&self, segments: &[&str]) -> Vec<String> {
        let inline = self.scopes.iter().flatten().map(|name| (*name).to_owned());
        let here = self.module.iter().cloned().chain(inline);
        let mut ours: Option<Vec<String>> = None;
        for segment in segments {
            match *segment {
                "crate" | "tollgate" if ours.is_none() => ours = Some(Vec::new()),
                "self" => ours = ours.or_else(|| Some(here.clone().collect())),
                "super" => {
                    let mut module = ours.unwrap_or_else(|| here.clone().collect());
                    module.pop();
                    ours = Some(module);
                }
                word => match &mut ours {
                    Some(module) => module.push(word.to_owned()),
                    None => return segments.iter().map(|s| (*s).to_owned()).collect(),
                },
            }
        }
        let mut path = vec!["crate".to_owned()];
        path.extend(ours.unwrap_or_default());
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::tokens;

    fn check(file: &str, source: &str, expect: &[&str]) {
        let found = names(file, &tokens(source));
        let paths: Vec<_> = found.iter().map(|name| name.path.as_str()).collect();
        assert_eq!(paths, expect, "{file}: {source}");
    }

    #[test]
    fn groups_are_opened() {
        check(
            "app.rs",
            "use crate::{a, b::{self, c as d}, e::{f::g}};",
            &["crate::a", "crate::b", "crate::b::c", "crate::e::f::g"],
        );
        check(
            "app.rs",
            "use {crate::a, std::env};",
            &["crate::a", "std::env"],
        );
        check(
            "app.rs",
            "use std::{io, env::{var, args}};",
            &["std::io", "std::env::var", "std::env::args"],
        );
    }

    #[test]
    fn paths_in_code_count_too() {
        check("a/b.rs", "fn f() { crate::x::y::<u8>() }", &["crate::x::y"]);
        check(
            "a/b.rs",
            "fn f() -> ::axum::Router { g.await }",
            &["axum::Router", "await"],
        );
        check("a/b.rs", "let await_time = s.env::<u8>();", &[]);
        check("a/b.rs", "pub(in crate::a) struct S;", &["crate::a"]);
        check(
            "a/b.rs",
            "#[axum::debug_handler] fn f() {}",
            &["axum::debug_handler"],
        );
    }

    #[test]
    fn super_is_followed_out_of_the_module() {
        check("a/b.rs", "use super::c;", &["crate::a::c"]);
        check("a/b.rs", "use super::super::c;", &["crate::c"]);
        check("a/mod.rs", "use super::c;", &["crate::c"]);
        check(
            "a.rs",
            "mod tests { use super::*; use super::super::c; }",
            &["crate::a", "crate::c"],
        );
        check(
            "a/b.rs",
            "use super::{super::c, d};",
            &["crate::c", "crate::a::d"],
        );
        check(
            "a/b.rs",
            "mod m { mod n { use super::super::super::x; } } use super::y;",
            &["crate::a::x", "crate::a::y"],
        );
        check(
            "a/b.rs",
            "use self::c; fn f() { self::d(); self.e(); }",
            &["crate::a::b::c", "crate::a::b::d"],
        );
    }

    #[test]
    fn comments_and_strings_name_nothing() {
        check(
            "a.rs",
            "// use crate::b;\nlet s = \"crate::c\"; /* crate::d */",
            &[],
        );
    }

    #[test]
    fn the_binary_names_the_library() {
        check("main.rs", "use tollgate::cli;", &["crate::cli"]);
    }

    #[test]
    fn a_module_with_a_crates_name_is_ours() {
        check("store/mod.rs", "mod redis; fn f() { redis::get() }", &[]);
        check(
            "a.rs",
            "use crate::store::redis; fn f() { redis::get() }",
            &["crate::store::redis"],
        );
        check(
            "a.rs",
            "use crate::store::kv as redis; fn f() { redis::get() }",
            &["crate::store::kv"],
        );
        check("a.rs", "fn f() { redis::get() }", &["redis::get"]);
    }

    #[test]
    fn globs_and_tests_are_told() {
        let found = names("a.rs", &tokens("use b::*; mod tests { use super::*; }"));
        let told: Vec<_> = found.iter().map(|n| (n.glob, n.in_tests)).collect();
        assert_eq!(told, [(true, false), (true, true)]);
    }
}
