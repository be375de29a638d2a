//! The shape of an answer: every member that the contract knows, what it must hold, and what becomes of an answer
//! in which it does not.

use serde_json::{Map, Value, json};

use super::{Sent, Verdict, leak::Leaks};

/// Answers must be smaller than this. The contract says 256 KB; the smaller reading is the safe one.
pub(super) const MAX_ANSWER: usize = 256_000;
/// The type of every command.
pub(super) const COMMAND_TYPE: &str = "com.okta.telephony.action";
const TOP_MEMBERS: &[&str] = &["commands", "error", "debugContext"];
const COMMAND_MEMBERS: &[&str] = &["type", "value"];
const ACTION_MEMBERS: &[&str] = &["status", "provider", "transactionId", "transactionMetadata"];
const ERROR_MEMBERS: &[&str] = &["errorSummary", "errorCauses"];
/// All mandatory.
pub(super) const CAUSE_MEMBERS: &[&str] = &[
    "errorSummary",
    "reason",
    "locationType",
    "location",
    "domain",
];
const LOCATION_TYPES: &[&str] = &["body", "header", "url", "query"];
const DOMAINS: &[&str] = &["end-user", "external-service"];

/// Collects what is wrong. A method that returns `None` has met something that makes the whole answer unusable.
#[derive(Default)]
pub(super) struct Judge {
    pub(super) problems: Vec<String>,
}

impl Judge {
    /// Judges a whole answer.
    pub(super) fn answer(
        &mut self,
        status: u16,
        content_type: Option<&str>,
        body: &[u8],
        sent: Sent<'_>,
    ) -> Option<Verdict> {
        let mut usable = true;
        if status != 200 {
            usable = self.wrong(format!("the HTTP status is {status}, not 200"));
        }
        if !is_json(content_type) {
            usable = self.wrong("the content type is not application/json");
        }
        if body.len() >= MAX_ANSWER {
            usable = self.wrong("the body is not smaller than 256 KB");
        }
        let Ok(answer) = serde_json::from_slice::<Value>(body) else {
            self.wrong("the body is not JSON");
            let text = String::from_utf8_lossy(body);
            Leaks::of(sent).find(&json!({ "body": text }), &mut self.problems);
            return None;
        };
        Leaks::of(sent).find(&answer, &mut self.problems);
        let verdict = self.content(&answer);
        if usable { verdict } else { None }
    }

    fn content(&mut self, answer: &Value) -> Option<Verdict> {
        let answer = self.object(answer, "the answer", TOP_MEMBERS)?;
        if let Some(context) = answer.get("debugContext")
            && !context.is_object()
        {
            self.wrong("debugContext is not an object");
        }
        match (answer.get("commands"), answer.get("error")) {
            (Some(_), Some(_)) => self.unusable("there are both commands and an error"),
            (None, None) => self.unusable("there are neither commands nor an error"),
            (Some(commands), None) => self.commands(commands),
            (None, Some(error)) => self.error(error),
        }
    }

    fn commands(&mut self, commands: &Value) -> Option<Verdict> {
        let command = self.only_one(commands, "commands")?;
        let command = self.object(command, "commands[0]", COMMAND_MEMBERS)?;
        if command.get("type").and_then(Value::as_str) != Some(COMMAND_TYPE) {
            return self.unusable(format!("commands[0].type is not {COMMAND_TYPE}"));
        }
        let Some(actions) = command.get("value") else {
            return self.unusable("commands[0].value is missing");
        };
        let action = self.only_one(actions, "commands[0].value")?;
        self.action(action)
    }

    fn action(&mut self, action: &Value) -> Option<Verdict> {
        let path = "commands[0].value[0]";
        let action = self.object(action, path, ACTION_MEMBERS)?;
        for (name, value) in action {
            if !value.is_string() {
                self.wrong(format!("{path}.{name} is not a string"));
            }
        }
        match action.get("status").and_then(Value::as_str) {
            Some("SUCCESSFUL") => Some(Verdict::Delivered),
            Some("PENDING") => Some(Verdict::Pending),
            Some("FAILED") => Some(Verdict::Failed),
            Some(_) | None => self.unusable(format!(
                "{path}.status is not SUCCESSFUL, PENDING or FAILED"
            )),
        }
    }

    fn error(&mut self, error: &Value) -> Option<Verdict> {
        let error = self.object(error, "error", ERROR_MEMBERS)?;
        match error.get("errorCauses") {
            None => {}
            Some(Value::Array(causes)) => {
                for (at, cause) in causes.iter().enumerate() {
                    self.cause(cause, &format!("error.errorCauses[{at}]"));
                }
            }
            Some(_) => {
                self.wrong("error.errorCauses is not an array");
            }
        }
        let text = self
            .text(error, "error", "errorSummary")
            .unwrap_or_default();
        self.reads_like_a_code(&text, "error.errorSummary");
        Some(Verdict::Error { text })
    }

    fn cause(&mut self, cause: &Value, path: &str) {
        let Some(cause) = self.object(cause, path, CAUSE_MEMBERS) else {
            return;
        };
        for member in CAUSE_MEMBERS {
            let Some(text) = self.text(cause, path, member) else {
                continue;
            };
            let words = match *member {
                "locationType" => LOCATION_TYPES,
                "domain" => DOMAINS,
                _ => {
                    self.reads_like_a_code(&text, &format!("{path}.{member}"));
                    continue;
                }
            };
            if !words.contains(&text.as_str()) {
                self.wrong(format!("{path}.{member} is none of {}", words.join(", ")));
            }
        }
    }

    /// The people who read an error text take a run of five or more digits for their code.
    fn reads_like_a_code(&mut self, text: &str, path: &str) {
        let mut runs = text.split(|c: char| !c.is_ascii_digit());
        if runs.any(|run| run.len() >= 5) {
            self.wrong(format!("{path} has a run of digits that reads like a code"));
        }
    }

    fn object<'v>(
        &mut self,
        value: &'v Value,
        path: &str,
        members: &[&str],
    ) -> Option<&'v Map<String, Value>> {
        let Some(object) = value.as_object() else {
            return self.unusable(format!("{path} is not an object"));
        };
        for name in object.keys() {
            if !members.contains(&name.as_str()) {
                self.wrong(format!(
                    "{path} has a member that the contract does not know"
                ));
            }
        }
        Some(object)
    }

    fn only_one<'v>(&mut self, value: &'v Value, path: &str) -> Option<&'v Value> {
        let Some(array) = value.as_array() else {
            return self.unusable(format!("{path} is not an array"));
        };
        if array.len() > 1 {
            self.wrong(format!("{path} has more than one element"));
        }
        let first = array.first();
        first.or_else(|| self.unusable(format!("{path} is empty")))
    }

    fn text(&mut self, object: &Map<String, Value>, path: &str, name: &str) -> Option<String> {
        let text = object.get(name).and_then(Value::as_str);
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
            self.wrong(format!("{path}.{name} is missing or no text"));
            return None;
        };
        Some(text.to_owned())
    }

    fn unusable<T>(&mut self, problem: impl Into<String>) -> Option<T> {
        self.wrong(problem);
        None
    }

    /// Notes a problem. Always `false`.
    fn wrong(&mut self, problem: impl Into<String>) -> bool {
        self.problems.push(problem.into());
        false
    }
}

fn is_json(content_type: Option<&str>) -> bool {
    let essence = content_type.and_then(|kind| kind.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}
