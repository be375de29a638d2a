//! What is wrong with a configuration: one line per mistake, each with its place.

use std::fmt;

/// Problems shown at most; a file that is no configuration at all has one on every line.
const SHOWN: usize = 50;

/// Where a problem was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the file, both counted from 1.
    File {
        /// The line.
        line: usize,
        /// The character in the line.
        column: usize,
    },
    /// In a variable of the environment.
    Variable(String),
    /// In no single place.
    Nowhere,
}

/// One mistake. It shows no secret: values are named only where they cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it was written.
    pub place: Place,
    /// What it is about, for example `tenants.acme.countries.allow[0]`; empty for the whole.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Every mistake of a configuration, in the order of the file; those of the environment follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    file: String,
    list: Vec<Problem>,
}

impl Problems {
    /// The problems of a file of this name, put in order, each once.
    pub fn new(file: &str, mut list: Vec<Problem>) -> Self {
        list.sort();
        list.dedup();
        Self {
            file: file.to_owned(),
            list,
        }
    }

    /// One problem of the file as a whole.
    pub fn whole(file: &str, message: impl Into<String>) -> Self {
        let problem = Problem {
            place: Place::Nowhere,
            path: String::new(),
            message: message.into(),
        };
        Self::new(file, vec![problem])
    }

    /// The problems one by one.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, problem: &Problem) -> fmt::Result {
        match &problem.place {
            Place::File { line, column } => write!(f, "{}:{line}:{column}: ", self.file)?,
            Place::Variable(name) => write!(f, "{name}: ")?,
            Place::Nowhere => write!(f, "{}: ", self.file)?,
        }
        if !problem.path.is_empty() {
            write!(f, "{}: ", problem.path)?;
        }
        f.write_str(&problem.message)
    }
}

/// One line per problem: `config.yaml:12:5: tenants.acme.okta.failver: unknown key (did you mean "failover"?)`.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.list.iter().take(SHOWN).enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            self.write(f, problem)?;
        }
        match self.list.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n{}: {more} more problems", self.file),
        }
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: usize, message: &str) -> Problem {
        Problem {
            place: Place::File { line, column: 1 },
            path: "log".to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn problems_stand_in_the_order_of_the_file_and_once() {
        let variable = Problem {
            place: Place::Variable("TOLLGATE__LOG".to_owned()),
            ..at(0, "third")
        };
        let problems = Problems::new(
            "c.yaml",
            vec![variable, at(10, "second"), at(9, "first"), at(9, "first")],
        );
        let text = "c.yaml:9:1: log: first\nc.yaml:10:1: log: second\nTOLLGATE__LOG: log: third";
        assert_eq!(problems.to_string(), text);
    }

    #[test]
    fn a_hopeless_file_does_not_flood_the_terminal() {
        let problems = Problems::new("c.yaml", (1..=1000).map(|n| at(n, "bad")).collect());
        let text = problems.to_string();
        assert_eq!(text.lines().count(), SHOWN + 1);
        assert!(text.ends_with("c.yaml: 950 more problems"), "{text}");
        assert_eq!(problems.list().len(), 1000);
    }
}
