//! Reads YAML into a tree that knows its places, and refuses what a configuration has no use for.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput};
use serde_json::{Map, Value};

use super::{
    path::Path,
    problem::{Place, Problem},
    scalar,
    tree::{Spot, Tree},
};

/// The size of the largest file, in bytes.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// How deep values may nest; ours need eight levels.
const MAX_DEPTH: usize = 32;

/// Reads a file's text. What could be read is returned beside the problems, so that the rest can be checked as well;
/// without a tree there is nothing to check.
pub(super) fn read(text: &str) -> (Option<Tree>, Vec<Problem>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        tree: Tree::default(),
        problems: Vec::new(),
    };
    let root = refuse_text(text).map_or_else(|| reader.document(), Err);
    match root {
        Ok(root) => {
            reader.tree.root = root;
            (Some(reader.tree), reader.problems)
        }
        Err(problem) => {
            reader.problems.push(problem);
            (None, reader.problems)
        }
    }
}

/// Reads a single value that has no file, such as a variable's; the error is a sentence that does not repeat the value.
pub(super) fn read_value(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    match read(text) {
        (Some(tree), problems) if problems.is_empty() => Ok(tree.root),
        (_, problems) => Err(problems
            .into_iter()
            .next()
            .map_or_else(String::new, |first| first.message)),
    }
}

/// What cannot be YAML at all. A zero byte above all: the parser would take it for the end of the file.
fn refuse_text(text: &str) -> Option<Problem> {
    if text.len() > MAX_BYTES {
        return Some(whole("is larger than 1 MiB"));
    }
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    let before = &text[..text.find(control)?];
    let start_of_line = before.rfind('\n').map_or(0, |end| end + 1);
    Some(Problem {
        place: Place::File {
            line: before.matches('\n').count() + 1,
            column: before[start_of_line..].chars().count() + 1,
        },
        ..whole("a control character stands here, which YAML does not allow")
    })
}

fn whole(message: &str) -> Problem {
    Problem {
        place: Place::Nowhere,
        path: String::new(),
        message: message.to_owned(),
    }
}

fn place(mark: Marker) -> Place {
    Place::File {
        line: mark.line(),
        column: mark.col() + 1,
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    tree: Tree,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// Reads the one document; an error ends the reading.
    fn document(&mut self) -> Result<Value, Problem> {
        let mut root = None;
        loop {
            let (event, start) = self.next()?;
            match event {
                Event::StreamStart | Event::Nothing | Event::DocumentEnd => {}
                Event::DocumentStart(_) if root.is_none() => {
                    let (event, start) = self.next()?;
                    self.remember(&Path::default(), place(start), place(start));
                    root = Some(self.value(event, start, &Path::default())?);
                }
                Event::StreamEnd => {
                    return root
                        .filter(|root| !root.is_null())
                        .ok_or_else(|| whole("holds no settings"));
                }
                Event::DocumentStart(_)
                | Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..)
                | Event::MappingEnd => {
                    let message = "a second document starts here; a configuration is one document";
                    return Err(problem(start, &Path::default(), message));
                }
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Marker), Problem> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start)),
            Some(Err(error)) => Err(syntax(&error)),
            None => Ok((Event::StreamEnd, Marker::default())),
        }
    }

    fn value(&mut self, event: Event<'a>, start: Marker, path: &Path) -> Result<Value, Problem> {
        if path.steps().len() > MAX_DEPTH {
            return Err(problem(start, path, "is nested too deeply"));
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse(start, path, anchor, tag.is_some());
                Ok(self.scalar(&text, style, start, path))
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse(start, path, anchor, tag.is_some());
                self.list(path)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse(start, path, anchor, tag.is_some());
                self.mapping(path)
            }
            Event::Alias(_) => {
                let message =
                    "refers to an anchor, which a configuration may not use; write the value out";
                self.problems.push(problem(start, path, message));
                Ok(Value::Null)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                Err(problem(start, path, "is no valid YAML: a value is missing"))
            }
        }
    }

    /// Anchors and tags give one text two readings in two tools; nothing here needs them.
    fn refuse(&mut self, start: Marker, path: &Path, anchor: usize, tagged: bool) {
        if anchor != 0 {
            let message = "has an anchor, which a configuration may not use; write the value out where it is needed";
            self.problems.push(problem(start, path, message));
        }
        if tagged {
            let message = "has a tag, which a configuration may not use; leave it out";
            self.problems.push(problem(start, path, message));
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, start: Marker, path: &Path) -> Value {
        if style != ScalarStyle::Plain {
            return Value::String(text.to_owned());
        }
        if scalar::old_boolean(text).is_some() {
            self.tree.old_booleans.insert(path.clone(), text.to_owned());
        }
        scalar::read(text).unwrap_or_else(|| {
            self.problems
                .push(problem(start, path, "is no finite number"));
            Value::Null
        })
    }

    fn list(&mut self, path: &Path) -> Result<Value, Problem> {
        let mut items = Vec::new();
        loop {
            let (event, start) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::Array(items));
            }
            let path = path.index(items.len());
            self.remember(&path, place(start), place(start));
            items.push(self.value(event, start, &path)?);
        }
    }

    fn mapping(&mut self, path: &Path) -> Result<Value, Problem> {
        let mut map = Map::new();
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            let (event, key_start) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(Value::Object(map)),
                Event::Scalar(text, style, anchor, tag) => {
                    self.refuse(key_start, path, anchor, tag.is_some());
                    if style == ScalarStyle::Plain && scalar::old_boolean(&text).is_some() {
                        self.tree
                            .old_booleans
                            .insert(path.key(&text), text.to_string());
                    }
                    text.into_owned()
                }
                Event::Alias(_)
                | Event::Nothing
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..) => {
                    return Err(problem(key_start, path, "a key must be a text"));
                }
            };
            let path = path.key(&key);
            let (event, start) = self.next()?;
            if let Some(first) = lines.get(&key) {
                let message = format!("is written twice: here and on line {first}");
                self.problems.push(problem(key_start, &path, &message));
                self.skip(event)?;
                continue;
            }
            self.remember(&path, place(key_start), place(start));
            let value = self.value(event, start, &path)?;
            lines.insert(key.clone(), key_start.line());
            map.insert(key, value);
        }
    }

    /// Passes over a value that is not kept.
    fn skip(&mut self, mut event: Event<'a>) -> Result<(), Problem> {
        let mut depth = 0_usize;
        loop {
            match event {
                Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
                Event::SequenceEnd | Event::MappingEnd => depth = depth.saturating_sub(1),
                Event::Scalar(..)
                | Event::Alias(_)
                | Event::Nothing
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd => {}
            }
            if depth == 0 {
                return Ok(());
            }
            (event, _) = self.next()?;
        }
    }

    fn remember(&mut self, path: &Path, key: Place, value: Place) {
        self.tree.spots.insert(path.clone(), Spot { key, value });
    }
}

