//! The route of one code: an ordered list of (channel, provider).

use std::sync::Arc;

use crate::domain::{
    channel::{Channel, Channels},
    phone::Country,
    purpose::Purpose,
};

/// A rule: what it serves, and the providers it tries. The first rule that matches wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The channel it serves.
    pub channel: Channel,
    /// The countries it serves; all when empty.
    pub countries: Vec<Country>,
    /// The purposes it serves; all when empty.
    pub purposes: Vec<Purpose>,
    /// Names of providers, in the order in which they are tried.
    pub providers: Vec<Arc<str>>,
}

/// One (channel, provider) to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The channel.
    pub channel: Channel,
    /// The provider's configured name.
    pub provider: Arc<str>,
}

/// What a plan is made for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The channels to try, in order.
    pub channels: &'a [Channel],
    /// The channels that the guard's verdict leaves.
    pub allowed: Channels,
    /// The channels on which this recipient can be reached.
    pub reachable: Channels,
    /// Where the number belongs.
    pub country: Option<Country>,
    /// Why the code is needed.
    pub purpose: Purpose,
}

/// The route, and in words how it came about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is tried, in order.
    pub steps: Vec<Step>,
    /// Whether a channel was left out because this recipient cannot be reached on it.
    pub unreachable: bool,
}

/// Makes the route of a request.
pub fn plan(request: &Request<'_>, rules: &[Rule]) -> Plan {
    let mut plan = Plan::default();
    for channel in request.channels.iter().copied() {
        if !request.allowed.contains(channel) {
            continue;
        }
        if !request.reachable.contains(channel) {
            plan.unreachable = true;
            continue;
        }
        let Some(rule) = rules.iter().find(|rule| matches(rule, channel, request)) else {
            continue;
        };
        plan.steps
            .extend(rule.providers.iter().map(|provider| Step {
                channel,
                provider: provider.clone(),
            }));
    }
    plan
}

/// Says in words, channel by channel, how the route came about.
pub fn explain(request: &Request<'_>, rules: &[Rule]) -> Vec<String> {
    let line = |channel: Channel| {
        let name = channel.as_str();
        if !request.allowed.contains(channel) {
            return format!("{name}: left out, the guard does not allow it for this number");
        }
        if !request.reachable.contains(channel) {
            return format!("{name}: left out, the recipient cannot be reached on it");
        }
        match rules
            .iter()
            .position(|rule| matches(rule, channel, request))
        {
            None => format!("{name}: left out, no route serves it for this country and purpose"),
            Some(index) => format!(
                "{name}: route {} tries {}",
                index + 1,
                rules[index].providers.join(", then ")
            ),
        }
    };
    request.channels.iter().copied().map(line).collect()
}

fn matches(rule: &Rule, channel: Channel, request: &Request<'_>) -> bool {
    let country = rule.countries.is_empty()
        || request
            .country
            .is_some_and(|country| rule.countries.contains(&country));
    let purpose = rule.purposes.is_empty() || rule.purposes.contains(&request.purpose);
    rule.channel == channel && country && purpose
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(channel: Channel, countries: &[&str], providers: &[&str]) -> Rule {
        Rule {
            channel,
            countries: countries.iter().filter_map(|c| Country::parse(c)).collect(),
            purposes: Vec::new(),
            providers: providers.iter().map(|name| (*name).into()).collect(),
        }
    }

    fn request<'a>(channels: &'a [Channel], country: &str) -> Request<'a> {
        Request {
            channels,
            allowed: Channels::ALL,
            reachable: Channels::ALL,
            country: Country::parse(country),
            purpose: Purpose::SignIn,
        }
    }

    fn names(plan: &Plan) -> Vec<String> {
        let steps = plan.steps.iter();
        steps
            .map(|s| format!("{} {}", s.channel.as_str(), s.provider))
            .collect()
    }

    #[test]
    fn the_first_matching_rule_of_each_channel_is_taken_whole() {
        let rules = [
            rule(Channel::Sms, &["GB"], &["b"]),
            rule(Channel::Sms, &[], &["a", "b"]),
            rule(Channel::Voice, &[], &["v"]),
        ];
        let both = [Channel::Voice, Channel::Sms];
        assert_eq!(
            names(&plan(&request(&both, "GB"), &rules)),
            ["voice v", "sms b"]
        );
        assert_eq!(
            names(&plan(&request(&both, "US"), &rules)),
            ["voice v", "sms a", "sms b"]
        );
    }

    #[test]
    fn a_purpose_narrows_a_rule() {
        let mut only = rule(Channel::Sms, &[], &["a"]);
        only.purposes = vec![Purpose::Enrollment];
        assert!(
            plan(&request(&[Channel::Sms], "US"), &[only])
                .steps
                .is_empty()
        );
    }

    #[test]
    fn no_step_leaves_the_verdict_or_the_reachable() {
        let rules = [
            rule(Channel::Sms, &[], &["a"]),
            rule(Channel::Line, &[], &["l"]),
        ];
        let channels = [Channel::Line, Channel::Sms];
        let mut request = request(&channels, "US");
        request.reachable = Channels::ALL.without(Channel::Line);
        let without_line = plan(&request, &rules);
        assert_eq!(names(&without_line), ["sms a"]);
        assert!(without_line.unreachable);
        request.allowed = Channels::ALL.without(Channel::Sms);
        assert!(plan(&request, &rules).steps.is_empty());
        assert_eq!(
            explain(&request, &rules),
            [
                "line: left out, the recipient cannot be reached on it",
                "sms: left out, the guard does not allow it for this number",
            ]
        );
    }
}
