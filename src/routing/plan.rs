//! The route of one code: an ordered list of (channel, provider), and in words how it came about.

use std::{fmt, sync::Arc};

use crate::domain::{
    channel::{Channel, Channels},
    phone::Country,
    price::Prices,
    purpose::Purpose,
};

use super::{
    health::Standing,
    pick::{self, Pick},
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
    /// Whom it tries.
    pub candidates: Vec<Candidate>,
    /// In what order.
    pub pick: Pick,
}

/// A provider in a rule, and what routing needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its configured name.
    pub provider: Arc<str>,
    /// Its weight beside the others', where the rule picks by weight.
    pub weight: u32,
    /// What it costs on the rule's channel, by country.
    pub prices: Prices,
    /// Whether it finds people by their LINE user id rather than by their number.
    pub by_line_user: bool,
    /// The countries whose numbers it can reach; all when empty.
    pub countries: Vec<Country>,
}

/// One (channel, provider) to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The channel.
    pub channel: Channel,
    /// The provider's configured name.
    pub provider: Arc<str>,
    /// Whether the provider finds people by their LINE user id.
    pub by_line_user: bool,
    /// Whether the provider is not well, and this message may stand here only as the one that tries it.
    pub probe: bool,
}

/// What a plan is made for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The channels to try, in order.
    pub channels: &'a [Channel],
    /// The channels that the guard's verdict leaves.
    pub allowed: Channels,
    /// The channels on which this recipient could not be reached a while ago.
    pub remembered: Channels,
    /// Whether the recipient's LINE user id is known and may be used.
    pub line_user: bool,
    /// Where the number belongs.
    pub country: Option<Country>,
    /// Why the code is needed.
    pub purpose: Purpose,
    /// Chance, for picks by weight and for shifting traffic.
    pub chance: u64,
}

/// The route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is tried, in order.
    pub steps: Vec<Step>,
    /// Whether a channel was left out because this recipient cannot be reached on it.
    pub unreachable: bool,
    /// What was decided, in words; empty unless asked for.
    pub lines: Vec<String>,
}

/// Makes the route of a request. `standing` says how a provider stands for this request.
pub fn plan(
    request: &Request<'_>,
    rules: &[Rule],
    standing: impl Fn(&Candidate, Channel) -> Standing,
) -> Plan {
    Planner::new(request, rules, &standing, false).plan()
}

/// Makes the route of a request and says, channel by channel, how it came about.
pub fn explain(
    request: &Request<'_>,
    rules: &[Rule],
    standing: impl Fn(&Candidate, Channel) -> Standing,
) -> Plan {
    Planner::new(request, rules, &standing, true).plan()
}

struct Planner<'a, S> {
    request: &'a Request<'a>,
    rules: &'a [Rule],
    standing: &'a S,
    told: bool,
    plan: Plan,
    /// Steps of providers that are not well: better than nothing, once all others have failed.
    last: Vec<Step>,
}

impl<'a, S: Fn(&Candidate, Channel) -> Standing> Planner<'a, S> {
    fn new(request: &'a Request<'a>, rules: &'a [Rule], standing: &'a S, told: bool) -> Self {
        Self {
            request,
            rules,
            standing,
            told,
            plan: Plan::default(),
            last: Vec::new(),
        }
    }

    fn plan(mut self) -> Plan {
        self.channels(self.request.remembered);
        if self.plan.steps.is_empty() && self.last.is_empty() && !self.request.remembered.is_empty()
        {
            self.say(|| "nothing is left but what failed a while ago: that is tried".to_owned());
            self.plan.unreachable = false;
            self.channels(Channels::NONE);
        }
        self.plan.steps.append(&mut self.last);
        self.plan
    }

    fn channels(&mut self, remembered: Channels) {
        for channel in self.request.channels.iter().copied() {
            self.channel(channel, remembered);
        }
    }

    fn channel(&mut self, channel: Channel, remembered: Channels) {
        let name = channel.as_str();
        if !self.request.allowed.contains(channel) {
            let why = "left out, the guard does not allow it for this number";
            return self.say(|| format!("{name}: {why}"));
        }
        if remembered.contains(channel) {
            self.plan.unreachable = true;
            let why = "left out, the recipient could not be reached on it a while ago";
            return self.say(|| format!("{name}: {why}"));
        }
        let serves = |rule: &&Rule| matches(rule, channel, self.request);
        let Some(rule) = self.rules.iter().find(serves) else {
            let why = "left out, no route serves it for this country and purpose";
            return self.say(|| format!("{name}: {why}"));
        };
        self.rule(rule);
    }