fn problem(start: Marker, path: &Path, message: &str) -> Problem {
    Problem {
        place: place(start),
        path: path.to_string(),
        message: message.to_owned(),
    }
}

fn syntax(error: &ScanError) -> Problem {
    let message = format!("is no valid YAML: {}", error.info());
    problem(*error.marker(), &Path::default(), &message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(text: &str) -> String {
        let lines = read(text).1.into_iter().map(|problem| {
            let at = match problem.place {
                Place::File { line, column } => format!("{line}:{column}"),
                Place::Variable(_) | Place::Nowhere => "-".to_owned(),
            };
            format!("{at} {} {}", problem.path, problem.message)
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn values_and_their_places() {
        let (tree, problems) = read("\u{feff}---\na:\n  - x\n  - {b: 'no', c: no}\nd: |\n  text\n");
        let tree = tree.unwrap();
        assert!(problems.is_empty());
        let expect = json!({ "a": ["x", { "b": "no", "c": "no" }], "d": "text\n" });
        assert_eq!(tree.root, expect);
        let c = Path::default().key("a").index(1).key("c");
        let spot = tree.spot(&c).unwrap();
        assert_eq!(
            spot.key,
            Place::File {
                line: 4,
                column: 15
            }
        );
        assert_eq!(
            spot.value,
            Place::File {
                line: 4,
                column: 18
            }
        );
        let words: Vec<_> = tree.old_booleans.keys().map(ToString::to_string).collect();
        assert_eq!(words, ["a[1].c"]);
    }

    #[test]
    fn what_a_configuration_has_no_use_for() {
        let check = |text: &str, expect: &str| assert_eq!(problems(text), expect, "{text:?}");
        check("", "-  holds no settings");
        check("# nothing\n", "-  holds no settings");
        check(
            "a: 1\nb: 2\na: {c: [3]}\n",
            "3:1 a is written twice: here and on line 1",
        );
        check(
            "a: &x 1\nb: *x\nc: !!str 2\n",
            "1:4 a has an anchor, which a configuration may not use; write the value out where it is needed\n\
             2:4 b refers to an anchor, which a configuration may not use; write the value out\n\
             3:4 c has a tag, which a configuration may not use; leave it out",
        );
        check(
            "a: 1\n---\nb: 2\n",
            "2:1  a second document starts here; a configuration is one document",
        );
        check("a: .inf\n", "1:4 a is no finite number");
        check(
            "a: 1\n\u{0}b: 2\n",
            "2:1  a control character stands here, which YAML does not allow",
        );
        check("{[a]: 1}\n", "1:2  a key must be a text");
        check(
            "a: [1\n",
            "2:1  is no valid YAML: while parsing a flow sequence, expected ',' or ']'",
        );
    }

    #[test]
    fn depth_and_size_are_bounded() {
        assert!(problems(&"- ".repeat(40)).contains("is nested too deeply"));
        assert!(
            problems(&format!("a: {}", "x".repeat(MAX_BYTES))).contains("is larger than 1 MiB")
        );
    }

    #[test]
    fn single_values_do_not_come_back_in_errors() {
        assert_eq!(read_value("[US, \"NO\"]"), Ok(json!(["US", "NO"])));
        assert_eq!(read_value(" "), Ok(json!(null)));
        for secret in [
            "*hunter2",
            "[hunter2",
            "hunter2: hunter2: x",
            "!hunter2 x",
            "@hunter2",
            "%hunter2",
            "\"hunter2",
        ] {
            let message = read_value(secret).unwrap_err();
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
