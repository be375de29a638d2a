//! `http`: any provider that is asked by one HTTP request for each message, told by configuration alone.

mod answer;
mod auth;
mod body;
mod meaning;
mod pointer;
mod request;
mod settings;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use minijinja::Value as Filled;

use self::{answer::Rules, auth::Auth, request::Outline, settings::Settings};
use crate::{
    channels::{
        base_url,
        by_country::ByCountry,
        by_locale::ByLocale,
        kind::{BuildContext, BuildError, ProviderKind},
        provider::{Accepted, Message, Provider, SendError},
        template::facts::{Facts, Secrets},
    },
    clock::Clock,
    domain::{
        capability::Capability,
        channel::{Channel, Channels},
        failure::Failure,
        phone::Country,
    },
    outbound::{Outbound, WriteGate},
};

/// What a message must have for a request that names it.
const SENDER: &str = "sender";
const TEMPLATE: &str = "template";
const LINE_USER: &str = "line_user";
const KEY: &str = "key";

/// An account at a vendor that has no kind of its own.
pub(super) struct Http {
    outbound: Outbound,
    clock: Clock,
    capability: Capability,
    outline: Outline,
    auth: Auth,
    secrets: Secrets,
    senders: Option<ByCountry<String>>,
    templates: Option<ByLocale<String>>,
    rules: Rules,
}

impl ProviderKind for Http {
    const NAME: &'static str = "http";
    type Settings = Settings;

    fn build(settings: Settings, ctx: &BuildContext<'_>) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let base = base_url::parse(&settings.base_url, ctx.site.allow_test_providers);
        let base = problems.keep("base_url", base);
        let names: Vec<_> = settings.secrets.keys().map(String::as_str).collect();
        let outline = base.and_then(|base| problems.merge(Outline::parse(&settings, base, &names)));
        let auth = problems.merge(Auth::parse(&settings.auth, ctx));
        let secrets = problems.merge(secrets(&settings, ctx));
        let senders = problems.merge(senders(&settings));
        let templates = problems.merge(templates(&settings));
        let rules = problems.merge(Rules::parse(&settings));
        if let (Some(outline), Some(auth)) = (&outline, &auth) {
            problems.merge(agree(&settings, outline, auth));
        }
        let (Some(outline), Some(auth), Some(secrets)) = (outline, auth, secrets) else {
            return Err(problems);
        };
        let (Some(senders), Some(templates), Some(rules)) = (senders, templates, rules) else {
            return Err(problems);
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            outbound: ctx.site.outbound.clone(),
            clock: ctx.site.clock.clone(),
            capability: capability(&settings, &outline),
            outline,
            auth,
            secrets,
            senders,
            templates,
            rules,
        })
    }
}

fn capability(settings: &Settings, outline: &Outline) -> Capability {
    Capability {
        channels: settings
            .channels
            .iter()
            .copied()
            .map(Channel::from)
            .collect(),
        idempotent: settings.safe_to_retry,
        by_line_user: outline.uses(LINE_USER),
        countries: settings.countries.iter().map(|country| country.0).collect(),
    }
}

/// What is told must be used, and what is used must be told: anything else is a mistake.
fn agree(settings: &Settings, outline: &Outline, auth: &Auth) -> Result<(), BuildError> {
    let mut problems = BuildError::default();
    let mut wrong = |path: &str, wrong: bool, text: &str| {
        problems.keep(path, (!wrong).then_some(()).ok_or(text.to_owned()));
    };
    wrong("channels", settings.channels.is_empty(), "names no channel");
    for (path, told, name) in [
        ("senders", !settings.senders.is_empty(), SENDER),
        ("templates", !settings.templates.is_empty(), TEMPLATE),
    ] {
        let used = outline.uses(name);
        let missing = format!("is needed, as the request names `{name}`");
        wrong(path, used && !told, &missing);
        let unused = format!("has no use: nothing in the request names `{name}`");
        wrong(path, told && !used, &unused);
    }
    let channels: Channels = settings
        .channels
        .iter()
        .copied()
        .map(Channel::from)
        .collect();
    let only_line = channels == Channels::NONE.with(Channel::Line);
    let text = "must be `[line]`, as the request names `line_user`";
    wrong("channels", outline.uses(LINE_USER) && !only_line, text);
    let text = "needs `{{ key }}` in the request, by which the vendor knows a repeat";
    let keyless = settings.safe_to_retry && !outline.uses(KEY);
    wrong("safe_to_retry", keyless, text);
    // Else the status may as well be about another message.
    let keyless = !settings.success.duplicates.is_empty() && !outline.uses(KEY);
    wrong("success.duplicates", keyless, text);
    let says = |name: &String| auth.header_name().is_some_and(|auth| auth == name.as_str());
    let twice = settings.headers.keys().any(says);
    wrong("headers", twice, "names the header that `auth` brings");
    problems.is_empty().then_some(()).ok_or(problems)
}