    fn rule(&mut self, rule: &Rule) {
        let (request, channel) = (self.request, rule.channel);
        let mut able = Vec::with_capacity(rule.candidates.len());
        for candidate in &rule.candidates {
            if let Some(why) = unable(candidate, request) {
                self.say(|| format!("{}: not {}, {why}", channel.as_str(), candidate.provider));
                continue;
            }
            able.push((candidate, (self.standing)(candidate, channel)));
        }
        if able.is_empty() {
            self.plan.unreachable = true;
            let why = "left out, the recipient cannot be reached on it";
            return self.say(|| format!("{}: {why}", channel.as_str()));
        }
        pick::order(rule.pick, request.country, request.chance, &mut able);
        self.say(|| line(rule, self.rules, &able));
        for (candidate, standing) in able {
            let step = Step {
                channel,
                provider: candidate.provider.clone(),
                by_line_user: candidate.by_line_user,
                probe: standing == Standing::Probe,
            };
            match standing {
                Standing::Open(_) | Standing::Probe => self.plan.steps.push(step),
                Standing::Shut => self.last.push(step),
            }
        }
    }

    fn say(&mut self, line: impl FnOnce() -> String) {
        if self.told {
            self.plan.lines.push(line());
        }
    }
}

/// Why a provider cannot reach this recipient.
fn unable(candidate: &Candidate, request: &Request<'_>) -> Option<&'static str> {
    if candidate.by_line_user && !request.line_user {
        return Some("no LINE user id is known that may be used");
    }
    let reaches = |country: Country| candidate.countries.contains(&country);
    let country = candidate.countries.is_empty() || request.country.is_some_and(reaches);
    (!country).then_some("it does not reach numbers of this country")
}

fn matches(rule: &Rule, channel: Channel, request: &Request<'_>) -> bool {
    let country = rule.countries.is_empty()
        || request
            .country
            .is_some_and(|country| rule.countries.contains(&country));
    let purpose = rule.purposes.is_empty() || rule.purposes.contains(&request.purpose);
    rule.channel == channel && country && purpose
}

fn line(rule: &Rule, rules: &[Rule], able: &[(&Candidate, Standing)]) -> String {
    let index = rules.iter().position(|other| std::ptr::eq(other, rule));
    let names: Vec<_> = able.iter().map(|one| Told(one).to_string()).collect();
    format!(
        "{}: route {} tries by {}: {}",
        rule.channel.as_str(),
        index.map_or(0, |index| index + 1),
        rule.pick.as_str(),
        names.join(", then ")
    )
}

/// A provider in words, with how it stands where that matters.
struct Told<'a>(&'a (&'a Candidate, Standing));

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (candidate, standing) = self.0;
        f.write_str(&candidate.provider)?;
        match standing {
            Standing::Open(share) if *share >= 1.0 => Ok(()),
            Standing::Open(share) => write!(f, " (at {:.0} % of its share)", share * 100.0),
            Standing::Probe => {
                f.write_str(" (not well: once a second, else at the end of the route)")
            }
            Standing::Shut => f.write_str(" (not well: at the end of the route)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: fn(&Candidate, Channel) -> Standing = |_, _| Standing::Open(1.0);

    fn candidate(name: &str) -> Candidate {
        Candidate {
            provider: name.into(),
            weight: 1,
            prices: Prices::default(),
            by_line_user: false,
            countries: Vec::new(),
        }
    }

    fn rule(channel: Channel, countries: &[&str], providers: &[&str]) -> Rule {
        Rule {
            channel,
            countries: countries.iter().filter_map(|c| Country::parse(c)).collect(),
            purposes: Vec::new(),
            candidates: providers.iter().map(|name| candidate(name)).collect(),
            pick: Pick::Order,
        }
    }

    fn request<'a>(channels: &'a [Channel], country: &str) -> Request<'a> {
        Request {
            channels,
            allowed: Channels::ALL,
            remembered: Channels::NONE,
            line_user: true,
            country: Country::parse(country),
            purpose: Purpose::SignIn,
            chance: 7,
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
            names(&plan(&request(&both, "GB"), &rules, WELL)),
            ["voice v", "sms b"]
        );
        assert_eq!(
            names(&plan(&request(&both, "US"), &rules, WELL)),
            ["voice v", "sms a", "sms b"]
        );
    }

    #[test]
    fn a_purpose_narrows_a_rule() {
        let mut only = rule(Channel::Sms, &[], &["a"]);
        only.purposes = vec![Purpose::Enrollment];
        let plan = plan(&request(&[Channel::Sms], "US"), &[only], WELL);
        assert!(plan.steps.is_empty() && !plan.unreachable);
    }

    #[test]
    fn no_step_leaves_the_verdict() {
        let rules = [rule(Channel::Sms, &[], &["a"])];
        let mut request = request(&[Channel::Sms], "US");
        request.allowed = Channels::ALL.without(Channel::Sms);
        let plan = explain(&request, &rules, WELL);
        assert!(plan.steps.is_empty() && !plan.unreachable);
        assert_eq!(
            plan.lines,
            ["sms: left out, the guard does not allow it for this number"]
        );
    }

    #[test]
    fn who_cannot_be_reached_is_not_tried() {
        let mut push = candidate("push");
        push.by_line_user = true;
        let mut notice = candidate("notice");
        notice.countries = Country::parse("JP").into_iter().collect();
        let mut line = rule(Channel::Line, &[], &[]);
        line.candidates = vec![push, notice];
        let rules = [line, rule(Channel::Sms, &[], &["a"])];
        let channels = [Channel::Line, Channel::Sms];
        let check = |country: &str, line_user: bool, expect: &[&str], unreachable: bool| {
            let mut request = request(&channels, country);
            request.line_user = line_user;
            let plan = plan(&request, &rules, WELL);
            assert_eq!(names(&plan), expect, "{country} {line_user}");
            assert_eq!(plan.unreachable, unreachable);
        };
        check("JP", true, &["line push", "line notice", "sms a"], false);
        check("JP", false, &["line notice", "sms a"], false);
        check("US", true, &["line push", "sms a"], false);
        check("US", false, &["sms a"], true);
    }

    #[test]
    fn what_failed_a_while_ago_is_tried_only_when_nothing_else_is_left() {
        let rules = [
            rule(Channel::Whatsapp, &[], &["m"]),
            rule(Channel::Sms, &[], &["a"]),
        ];
        let channels = [Channel::Whatsapp, Channel::Sms];
        let mut request = request(&channels, "US");
        request.remembered = Channels::NONE.with(Channel::Whatsapp);
        let first = plan(&request, &rules, WELL);
        assert_eq!(names(&first), ["sms a"]);
        assert!(first.unreachable);
        request.remembered = Channels::ALL;
        let last = plan(&request, &rules, WELL);
        assert_eq!(names(&last), ["whatsapp m", "sms a"]);
        assert!(!last.unreachable);
        request.allowed = Channels::NONE;
        assert!(plan(&request, &rules, WELL).steps.is_empty());
    }

    #[test]
    fn who_is_not_well_waits_at_the_end_of_the_route() {
        let rules = [
            rule(Channel::Whatsapp, &[], &["m"]),
            rule(Channel::Sms, &[], &["a", "b"]),
        ];
        let channels = [Channel::Whatsapp, Channel::Sms];
        let standing = |candidate: &Candidate, _| match &*candidate.provider {
            "m" => Standing::Shut,
            "a" => Standing::Probe,
            _ => Standing::Open(1.0),
        };
        let plan = plan(&request(&channels, "US"), &rules, standing);
        assert_eq!(names(&plan), ["sms a", "sms b", "whatsapp m"]);
        let probes: Vec<_> = plan.steps.iter().map(|step| step.probe).collect();
        assert_eq!(probes, [true, false, false]);
    }

    #[test]
    fn the_words_say_what_the_plan_does() {
        let mut line = rule(Channel::Line, &[], &["push"]);
        line.candidates[0].by_line_user = true;
        let rules = [
            line,
            rule(Channel::Sms, &["GB"], &["x"]),
            rule(Channel::Sms, &[], &["a", "b", "c"]),
        ];
        let channels = [
            Channel::Line,
            Channel::Whatsapp,
            Channel::Voice,
            Channel::Sms,
        ];
        let mut request = request(&channels, "US");
        request.line_user = false;
        request.remembered = Channels::NONE.with(Channel::Whatsapp);
        let standing = |candidate: &Candidate, _| match &*candidate.provider {
            "b" => Standing::Shut,
            "c" => Standing::Open(0.4),
            _ => Standing::Open(1.0),
        };
        let told = explain(&request, &rules, standing);
        insta::assert_snapshot!(told.lines.join("\n"), @r"
        line: not push, no LINE user id is known that may be used
        line: left out, the recipient cannot be reached on it
        whatsapp: left out, the recipient could not be reached on it a while ago
        voice: left out, no route serves it for this country and purpose
        sms: route 3 tries by order: a, then b (not well: at the end of the route), then c (at 40 % of its share)
        ");
        let silent = plan(&request, &rules, standing);
        assert_eq!(silent.steps, told.steps);
        assert!(silent.lines.is_empty());
    }
}
