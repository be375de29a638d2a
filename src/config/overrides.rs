//! Lays variables over the file: `TOLLGATE__GRPC__LISTEN=0.0.0.0:50051`.

use serde_json::Value;

use super::{
    path::Path,
    problem::{Place, Problem},
    tree::Tree,
    variables::Variables,
    yaml,
};

/// What the name of an override starts with; two underscores stand between its levels.
const PREFIX: &str = "TOLLGATE__";

/// Lays every `TOLLGATE__…` variable over the tree. Names are matched in any case, with `_` for `-`; items of lists are
/// numbers, where the number after the last one adds an item. The value is YAML; an empty one leaves the key out.
pub(super) fn apply(tree: &mut Tree, variables: &Variables) -> Vec<Problem> {
    let mut overrides: Vec<_> = variables.iter().filter_map(Override::of).collect();
    // The whole goes before its parts, item 2 before item 10, whatever order the environment has.
    overrides.sort_by_key(|wanted| {
        wanted
            .levels
            .iter()
            .map(|level| (level.parse::<usize>().ok(), level.clone()))
            .collect::<Vec<_>>()
    });
    overrides
        .iter()
        .filter_map(|wanted| wanted.apply(tree).err())
        .collect()
}

struct Override<'a> {
    variable: &'a str,
    levels: Vec<String>,
    text: Option<&'a str>,
}

impl<'a> Override<'a> {
    fn of((variable, text): (&'a str, Option<&'a str>)) -> Option<Self> {
        let levels = variable.strip_prefix(PREFIX)?.split("__");
        Some(Self {
            variable,
            levels: levels.map(str::to_lowercase).collect(),
            text,
        })
    }

    fn apply(&self, tree: &mut Tree) -> Result<(), Problem> {
        let nowhere = Path::default();
        let text = self
            .text
            .ok_or_else(|| self.problem(&nowhere, "is not UTF-8"))?;
        let path = self.path(tree)?;
        let value = yaml::read_value(text).map_err(|message| self.problem(&path, &message))?;
        if let Some(Place::Variable(other)) = tree.spots.get(&path).map(|spot| &spot.key)
            && is_same(other, self.variable)
        {
            return Err(self.problem(&path, &format!("is also set by {other}")));
        }
        let laid = tree.lay_over(&path, value, self.variable, text);
        laid.then_some(())
            .ok_or_else(|| self.problem(&path, "stands below a value that has nothing below it"))
    }

    /// Where the variable points.
    fn path(&self, tree: &Tree) -> Result<Path, Problem> {
        let mut path = Path::default();
        for level in &self.levels {
            if level.is_empty() {
                return Err(self.problem(&path, "names no setting; write TOLLGATE__SECTION__KEY"));
            }
            path = match (tree.get(&path), level.parse::<usize>()) {
                (Some(Value::Object(_)), _) => self.key(tree, &path, level)?,
                (Some(Value::Array(items)), Ok(index)) if index <= items.len() => path.index(index),
                (Some(Value::Array(items)), _) => {
                    let message = format!(
                        "is a list of {}; name an item by its number, from 0",
                        items.len()
                    );
                    return Err(self.problem(&path, &message));
                }
                (_, Ok(index)) => path.index(index),
                (_, Err(_)) => path.key(level),
            };
        }
        Ok(path)
    }

    /// The key that the file has for this level, or a new one.
    fn key(&self, tree: &Tree, path: &Path, level: &str) -> Result<Path, Problem> {
        let mut keys = tree.keys(path).filter(|key| is_same(key, level));
        match (keys.next(), keys.next()) {
            (Some(_), Some(_)) => Err(self.problem(
                &path.key(level),
                "fits two keys of the file; change it there",
            )),
            (Some(key), None) => Ok(path.key(key)),
            (None, _) => Ok(path.key(level)),
        }
    }

    fn problem(&self, path: &Path, message: &str) -> Problem {
        Problem {
            place: Place::Variable(self.variable.to_owned()),
            path: path.to_string(),
            message: message.to_owned(),
        }
    }
}

