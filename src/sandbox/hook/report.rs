//! A played hook as people read it: what was sent, what came back, and what Okta makes of it.

use std::fmt::{Display, Formatter, Result};

use serde_json::Value;

use super::{Exchange, Played};
use crate::sandbox::{judge::Verdict, terminal::printable};

impl Display for Played {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let channel = self.channel.as_okta_says();
        let phone = printable(&self.phone);
        let code = printable(&self.code);
        writeln!(f, "hook     {channel} to {phone}, code {code}")?;
        writeln!(f, "event    {}", printable(&self.event_id))?;
        let took = self.took.as_millis();
        match &self.exchange {
            Exchange::Answered { status, body, .. } => {
                writeln!(f, "answer   HTTP {status} in {took} ms")?;
                for line in pretty(body).lines() {
                    writeln!(f, "         {line}")?;
                }
            }
            Exchange::NoToken(why) => writeln!(f, "answer   none: {why}")?,
            Exchange::Unreachable => writeln!(f, "answer   none: no connection, or a broken one")?,
            Exchange::TooLate => writeln!(f, "answer   none within {took} ms")?,
        }
        writeln!(f, "verdict  {}", self.consequence())?;
        if let Some(note) = self.note() {
            writeln!(f, "note     {note}")?;
        }
        if let Exchange::Answered { judgement, .. } = &self.exchange {
            for problem in &judgement.problems {
                writeln!(f, "problem  {}", printable(problem))?;
            }
        }
        Ok(())
    }
}

impl Played {
    /// What Okta's verdict alone would hide: that Okta was told of success although no code went out, or perhaps none.
    fn note(&self) -> Option<&'static str> {
        let Exchange::Answered {
            body, judgement, ..
        } = &self.exchange
        else {
            return None;
        };
        let answer: Value = serde_json::from_slice(body).ok()?;
        let metadata = &answer["commands"][0]["value"][0]["transactionMetadata"];
        let state = metadata
            .as_str()?
            .split(';')
            .find_map(|part| part.strip_prefix("state="))?;
        match (state, &judgement.verdict) {
            ("limited" | "refused", Verdict::Delivered | Verdict::Pending) => Some(
                "no code was sent: it was refused, and Okta must not send it either (okta.failover)",
            ),
            ("unconfirmed", Verdict::Delivered | Verdict::Pending) => {
                Some("perhaps sent: the provider's answer did not come")
            }
            ("preview", _) => Some("a preview is answered; no code was sent (okta.preview)"),
            _ => None,
        }
    }
}

/// The answer as it came, with line breaks where it is JSON.
fn pretty(body: &[u8]) -> String {
    let indented = serde_json::from_slice::<Value>(body)
        .and_then(|answer| serde_json::to_string_pretty(&answer));
    let text = indented.unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned());
    printable(&text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::sandbox::{
        hook::{Channel, Exchange, Played},
        judge::{Judgement, Verdict},
    };

    fn played(exchange: Exchange) -> Played {
        Played {
            event_id: "kQ3v0mXbTzKpYq1n8LrWag".to_owned(),
            phone: "+819012345678".to_owned(),
            code: "482913".to_owned(),
            channel: Channel::Sms,
            took: Duration::from_millis(12),
            exchange,
        }
    }

    #[test]
    fn an_answer_is_shown_whole() {
        let shown = played(Exchange::Answered {
            status: 200,
            content_type: None,
            body: r#"{"commands":[]}"#.into(),
            judgement: Judgement {
                verdict: Verdict::Unusable,
                problems: vec!["commands is empty".to_owned()],
            },
        });
        let expect = "\
hook     SMS to +819012345678, code 482913
event    kQ3v0mXbTzKpYq1n8LrWag
answer   HTTP 200 in 12 ms
         {
           \"commands\": []
         }
verdict  Okta skips the hook and would send a code itself, unless failover is off for the org
problem  commands is empty
";
        assert_eq!(shown.to_string(), expect);
    }

    #[test]
    fn success_without_a_code_is_pointed_out() {
        let check = |state: &str, note: Option<&str>| {
            let metadata = format!("state={state};reason=any");
            let value = serde_json::json!([{ "transactionMetadata": metadata }]);
            let answer = serde_json::json!({ "commands": [{ "value": value }] });
            let shown = played(Exchange::Answered {
                status: 200,
                content_type: None,
                body: answer.to_string().into(),
                judgement: Judgement {
                    verdict: Verdict::Delivered,
                    problems: Vec::new(),
                },
            });
            let shown = shown.to_string();
            let found = shown
                .lines()
                .find_map(|line| line.strip_prefix("note     "));
            assert!(
                found
                    .unwrap_or_default()
                    .starts_with(note.unwrap_or_default()),
                "{shown}"
            );
            assert_eq!(found.is_some(), note.is_some(), "{shown}");
        };
        check("accepted", None);
        check("limited", Some("no code was sent"));
        check("refused", Some("no code was sent"));
        check("unconfirmed", Some("perhaps sent"));
        check("preview", Some("a preview"));
    }

    #[test]
    fn no_answer_has_its_reason() {
        for (exchange, line) in [
            (Exchange::TooLate, "answer   none within 12 ms\n"),
            (
                Exchange::NoToken("the token server refused"),
                "answer   none: the token server refused\n",
            ),
            (
                Exchange::Unreachable,
                "answer   none: no connection, or a broken one\n",
            ),
        ] {
            let shown = played(exchange).to_string();
            assert!(shown.contains(line), "{shown}");
        }
    }
}
