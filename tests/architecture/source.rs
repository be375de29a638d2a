//! One source file, as the rules look at it.

use crate::{
    lexer::{self, Token},
    names::{self, Name},
};

/// One source file.
pub(crate) struct Source<'a> {
    /// Its path below the folder that is scanned, with `/`.
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
    pub(crate) tokens: Vec<Token<'a>>,
    pub(crate) names: Vec<Name>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        let tokens = lexer::tokens(text);
        let names = names::names(file, &tokens);
        Self {
            file,
            text,
            tokens,
            names,
        }
    }

    /// A finding, with its place.
    pub(crate) fn at(&self, line: usize, problem: &str) -> String {
        format!("{}:{line}: {problem}", self.file)
    }

    /// Whether this is a file of `module`: `guard::rules` has `guard/rules.rs` and everything in `guard/rules/`.
    pub(crate) fn belongs_to(&self, module: &str) -> bool {
        names::within(&names::module_of(self.file).join("::"), module)
    }
}