/// Whether two names are one as far as the name of a variable can tell.
fn is_same(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FILE: &str = "
providers: { twilio-us: { senders: { GB: ACME } } }
grpc: { clients: [ { name: a } ] }
tenants: { a-b: 1, a_b: 2 }
";

    fn lay(pairs: &[(&str, &str)]) -> (Value, Vec<String>) {
        let mut tree = yaml::read(FILE).0.unwrap();
        let problems = apply(&mut tree, &pairs.iter().copied().collect());
        let line =
            |problem: Problem| format!("{:?} {}: {}", problem.place, problem.path, problem.message);
        (tree.root, problems.into_iter().map(line).collect())
    }

    #[test]
    fn variables_reach_every_place() {
        let check = |pairs: &[(&str, &str)], pointer: &str, expect: Value| {
            let (root, problems) = lay(pairs);
            assert!(problems.is_empty(), "{problems:?}");
            assert_eq!(root.pointer(pointer), Some(&expect), "{pairs:?}");
        };
        check(
            &[("TOLLGATE__GRPC__LISTEN", "1.2.3.4:5")],
            "/grpc/listen",
            json!("1.2.3.4:5"),
        );
        check(
            &[("TOLLGATE__PROVIDERS__TWILIO_US__KIND", "twilio")],
            "/providers/twilio-us/kind",
            json!("twilio"),
        );
        check(
            &[("TOLLGATE__PROVIDERS__TWILIO_US__SENDERS__GB", "X")],
            "/providers/twilio-us/senders/GB",
            json!("X"),
        );
        check(
            &[("TOLLGATE__GRPC__CLIENTS__0__NAME", "b")],
            "/grpc/clients/0/name",
            json!("b"),
        );
        check(
            &[("TOLLGATE__GRPC__CLIENTS__1__NAME", "b")],
            "/grpc/clients/1/name",
            json!("b"),
        );
        check(
            &[("TOLLGATE__GUARD__LIMITS__0__COUNT", "3")],
            "/guard/limits/0/count",
            json!(3),
        );
        check(
            &[("TOLLGATE__TENANTS__ACME__COUNTRIES", "{allow: [NO, US]}")],
            "/tenants/acme/countries/allow",
            json!(["NO", "US"]),
        );
        check(
            &[("TOLLGATE__GRPC__LISTEN", "")],
            "/grpc/listen",
            json!(null),
        );
        // The whole, then its parts; the file's items stay behind the new list's.
        let parts = [
            ("TOLLGATE__GRPC__CLIENTS__1__NAME", "z"),
            ("TOLLGATE__GRPC__CLIENTS", "[{name: x}, {name: y}]"),
        ];
        check(
            &parts,
            "/grpc/clients",
            json!([{ "name": "x" }, { "name": "z" }]),
        );
        check(
            &[("TOLLGATE_GRPC__LISTEN", "x")],
            "/grpc",
            json!({ "clients": [{ "name": "a" }] }),
        );
    }

    #[test]
    fn mistakes_name_the_variable() {
        let check = |pair: (&str, &str), expect: &str| {
            let (_, problems) = lay(&[pair]);
            assert_eq!(problems, [format!("Variable({:?}) {expect}", pair.0)]);
        };
        check(
            ("TOLLGATE__", "x"),
            ": names no setting; write TOLLGATE__SECTION__KEY",
        );
        check(
            ("TOLLGATE__GRPC____X", "x"),
            "grpc: names no setting; write TOLLGATE__SECTION__KEY",
        );
        check(
            ("TOLLGATE__GRPC__CLIENTS__2", "x"),
            "grpc.clients: is a list of 1; name an item by its number, from 0",
        );
        check(
            ("TOLLGATE__GRPC__CLIENTS__FIRST", "x"),
            "grpc.clients: is a list of 1; name an item by its number, from 0",
        );
        check(
            ("TOLLGATE__TENANTS__A_B", "x"),
            "tenants.a_b: fits two keys of the file; change it there",
        );
        check(
            ("TOLLGATE__GRPC__CLIENTS__0__NAME__X", "x"),
            "grpc.clients[0].name.x: stands below a value that has nothing below it",
        );
        check(
            ("TOLLGATE__GRPC__LISTEN", "[hunter2"),
            "grpc.listen: is no valid YAML: while parsing a flow sequence, expected ',' or ']'",
        );
    }

    #[test]
    fn two_variables_for_one_place_are_a_mistake() {
        let (_, problems) = lay(&[
            ("TOLLGATE__LOG__LEVEL", "info"),
            ("TOLLGATE__log__level", "warn"),
        ]);
        assert_eq!(
            problems,
            [r#"Variable("TOLLGATE__log__level") log.level: is also set by TOLLGATE__LOG__LEVEL"#]
        );
    }
}
