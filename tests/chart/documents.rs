//! What the chart says of itself: every value is explained, used and listed, and versions are one.

use regex::Regex;
use serde_json::Value;

use super::{
    helm::{CHART, repository, text_of},
    read_yaml,
    values_schema::keep_up,
};

/// A value that a user may set.
#[derive(Debug)]
struct Row {
    path: String,
    default: String,
    text: String,
}

/// How templates call a part of the values, and which part that is.
const ALIASES: [(&str, &[&str]); 13] = [
    (".Values.", &[""]),
    ("$values.", &[""]),
    ("$pod.", &["gateway.", "adapter."]),
    ("$service.", &["service.http.", "service.grpc."]),
    ("$scale.", &["adapter.autoscaling."]),
    ("$budget.", &["adapter.podDisruptionBudget."]),
    ("$policy.", &["networkPolicy."]),
    (".route.", &["httpRoute.", "grpcRoute."]),
    ("$route.", &["httpRoute.", "grpcRoute."]),
    (
        ".backendTLS.",
        &["httpRoute.backendTLS.", "grpcRoute.backendTLS."],
    ),
    (".tls.", &["public.tls.", "grpc.tls."]),
    (
        ".probe.",
        &[
            "pod.startupProbe.",
            "pod.livenessProbe.",
            "pod.readinessProbe.",
        ],
    ),
    (".networkPolicy.", &["networkPolicy."]),
];

/// Parts that are handed on whole.
const WHOLE: [&str; 4] = [
    "pod.securityContext.",
    "pod.containerSecurityContext.",
    "networkPolicy.providers.",
    "networkPolicy.okta.",
];

/// Reads `values.yaml` with its comments; the problems are keys that nobody explains.
fn rows() -> (Vec<Row>, Vec<String>) {
    let text = text_of(&format!("{CHART}/values.yaml"));
    let values = read_yaml::document(&text).unwrap();
    let key = Regex::new("^( *)([A-Za-z]+):").unwrap();
    let lines: Vec<_> = text.lines().collect();
    let mut above: Vec<(usize, String)> = Vec::new();
    let mut leaf: Option<usize> = None;
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for (at, line) in lines.iter().enumerate() {
        let Some(found) = key.captures(line) else {
            continue;
        };
        let indent = found[1].len();
        if leaf.is_some_and(|of| indent > of) {
            continue;
        }
        leaf = None;
        above.retain(|(of, _)| *of < indent);
        above.push((indent, found[2].to_owned()));
        let names: Vec<_> = above.iter().map(|(_, name)| name.as_str()).collect();
        let path = names.join(".");
        let comment = at
            .checked_sub(1)
            .map_or("", |before| lines[before].trim_start());
        let Some(comment) = comment.strip_prefix("# -- ") else {
            problems.push(format!("values.yaml:{}: {path} has no `# --`", at + 1));
            continue;
        };
        let is_group = lines.get(at + 1).is_some_and(|next| {
            next.trim_start().starts_with("# -- ") && next.len() - next.trim_start().len() > indent
        });
        if is_group {
            continue;
        }
        leaf = Some(indent);
        let value = values
            .pointer(&format!("/{}", path.replace('.', "/")))
            .unwrap();
        rows.push(Row {
            path,
            default: value.to_string(),
            text: comment.to_owned(),
        });
    }
    (rows, problems)
}

#[test]
fn every_value_is_explained() {
    let (rows, problems) = rows();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
    assert!(rows.len() > 100, "{}", rows.len());
    for row in rows {
        assert!(row.text.ends_with('.'), "{}: {}", row.path, row.text);
    }
}

#[test]
fn the_readme_lists_every_value() {
    let file = format!("{CHART}/README.md");
    let text = text_of(&file);
    let (before, rest) = text.split_once("<!-- values -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of values -->").unwrap();
    let mut table = "\n| value | default | what it is |\n|---|---|---|\n".to_owned();
    for Row {
        path,
        default,
        text,
    } in rows().0
    {
        let default = default.replace('|', "\\|");
        let line = format!(
            "| `{path}` | `{default}` | {} |\n",
            text.replace('|', "\\|")
        );
        table.push_str(&line);
    }
    keep_up(
        &file,
        &format!("{before}<!-- values -->\n{table}\n<!-- end of values -->{after}"),
    );
}

