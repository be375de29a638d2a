//! Vendors' words: what a vendor calls things on the wire stays in the few files that speak to it, or play it.

use crate::{names::module_of, source::Source};

/// What a vendor calls things on the wire.
struct Vendor {
    /// The vendor, as its kind and its simulator are named.
    name: &'static str,
    /// Folders that are about this vendor as a whole, beside the files that bear its name.
    homes: &'static [&'static str],
    /// Hosts, headers and fields, in any case.
    words: &'static [&'static str],
}

const VENDORS: &[Vendor] = &[
    Vendor {
        name: "twilio",
        homes: &[],
        words: &[
            "twilio.com",
            "x-twilio-",
            "2010-04-01",
            "messagingservicesid",
            "validityperiod",
            "statuscallback",
            "messagesid",
            "contentsid",
            "contentvariables",
            "twiml",
        ],
    },
    Vendor {
        name: "vonage",
        homes: &[],
        words: &[
            "nexmo.com",
            "vonage.com",
            "status-report-req",
            "message-count",
            "client-ref",
            "message_uuid",
            "ncco",
        ],
    },
    Vendor {
        name: "meta",
        homes: &[],
        words: &[
            "graph.facebook.com",
            "messaging_product",
            "biz_opaque_callback_data",
            "x-hub-signature",
        ],
    },
    Vendor {
        name: "line",
        homes: &[],
        words: &["api.line.me", "x-line-", "sentmessages", "templatekey"],
    },
    Vendor {
        name: "okta",
        // Who plays a caller of ours, and judges our answers, plays Okta.
        homes: &["sandbox"],
        words: &[
            "com.okta.telephony",
            "com.okta.user.telephony",
            "messageprofile",
            "msgtemplate",
        ],
    },
];

/// What `source` says and should not.
pub(crate) fn check(source: &Source<'_>) -> Vec<String> {
    let words = VENDORS.iter().map(|vendor| vendor_words(source, vendor));
    words.flatten().collect()
}

fn vendor_words(source: &Source<'_>, vendor: &Vendor) -> Vec<String> {
    if may_speak_for(source, vendor) {
        return Vec::new();
    }
    let mut broken = Vec::new();
    for token in &source.tokens {
        let text = token.text.to_ascii_lowercase();
        for word in vendor.words.iter().filter(|word| text.contains(*word)) {
            let problem = format!(
                "says `{word}`, which only the kind and simulator of {} may",
                vendor.name
            );
            broken.push(source.at(token.line, &problem));
        }
    }
    broken
}

/// A vendor's words stand in its kind or adapter, the signatures, its simulator and the configuration.
fn may_speak_for(source: &Source<'_>, vendor: &Vendor) -> bool {
    let belongs = |folders: &[&str]| folders.iter().any(|folder| source.belongs_to(folder));
    // The file or folder may be about a part of it, as in `twilio_voice`.
    let bears_its_name = module_of(source.file).iter().any(|segment| {
        let rest = segment.strip_prefix(vendor.name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    });
    belongs(&["channels::signature", "config"])
        || belongs(vendor.homes)
        || (bears_its_name && belongs(&["adapters", "channels::kinds", "sandbox"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(file: &str, text: &str) {
        let broken = check(&Source::new(file, text));
        assert!(broken.is_empty(), "{broken:?}");
    }

    fn rejects(file: &str, text: &str, because: &str) {
        let broken = check(&Source::new(file, text));
        assert_eq!(broken.len(), 1, "{file}: {text}: {broken:?}");
        assert!(broken[0].contains(because), "{broken:?}");
    }

    #[test]
    fn vendors_words_stay_in_their_kind() {
        let host = "const HOST: &str = \"https://api.twilio.com\";";
        accepts("channels/kinds/twilio.rs", host);
        accepts("sandbox/twilio.rs", host);
        accepts("config/providers.rs", host);
        rejects(
            "channels/kinds/vonage.rs",
            host,
            "kind and simulator of twilio",
        );
        rejects("dispatch/twilio.rs", host, "kind and simulator of twilio");
        rejects(
            "cli.rs",
            "struct S { MessagingServiceSid: u8 }",
            "messagingservicesid",
        );
        rejects(
            "outbound.rs",
            "let h = \"X-Line-Retry-Key\";",
            "kind and simulator of line",
        );
        rejects("sandbox/hook.rs", host, "kind and simulator of twilio");
        accepts("sandbox/hook.rs", "struct H { messageProfile: u8 }");
        accepts("adapters/okta/hook.rs", "struct H { messageProfile: u8 }");
        rejects(
            "grpc/server.rs",
            "let f = \"msgTemplate\";",
            "kind and simulator of okta",
        );
        accepts("outbound.rs", "/// As api.twilio.com does.\nfn f() {}");
    }
}
