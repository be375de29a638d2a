//! What the documentation says, held against what the program says of itself.

use std::{collections::BTreeSet, fs, path::Path};

use clap::Parser;
use serde_json::Value;
use tollgate::{
    adapters::okta::{
        answer::{self, Words},
        ending::Ending,
    },
    channels::kinds,
    cli::Cli,
    config::{Config, load::Source, schema, tenants::Answer, variables::Variables},
    error::Reason,
    sandbox::triggers::TRIGGERS,
    telemetry::metrics::{Metric, Shape},
};

use crate::markdown::Page;

#[test]
fn every_reason_is_in_the_guide_to_the_api() {
    let guide = page("docs/grpc-api.md");
    for reason in Reason::ALL {
        let code = in_capitals(&format!("{:?}", reason.code()));
        let retry = if reason.retryable() { "yes" } else { "no" };
        let (name, text) = (reason.as_str(), reason.text());
        let wanted = format!("| `{name}` | `{code}` | {retry} | {text} |");
        assert_eq!(guide.row(&format!("`{name}`")), Some(&*wanted));
    }
}

#[test]
fn every_reason_has_its_class_and_its_words_in_the_guide_to_okta() {
    let guide = page("docs/okta.md");
    for reason in Reason::ALL {
        let name = format!("`{}`", reason.as_str());
        let class = Words::of(*reason).class.as_str();
        let row = guide.row(&format!("`{class}`")).unwrap_or_default();
        assert!(row.contains(&name), "{name} is not under {class}");
        let error = answer::body(&Ending::from(*reason), Answer::Error, "req");
        let error: Value = serde_json::from_slice(&error).unwrap();
        let cause = error["error"]["errorCauses"][0]["reason"].as_str().unwrap();
        let row = guide.row(&format!("`{cause}`")).unwrap_or_default();
        let text = error["error"]["errorSummary"].as_str().unwrap();
        // A limit's text ends in a time, or in these words.
        let text = text.trim_end_matches(" Try again later.");
        assert!(row.contains(text), "{cause} lacks {text:?}");
    }
}

#[test]
fn every_metric_is_in_the_guide_to_operations() {
    let guide = page("docs/operations.md");
    for metric in Metric::ALL {
        let name = metric.name();
        let kind = match metric.shape() {
            Shape::Counter => "counter",
            Shape::Gauge => "gauge",
            Shape::Seconds => "histogram",
        };
        let labels = metric.help().split_once("Labels: ");
        let labels = labels.map_or("", |(_, labels)| labels.trim_end_matches('.'));
        let labels = labels.split(", ").filter(|label| !label.is_empty());
        let labels: Vec<_> = labels.map(|label| format!("`{label}`")).collect();
        let row = guide.row(&format!("`{name}`")).unwrap_or_default();
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let found = cells.get(2..4).unwrap_or_default();
        assert_eq!(found, [kind, &labels.join(", ")], "{name}");
    }
}

#[test]
fn every_key_is_in_the_guide_to_configuration() {
    let guide = page("docs/configuration.md");
    let shared = schema::compose(&kinds::schemas());
    let sections = keys(&shared["properties"]);
    assert!(sections.contains("allow_test_providers"));
    let headings: BTreeSet<_> = guide.anchors().into_iter().collect();
    let missing: Vec<_> = sections.difference(&headings).collect();
    assert!(missing.is_empty(), "no heading: {missing:?}");
    // A vendor's keys are on its own page.
    let mut guides = pages();
    guides.retain(|page| page.file.starts_with("docs/"));
    let named = |key: &String| {
        let ends = [format!("`{key}`"), format!(".{key}`"), format!("{key}: ")];
        let mut texts = guides.iter().map(|page| &page.text);
        texts.any(|text| ends.iter().any(|end| text.contains(end)))
    };
    let mut every = every_key(&shared);
    every.retain(|key| !named(key));
    assert!(every.is_empty(), "not explained: {every:?}");
}

#[test]
fn every_number_that_fails_is_in_the_tour() {
    let tour = page("docs/getting-started.md");
    for trigger in TRIGGERS {
        let row = tour.row(&format!("`{}`", trigger.suffix));
        assert!(
            row.unwrap_or_default().contains(trigger.says),
            "{}",
            trigger.suffix
        );
    }
}