fn templates() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["templates", "templates/tests"] {
        let folder = format!("{CHART}/{folder}");
        for entry in std::fs::read_dir(repository(&folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.contains('.') {
                let file = format!("{folder}/{name}");
                let text = text_of(&file);
                found.push((file, text));
            }
        }
    }
    found
}

#[test]
fn every_value_is_used() {
    let text: String = templates().into_iter().map(|(_, text)| text).collect();
    let says = |word: &str| {
        text.match_indices(word).any(|(at, _)| {
            let next = text[at + word.len()..].chars().next();
            next.is_none_or(|next| !next.is_ascii_alphanumeric())
        })
    };
    let is_used = |path: &str| {
        ALIASES.iter().any(|(alias, parts)| {
            let rests = parts.iter().filter_map(|part| path.strip_prefix(part));
            rests
                .into_iter()
                .any(|rest| says(&format!("{alias}{rest}")))
        })
    };
    let by_index = ["service.http.nodePort", "service.grpc.nodePort"];
    let rows = rows().0;
    let idle: Vec<_> = rows
        .iter()
        .map(|row| row.path.as_str())
        .filter(|path| !WHOLE.iter().any(|part| path.starts_with(part)))
        .filter(|path| !is_used(path) && !by_index.contains(path))
        .collect();
    assert!(idle.is_empty(), "no template uses {idle:?}");
    for part in WHOLE {
        assert!(is_used(part.trim_end_matches('.')), "{part}");
    }
}

#[test]
fn templates_use_values_that_are_there() {
    let values = read_yaml::document(&text_of(&format!("{CHART}/values.yaml"))).unwrap();
    let used = Regex::new(r"(?:\.Values|\$values)\.([A-Za-z.]*[A-Za-z])").unwrap();
    let mut seen = 0;
    for (file, text) in templates() {
        for found in used.captures_iter(&text) {
            let path = &found[1];
            seen += 1;
            let is_there = values
                .pointer(&format!("/{}", path.replace('.', "/")))
                .is_some();
            assert!(
                is_there || path.starts_with("config."),
                "{file}: .Values.{path}"
            );
        }
    }
    assert!(seen > 100);
}

#[test]
fn versions_are_one() {
    let chart = read_yaml::document(&text_of(&format!("{CHART}/Chart.yaml"))).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(chart["version"], version);
    assert_eq!(chart["appVersion"], version);
    let images = chart["annotations"]["artifacthub.io/images"]
        .as_str()
        .unwrap();
    assert!(
        images.contains(&format!("image: tollgate:{version}\n")),
        "{images}"
    );
    assert_eq!(chart["kubeVersion"], ">=1.30.0-0");
    assert_eq!(chart["apiVersion"], "v2");
    for key in [
        "home",
        "icon",
        "sources",
        "maintainers",
        "keywords",
        "description",
    ] {
        assert_ne!(chart[key], Value::Null, "{key}");
    }
    assert_eq!(text_of(&format!("{CHART}/LICENSE")), text_of("LICENSE"));
}

/// What is rendered depends on the values alone: nothing is looked up, drawn by lot, or read off the clock.
#[test]
fn templates_are_pure() {
    for (file, text) in templates() {
        for word in [
            "lookup",
            "rand",
            "now",
            "uuidv4",
            "genCA",
            "genSelfSigned",
            "genSigned",
            "genPrivateKey",
            "Capabilities",
            "getHostByName",
            "env ",
        ] {
            let used = Regex::new(&format!(
                r"\{{\{{[^}}]*[\s(|]{word}[A-Za-z0-9]*[\s)][^}}]*\}}\}}"
            ))
            .unwrap();
            let found = used.find(&text);
            assert!(found.is_none(), "{file}: {found:?}");
        }
    }
}

/// One kind of object in a file, and each file of a kind named after it.
#[test]
fn a_template_makes_one_kind() {
    let mut seen = 0;
    for (file, text) in templates() {
        let kinds = text
            .lines()
            .filter(|line| line.starts_with("kind: "))
            .count();
        let ending = file.rsplit_once('.').map(|(_, ending)| ending);
        let is_manifest =
            ending == Some("yaml") && !file.contains("/tests/") && !file.contains("/extraobjects.");
        assert_eq!(
            kinds,
            usize::from(is_manifest || file.ends_with("_tests.tpl")),
            "{file}"
        );
        seen += kinds;
    }
    assert!(seen > 10);
}
