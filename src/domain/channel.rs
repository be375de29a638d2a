//! Channels, and the family of channels that a caller's screen promised.

/// A way to reach a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// A text message to the phone number.
    Sms,
    /// A call that speaks the code.
    Voice,
    /// A WhatsApp message to the phone number.
    Whatsapp,
    /// A LINE message.
    Line,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 4] = [Self::Sms, Self::Voice, Self::Whatsapp, Self::Line];

    /// The name used in configuration, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Voice => "voice",
            Self::Whatsapp => "whatsapp",
            Self::Line => "line",
        }
    }

    /// The channel of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|channel| channel.as_str() == name)
    }

    /// The family that this channel belongs to.
    pub const fn family(self) -> Family {
        match self {
            Self::Sms | Self::Whatsapp | Self::Line => Family::Message,
            Self::Voice => Family::Voice,
        }
    }
}

/// What the caller's screen promised the person: something to read, or a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// SMS, WhatsApp or LINE.
    Message,
    /// A call.
    Voice,
}

impl Family {
    /// The name used in logs and the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Voice => "voice",
        }
    }

    /// The family of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Message, Self::Voice]
            .into_iter()
            .find(|family| family.as_str() == name)
    }
}

/// A set of channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channels(u8);

impl Channels {
    /// No channel.
    pub const NONE: Self = Self(0);
    /// Every channel.
    pub const ALL: Self = Self(0b1111);

    /// Whether the set has this channel.
    pub const fn contains(self, channel: Channel) -> bool {
        self.0 & (1 << channel as u8) != 0
    }

    /// The set with this channel.
    #[must_use]
    pub const fn with(self, channel: Channel) -> Self {
        Self(self.0 | 1 << channel as u8)
    }

    /// The set without this channel.
    #[must_use]
    pub const fn without(self, channel: Channel) -> Self {
        Self(self.0 & !(1 << channel as u8))
    }

    /// Whether the set has no channel.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Channel> for Channels {
    fn from_iter<I: IntoIterator<Item = Channel>>(channels: I) -> Self {
        channels.into_iter().fold(Self::NONE, Self::with)
    }
}
