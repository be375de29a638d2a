//! `grpc`: a channel plugin in a process of its own, in any language, that speaks `tollgate.channel.v1`.

mod answer;
mod settings;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use tonic::Request;

use self::settings::Settings;
use crate::{
    channels::{
        kind::{BuildContext, BuildError, ProviderKind},
        provider::{Accepted, Message, Provider, SendError},
    },
    domain::{capability::Capability, channel::Channel, privacy::Private},
    outbound::{WriteGate, channel::Single},
    pb::plugin::{self, channel_service_client::ChannelServiceClient},
};

/// Most bytes of an answer; ours have some hundred.
const MAX_ANSWER: usize = 16 * 1024;

/// A plugin.
#[derive(Debug)]
pub(super) struct Grpc {
    client: ChannelServiceClient<Single>,
    /// The operator's name for it.
    name: String,
    capability: Capability,
    /// How long a call may live in all.
    linger: Duration,
}

impl ProviderKind for Grpc {
    const NAME: &'static str = "grpc";
    type Settings = Settings;

    fn build(settings: Settings, ctx: &BuildContext<'_>) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let capability = problems.merge(settings.capability());
        let single = problems.merge(settings.single(ctx.site.secrets));
        match (capability, single) {
            (Some(capability), Some(single)) => Ok(Self {
                client: ChannelServiceClient::new(single).max_decoding_message_size(MAX_ANSWER),
                name: ctx.name.to_owned(),
                capability,
                linger: ctx.site.outbound.linger(),
            }),
            (_, _) => Err(problems),
        }
    }
}

#[async_trait]
impl Provider for Grpc {
    fn capability(&self) -> Capability {
        self.capability.clone()
    }

    async fn send(&self, message: &Message, gate: &WriteGate) -> Result<Accepted, SendError> {
        let mut request = Request::new(request(message, &self.name));
        // The same time is kept on both sides: the plugin reads it, and the channel ends the call.
        request.set_timeout(self.linger.min(message.valid_for));
        request.extensions_mut().insert(gate.clone());
        match self.client.clone().send(request).await {
            Ok(response) => answer::read(response.into_inner(), message),
            Err(status) => Err(answer::judge(&status, gate)),
        }
    }
}

fn request(message: &Message, provider: &str) -> plugin::SendRequest {
    let line_user = message.line_user.as_ref().map(Private::expose);
    plugin::SendRequest {
        attempt_id: message.attempt.to_string(),
        idempotency_key: message.first_attempt.to_string(),
        provider: provider.to_owned(),
        channel: channel(message.channel).into(),
        recipient: Some(plugin::Recipient {
            phone_number: message.to.expose_e164(),
            line_user_id: line_user.unwrap_or_default().to_owned(),
        }),
        code: message.code.expose().to_owned(),
        text: message.text.expose().to_owned(),
        locale: message.locale.clone(),
        language: message.language.clone(),
        valid_for: message.valid_for.try_into().ok(),
    }
}

const fn channel(channel: Channel) -> plugin::Channel {
    match channel {
        Channel::Sms => plugin::Channel::Sms,
        Channel::Voice => plugin::Channel::Voice,
        Channel::Whatsapp => plugin::Channel::Whatsapp,
        Channel::Line => plugin::Channel::Line,
    }
}