#[test]
fn every_command_that_is_written_is_understood() {
    let mut seen = 0;
    for page in pages() {
        for command in page.blocks().iter().flat_map(|block| commands(&block.text)) {
            let read = Cli::try_parse_from(words(&command));
            let problem = read.err().filter(clap::Error::use_stderr);
            assert!(
                problem.is_none(),
                "{}: {command}\n{}",
                page.file,
                problem.unwrap()
            );
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} commands were found");
}

#[test]
fn every_configuration_that_is_written_is_right() {
    let mut seen = 0;
    for page in pages() {
        for block in page.blocks() {
            if !(block.language == "yaml" && block.text.starts_with("# tollgate.yaml\n")) {
                continue;
            }
            let checked = Config::load(&Source {
                name: &page.file,
                text: &block.text,
                variables: &Variables::default(),
                kinds: &kinds::schemas(),
                sandbox: false,
            });
            assert!(checked.is_ok(), "{}", checked.unwrap_err());
            seen += 1;
        }
    }
    assert!(seen >= 2, "only {seen} whole configurations were found");
}

#[test]
fn every_link_leads_somewhere() {
    for page in pages() {
        let folder = Path::new(&page.file).parent().unwrap().to_path_buf();
        for link in page.links() {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.file.clone(),
                file => folder.join(file).to_str().unwrap().to_owned(),
            };
            assert!(root().join(&target).exists(), "{}: {link}", page.file);
            if !anchor.is_empty() {
                let anchors = self::page(&target).anchors();
                assert!(
                    anchors.iter().any(|one| one == anchor),
                    "{}: {link}",
                    page.file
                );
            }
        }
    }
}

/// The pages that users and contributors read.
fn pages() -> Vec<Page> {
    let docs = fs::read_dir(root().join("docs")).unwrap();
    let docs = docs.map(|entry| format!("docs/{}", entry.unwrap().file_name().to_str().unwrap()));
    let here = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
    ];
    let mut files: Vec<_> = here.map(str::to_owned).into_iter().chain(docs).collect();
    files.push("examples/channel-plugin/README.md".to_owned());
    files.retain(|file| Path::new(file).extension().is_some_and(|end| end == "md"));
    files.iter().map(|file| page(file)).collect()
}

fn page(file: &str) -> Page {
    Page {
        file: file.to_owned(),
        text: fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}")),
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `ResourceExhausted` as it is written in tables of gRPC codes.
fn in_capitals(name: &str) -> String {
    let mut text = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

fn keys(properties: &Value) -> BTreeSet<String> {
    let properties = properties.as_object().into_iter();
    properties.flat_map(|map| map.keys().cloned()).collect()
}

/// The keys of every level of a schema.
fn every_key(schema: &Value) -> BTreeSet<String> {
    let below: Box<dyn Iterator<Item = &Value>> = match schema {
        Value::Object(map) => Box::new(map.values()),
        Value::Array(items) => Box::new(items.iter()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return BTreeSet::new();
        }
    };
    let mut found = keys(&schema["properties"]);
    found.extend(below.flat_map(every_key));
    found
}

/// The calls of our binary in a block, each as one line that begins with its arguments.
fn commands(block: &str) -> Vec<String> {
    let joined = block.replace("\\\n", " ");
    let starts = [
        "cargo run --release -- ",
        "./target/release/tollgate ",
        "tollgate ",
    ];
    let ours = |line: &str| {
        let arguments = starts.iter().find_map(|start| line.strip_prefix(start))?;
        // What follows is the shell's, or a comment.
        let end = arguments.find([';', '|', '>', '#', '&']);
        Some(
            arguments[..end.unwrap_or(arguments.len())]
                .trim()
                .to_owned(),
        )
    };
    joined.lines().filter_map(ours).collect()
}

/// A command line as the shell splits it, without quotes.
fn words(arguments: &str) -> Vec<String> {
    let mut words = vec!["tollgate".to_owned()];
    words.extend(arguments.split_whitespace().map(str::to_owned));
    words
}
