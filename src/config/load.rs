//! From the text of a file and the environment to a checked configuration, or to everything that is wrong with them.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{ErrorKind, Read},
    path::Path as FilePath,
};

use super::{
    Config, addresses, check, overrides,
    path::{Path, Step},
    problem::{Problem, Problems},
    providers::KindSchemas,
    scalar, schema,
    shape::Shape,
    tree::Tree,
    variables::Variables,
    yaml,
};

/// What a configuration is made from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The file's name, as problems show it.
    pub name: &'a str,
    /// The file's text.
    pub text: &'a str,
    /// The environment, of which `TOLLGATE__…` lies over the file.
    pub variables: &'a Variables,
    /// The kinds of providers there are.
    pub kinds: &'a KindSchemas,
    /// Whether providers may be simulators without the file saying so.
    pub sandbox: bool,
}

impl Config {
    /// Reads and checks a configuration. Touches nothing: secrets are not resolved, and no address is looked up. The
    /// error names every mistake at once.
    pub fn load(source: &Source<'_>) -> Result<Self, Problems> {
        let fail = |problems| Problems::new(source.name, problems);
        let (tree, mut problems) = yaml::read(source.text);
        let Some(mut tree) = tree else {
            return Err(fail(problems));
        };
        problems.extend(overrides::apply(&mut tree, source.variables));
        let schema = schema::compose(source.kinds);
        let shape = Shape::new(&schema).map_err(|error| {
            Problems::whole(source.name, format!("the kinds' schema is broken: {error}"))
        })?;
        problems.extend(shape.check(&mut tree));
        let known: BTreeSet<_> = problems
            .iter()
            .map(|problem| problem.path.clone())
            .collect();
        let ambiguous = old_booleans(&tree).into_iter();
        problems.extend(ambiguous.filter(|problem| !known.contains(&problem.path)));
        problems.extend(check::check(&tree));
        problems.extend(addresses::check(&tree, source.sandbox));
        if problems.is_empty() {
            build(&tree).map_err(|problem| fail(vec![problem]))
        } else {
            Err(fail(problems))
        }
    }
}

