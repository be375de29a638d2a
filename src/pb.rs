//! The wire contract, generated from `proto/`, and what generated code cannot give it: a `Debug` that keeps secrets,
//! and the words of the domain on both sides.

use std::{fmt, marker::PhantomData};

use http::Extensions;
use prost::Message;
use tonic::codec::{BufferSettings, Codec};
use tonic_prost::{ProstDecoder, ProstEncoder};

use crate::domain::{
    channel::{self, Family as DomainFamily},
    delivery::{self, State},
    listed, purpose,
};

/// Package `tollgate.v1`.
pub mod v1 {
    #![expect(
        clippy::pedantic,
        clippy::allow_attributes,
        reason = "generated; documented in proto/"
    )]
    tonic::include_proto!("tollgate.v1");
}

/// Package `tollgate.channel.v1`: what a channel plugin offers.
pub mod plugin {
    #![expect(
        clippy::pedantic,
        clippy::allow_attributes,
        reason = "generated; documented in proto/"
    )]
    tonic::include_proto!("tollgate.channel.v1");
}

/// How messages become bytes. As in `tonic_prost`, but a message that is read or written starts with less memory: four
/// such buffers are taken for each code, and hardly one holds half a kilobyte. They grow where a message is longer.
#[derive(Debug)]
pub struct SmallCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for SmallCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for SmallCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(buffers())
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(buffers())
    }
}

/// Bytes to start with, and bytes of a stream to gather before they are sent on, the latter as in `tonic`.
fn buffers() -> BufferSettings {
    BufferSettings::new(512, 32 * 1024)
}

/// A message that stays in the process in which it was made: it goes along with its call as it is, and its place in what
/// is written for the wire stays empty. Nothing that comes over a network can bring one.
#[derive(Clone)]
pub struct Handed<T>(Box<T>);

impl<T: Clone + Send + Sync + 'static> Handed<T> {
    /// Puts a message among the extensions of a request or an answer.
    pub fn put(message: Box<T>, along: &mut Extensions) {
        along.insert(Self(message));
    }

    /// The message that came along, if one did.
    pub fn take(from: &mut Extensions) -> Option<Box<T>> {
        let Self(message) = from.remove()?;
        Some(message)
    }
}

/// The compiled descriptors, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Messages that carry a code, a number or an id of a person say only that they are there.
macro_rules! private_debug {
    ($($($message:ident)::+),* $(,)?) => {
        $(impl fmt::Debug for $($message)::+ {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($($message)::+), "(***)"))
            }
        })*
    };
}

private_debug!(
    v1::Recipient,
    v1::Passcode,
    v1::SendOtpRequest,
    v1::DeliveryFilter,
    v1::ReportOutcomeRequest,
    plugin::Recipient,
    plugin::SendRequest,
    v1::GetPreferenceRequest,
    v1::SetPreferenceRequest,
    v1::DeletePreferenceRequest,
    v1::GetStandingRequest,
    v1::get_standing_request::Subject,
    v1::Target,
    v1::target::Target,
);

/// Declares both directions between an enum of the wire and one of the domain.
macro_rules! same_words {
    ($($wire:ident = $domain:ty { $($w:ident = $d:path),* $(,)? })*) => {
        $(impl From<$domain> for v1::$wire {
            fn from(value: $domain) -> Self {
                match value { $($d => v1::$wire::$w,)* }
            }
        }

        impl v1::$wire {
            /// The domain's word; `None` for UNSPECIFIED.
            pub const fn to_domain(self) -> Option<$domain> {
                match self {
                    v1::$wire::Unspecified => None,
                    $(v1::$wire::$w => Some($d),)*
                }
            }
        })*
    };
}

same_words! {
    Channel = channel::Channel {
        Sms = channel::Channel::Sms,
        Voice = channel::Channel::Voice,
        Whatsapp = channel::Channel::Whatsapp,
        Line = channel::Channel::Line,
    }
    Family = DomainFamily {
        Message = DomainFamily::Message,
        Voice = DomainFamily::Voice,
    }
    Purpose = purpose::Purpose {
        Enrollment = purpose::Purpose::Enrollment,
        SignIn = purpose::Purpose::SignIn,
        AccountUnlock = purpose::Purpose::AccountUnlock,
        PasswordReset = purpose::Purpose::PasswordReset,
        Other = purpose::Purpose::Other,
    }
    DeliveryState = State {
        Sending = State::Sending,
        Accepted = State::Accepted,
        Sent = State::Sent,
        Delivered = State::Delivered,
        Read = State::Read,
        Undelivered = State::Undelivered,
        Failed = State::Failed,
        Unconfirmed = State::Unconfirmed,
        Expired = State::Expired,
        Refused = State::Refused,
    }
    Effect = listed::Effect {
        Block = listed::Effect::Block,
        Allow = listed::Effect::Allow,
    }
    Outcome = delivery::Outcome {
        Unknown = delivery::Outcome::Unknown,
        Verified = delivery::Outcome::Verified,
        Failed = delivery::Outcome::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_a_person() {
        let request = v1::SendOtpRequest {
            recipient: Some(v1::Recipient {
                phone_number: "+819012345678".to_owned(),
                ..Default::default()
            }),
            passcode: Some(v1::Passcode {
                code: "482913".to_owned(),
                valid_for: None,
            }),
            message: "Your code is 482913".to_owned(),
            ..Default::default()
        };
        let plugins = plugin::SendRequest {
            code: "482913".to_owned(),
            ..Default::default()
        };
        let shown = format!("{request:?} {:?} {plugins:?}", request.passcode);
        assert!(
            !shown.contains("4829") && !shown.contains("5678"),
            "{shown}"
        );
    }

    #[test]
    fn states_go_both_ways() {
        for state in State::ALL {
            assert_eq!(v1::DeliveryState::from(state).to_domain(), Some(state));
        }
    }
}