fn secrets(settings: &Settings, ctx: &BuildContext<'_>) -> Result<Secrets, BuildError> {
    let mut problems = BuildError::default();
    let mut known = BTreeMap::new();
    for (name, told) in &settings.secrets {
        let secret = ctx.site.secrets.resolve(told);
        let secret = problems.keep(&format!("secrets.{name}"), secret);
        known.extend(secret.map(|secret| (name.clone(), secret)));
    }
    problems.is_empty().then(|| Arc::new(known)).ok_or(problems)
}

fn senders(settings: &Settings) -> Result<Option<ByCountry<String>>, BuildError> {
    let told = Some(&settings.senders).filter(|told| !told.is_empty());
    let read = told.map(|told| ByCountry::parse("senders", told, word));
    read.transpose()
}

fn templates(settings: &Settings) -> Result<Option<ByLocale<String>>, BuildError> {
    let told = Some(&settings.templates).filter(|told| !told.is_empty());
    let read = told.map(|told| ByLocale::parse("templates", told, |text| word(text)));
    read.transpose()
}

fn word(text: &str) -> Result<String, &'static str> {
    let good = !text.trim().is_empty() && !text.chars().any(char::is_control);
    good.then(|| text.to_owned())
        .ok_or("is empty, or has control characters")
}

#[async_trait]
impl Provider for Http {
    fn capability(&self) -> Capability {
        self.capability.clone()
    }

    fn sender(&self, _: Channel, country: Option<Country>) -> Option<&str> {
        let sender = self.senders.as_ref()?.of(country);
        sender.map(String::as_str)
    }

    async fn send(&self, message: &Message, gate: &WriteGate) -> Result<Accepted, SendError> {
        let facts = self.facts(message)?;
        let request = self.outline.render(&facts);
        let mut request = request.map_err(|_| SendError::new(Failure::Request, "not_rendered"))?;
        let credential = self.auth.credential().await?;
        request.headers.extend(credential.header.clone());
        let answer = self.outbound.call(request, gate).await?;
        let token = credential.token.as_ref();
        let expirable = token.is_some_and(|token| !token.is_fresh());
        let now_ms = self.clock.unix_ms();
        let result = self.rules.read(&answer, message, expirable, now_ms);
        let failure = result.as_ref().err().map(|problem| problem.failure);
        if failure == Some(Failure::CredentialStale) {
            self.auth.put_aside(&credential);
        }
        result
    }
}

impl Http {
    /// What the request may name; a failure where this message lacks what it does name.
    fn facts(&self, message: &Message) -> Result<Filled, SendError> {
        let lacks = |failure, code: &str| SendError::new(failure, code);
        if self.capability.by_line_user && message.line_user.is_none() {
            return Err(lacks(Failure::Recipient, "no_line_user"));
        }
        let mut facts = Facts::of(message).with_secrets(Arc::clone(&self.secrets));
        if let Some(senders) = &self.senders {
            let sender = senders.of(message.to.country());
            let sender = sender.ok_or_else(|| lacks(Failure::Request, "no_sender"))?;
            facts = facts.with_sender(sender);
        }
        if let Some(templates) = &self.templates {
            let template = templates.of(&message.locale);
            let template = template.ok_or_else(|| lacks(Failure::Request, "no_template"))?;
            facts = facts.with_template(template);
        }
        Ok(facts.value())
    }
}
