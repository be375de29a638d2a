//! `tollgate send`: one code over gRPC.

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::{clock::Clock, pb::v1};

use super::{
    Failure,
    call::{Call, refused, timed, word},
    say, wait_for,
};

/// Send one code over gRPC
#[derive(Debug, Args)]
pub(super) struct Send {
    #[command(flatten)]
    call: Call,
    /// The code; random when left out
    #[arg(long)]
    code: Option<String>,
    /// The idempotency key; fresh when left out
    #[arg(long)]
    key: Option<String>,
}

impl Send {
    pub(super) fn run(self) -> Result<(), Failure> {
        wait_for(self.send())?
    }

    async fn send(self) -> Result<(), Failure> {
        let clock = Clock::system();
        let code = || format!("{:06}", clock.random() % 1_000_000);
        let key = || format!("{:032x}", clock.random());
        let stop = CancellationToken::new();
        let mut client = self.call.client(&stop)?;
        let code = self.code.unwrap_or_else(code);
        let key = self.key.unwrap_or_else(key);
        let request = self.call.request(code, key);
        let answer = client.send_otp(timed(request)).await.map_err(refused)?;
        say(report(&answer.into_inner()))?;
        stop.cancel();
        Ok(())
    }
}

fn report(answer: &v1::SendOtpResponse) -> String {
    let mut lines = vec![format!(
        "{} {} by {} over {}",
        answer.delivery_id,
        word(answer.state().as_str_name(), "DELIVERY_STATE_"),
        answer.provider,
        word(answer.channel().as_str_name(), "CHANNEL_"),
    )];
    for attempt in &answer.attempts {
        let state = word(attempt.state().as_str_name(), "DELIVERY_STATE_");
        lines.push(format!(
            "  attempt {}: {} {state} {} {}",
            attempt.ordinal, attempt.provider, attempt.failure, attempt.provider_message_id
        ));
    }
    lines.join("\n")
}