/// The text of a configuration file; the error says what is wrong with the file as a whole.
pub fn read_file(path: &FilePath) -> Result<String, Problems> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let file = File::open(path);
    let read = file.and_then(|file| {
        file.take(yaml::MAX_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
    });
    read.map_err(|error| {
        let message = if error.kind() == ErrorKind::NotFound {
            "there is no such file".to_owned()
        } else {
            format!("cannot be read: {error}")
        };
        Problems::whole(&name, message)
    })?;
    if bytes.len() > yaml::MAX_BYTES {
        return Err(Problems::whole(&name, "is larger than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid]
            .split(|byte| *byte == b'\n')
            .count();
        Problems::whole(&name, format!("is not UTF-8 (line {line})"))
    })
}

/// Words that we read as a text and YAML 1.1 as true or false: with Helm, another configuration would arrive.
fn old_booleans(tree: &Tree) -> Vec<Problem> {
    let explain = |(path, word): (&Path, &String)| {
        let read = scalar::old_boolean(word).unwrap_or_default();
        let message =
            format!("YAML 1.1, which Helm reads, takes {word} for {read}: write \"{word}\"");
        match path.steps().last() {
            Some(Step::Key(key)) if key == word => tree.problem_with_key(path, message),
            Some(_) | None => tree.problem(path, message),
        }
    };
    tree.old_booleans.iter().map(explain).collect()
}

/// What fits the schema fits the types, as one was made from the other; where it does not, the mistake is ours. The
/// message of `serde` might repeat a value and stays unsaid.
fn build(tree: &Tree) -> Result<Config, Problem> {
    serde_path_to_error::deserialize(&tree.root).map_err(|error| {
        let message = format!("fits the schema but not the program, at {}", error.path());
        tree.problem(&Path::default(), message)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::sample::{RIGHT, load, problems};

    #[test]
    fn a_right_file_is_read() {
        let config = load(RIGHT, &[]).unwrap();
        assert_eq!(config.providers["twilio-us"].kind, "twilio");
        assert_eq!(config.providers["twilio-us"].settings["account_sid"], "AC1");
        let countries = &config.tenants["acme"].countries.allow;
        let countries: Vec<_> = countries
            .iter()
            .map(|country| country.0.to_string())
            .collect();
        assert_eq!(countries, ["US", "NO"]);
        assert_eq!(config.routes[0].providers, ["twilio-us"]);
    }

    #[test]
    fn five_mistakes_are_five_problems() {
        let text = "
log: { level: loud }
providers:
  twilio-us: { kind: twilio, account_sid: AC1, auth_token: hunter2 }
tenants:
  acme:
    countries: { allow: [US, NO] }
    okta:
      failver: disabled
      auth: { secrets: [ { env: HOOK } ] }
routes:
  - { channel: sms, try: [twilio-uk] }
";
        insta::assert_snapshot!(problems(text), @r#"
        c.yaml:2:15: log.level: must be trace, debug, info, warn or error, or a filter such as tollgate=debug,warn
        c.yaml:4:60: providers.twilio-us.auth_token: expected { env: NAME } or { file: PATH }, found a text
        c.yaml:7:30: tenants.acme.countries.allow[1]: YAML 1.1, which Helm reads, takes NO for false: write "NO"
        c.yaml:9:7: tenants.acme.okta.failver: unknown key (did you mean "failover"?)
        c.yaml:12:27: routes[0].try[0]: there is no provider of this name (did you mean "twilio-us"?)
        "#);
    }

    #[test]
    fn what_is_no_configuration_says_so() {
        let check = |text: &str, expect: &str| assert_eq!(problems(text), expect, "{text:?}");
        check("", "c.yaml: holds no settings");
        check(
            "x",
            "c.yaml:1:1: expected the configuration of Tollgate, found a text",
        );
        check("a:\n", "c.yaml:1:1: a: unknown key");
        check(
            "log: {}\nlog: {}\n",
            "c.yaml:2:1: log: is written twice: here and on line 1",
        );
        check(
            "log: [",
            "c.yaml:2:1: is no valid YAML: while parsing a node, did not find expected node content",
        );
    }

    #[test]
    fn a_key_without_a_value_is_left_out() {
        let text = "log:\n  level:\n  format: ~\nproviders:\ntenants: null\ngrpc: { tls: }\n";
        assert_eq!(load(text, &[]), Ok(Config::default()));
    }

    #[test]
    fn variables_lie_over_the_file() {
        let variables = [
            ("TOLLGATE__LOG__LEVEL", "debug"),
            (
                "TOLLGATE__PROVIDERS__TWILIO_US__SENDERS__DEFAULT",
                "+15005550001",
            ),
            ("TOLLGATE__TENANTS__ACME__COUNTRIES__ALLOW__1", "NO"),
        ];
        let config = load(RIGHT, &variables).unwrap();
        assert_eq!(config.log.level, "debug");
        // Digits are a text where a text is wanted.
        assert_eq!(
            config.providers["twilio-us"].settings["senders"]["default"],
            "+15005550001"
        );
    }

    #[test]
    fn mistakes_in_variables_name_the_variable() {
        let variables = [
            ("TOLLGATE__LOG__LEVLE", "debug"),
            ("TOLLGATE__GRPC__MAX_IN_FLIGHT", "many"),
            ("TOLLGATE__PROVIDERS__TWILIO_US__AUTH_TOKEN", "hunter2"),
            ("TOLLGATE__TENANTS__OTHER__BRAND", "Other"),
        ];
        let problems = load(RIGHT, &variables).unwrap_err().to_string();
        insta::assert_snapshot!(problems, @r#"
        TOLLGATE__GRPC__MAX_IN_FLIGHT: grpc.max_in_flight: expected a whole number, found a text
        TOLLGATE__LOG__LEVLE: log.levle: unknown key (did you mean "level"?)
        TOLLGATE__PROVIDERS__TWILIO_US__AUTH_TOKEN: providers.twilio-us.auth_token: expected { env: NAME } or { file: PATH }, found a text
        TOLLGATE__TENANTS__OTHER__BRAND: tenants.other: the key "countries" is missing
        "#);
    }

    #[test]
    fn files_that_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.yaml");
        let message = || {
            let message = read_file(&path).unwrap_err().to_string();
            message.replace(&format!("{}: ", path.display()), "")
        };
        assert_eq!(message(), "there is no such file");
        std::fs::write(&path, b"a: 1\nb: \xff\n").unwrap();
        assert_eq!(message(), "is not UTF-8 (line 2)");
        std::fs::write(&path, "é".repeat(1 << 20)).unwrap();
        assert_eq!(message(), "is larger than 1 MiB");
        std::fs::write(&path, RIGHT).unwrap();
        assert_eq!(read_file(&path).unwrap(), RIGHT);
        assert!(
            read_file(folder.path())
                .unwrap_err()
                .to_string()
                .contains("cannot be read")
        );
    }

    /// Lines of a file that is nearly right.
    fn lines() -> impl Strategy<Value = String> {
        let line = prop_oneof![
            proptest::sample::select(
                RIGHT
                    .lines()
                    .chain(crate::config::DEFAULT.lines())
                    .collect::<Vec<_>>()
            )
            .prop_map(str::to_owned),
            "[ ]{0,6}[a-z_]{1,8}: [ -~]{0,12}",
            "[ ]{0,6}- [\\PC\\t]{0,12}",
        ];
        proptest::collection::vec(line, 0..40).prop_map(|lines| lines.join("\n"))
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\PC\\x00-\\x20]{0,200}") {
            let _ = load(&text, &[]);
        }

        #[test]
        fn no_nearly_right_file_panics(text in lines(), name in "TOLLGATE__[A-Z0-9_]{0,20}", value in "\\PC{0,20}") {
            let _ = load(&text, &[(&name, &value)]);
        }

        #[test]
        fn no_broken_right_file_panics(at in 0..RIGHT.len(), put in "\\PC{0,3}", cut in 0_usize..20) {
            let end = (at + cut).min(RIGHT.len());
            let text = format!("{}{put}{}", &RIGHT[..at], &RIGHT[end..]);
            let _ = load(&text, &[]);
        }
    }
}
