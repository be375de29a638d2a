//! `tollgate explain`: what a send would do and why, step by step, without sending.

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::pb::v1;

use super::{
    Failure,
    call::{Call, refused, timed, word},
    say, wait_for,
};

/// Say what a send would do, and why; nothing is sent or counted
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    call: Call,
}

impl Explain {
    pub(super) fn run(self) -> Result<(), Failure> {
        wait_for(self.explain())?
    }

    async fn explain(self) -> Result<(), Failure> {
        let stop = CancellationToken::new();
        let mut client = self.call.client(&stop)?;
        let request = self.call.request("000000".to_owned(), String::new());
        let request = v1::ExplainRouteRequest {
            request: Some(request),
        };
        let answer = client.explain_route(timed(request)).await;
        say(told(&answer.map_err(refused)?.into_inner()))?;
        stop.cancel();
        Ok(())
    }
}

/// The decision, and below it how it came about.
fn told(answer: &v1::ExplainRouteResponse) -> String {
    let steps = answer.route.iter().map(|step| {
        let channel = word(step.channel().as_str_name(), "CHANNEL_");
        format!("{channel} by {}", step.provider)
    });
    let steps: Vec<_> = steps.collect();
    let decision = if answer.would_send {
        format!("would send: {}", steps.join(", then "))
    } else {
        format!("would not send: {}", answer.reason)
    };
    let mut lines = vec![decision];
    lines.extend(answer.explanation.iter().map(|line| format!("  {line}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decision_comes_first() {
        let step = |channel: v1::Channel, provider: &str| v1::RouteStep {
            channel: channel.into(),
            provider: provider.to_owned(),
        };
        let mut answer = v1::ExplainRouteResponse {
            would_send: true,
            reason: String::new(),
            route: vec![
                step(v1::Channel::Whatsapp, "meta"),
                step(v1::Channel::Sms, "a"),
            ],
            explanation: vec![
                "channels wanted by the tenant's default: whatsapp, then sms".to_owned(),
            ],
        };
        assert_eq!(
            told(&answer),
            "would send: whatsapp by meta, then sms by a\n  channels wanted by the tenant's default: whatsapp, then sms"
        );
        answer.would_send = false;
        answer.reason = "no_route".to_owned();
        assert!(told(&answer).starts_with("would not send: no_route\n"));
    }
}
