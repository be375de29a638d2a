//! A tenant as the Okta door knows it: its configuration with secrets resolved, headers and addresses read.

use std::{collections::BTreeMap, time::Duration};

use http::HeaderName;
use url::Url;

use super::{answer::Policy, jwt::Expected, profile};
use crate::{
    config::{
        secret::{Secret, SecretError, Secrets},
        tenants::{self, OktaAuth, OktaOauth, Preview, UnknownChannel},
    },
    domain::{channel::Family, phone::Country},
};

/// Fewest bytes of a header secret.
const MIN_SECRET: usize = 16;

const ANSWER_WITHIN: Duration = Duration::from_millis(2400);
/// Okta's token request shares the three seconds of the hook.
const ANSWER_WITHIN_OAUTH: Duration = Duration::from_millis(1900);

/// Why a tenant's Okta settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A secret cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Neither a secret nor OAuth.
    #[error("no credential is given")]
    NoCredential,
    /// A text that is no private key of a kind that can sign here.
    #[error("is no private key in PEM, RSA or EC (P-256, P-384)")]
    Key,
    /// No header can have this name.
    #[error("{0:?} is no header name")]
    Header(String),
    /// Nothing can be fetched there.
    #[error("{0:?} is no http or https URL")]
    Url(String),
}

/// One tenant whose Okta org calls us.
#[derive(Debug)]
pub struct Tenant {
    /// Its name in the configuration.
    pub name: String,
    /// The header that carries a secret.
    pub header: HeaderName,
    /// The secrets that are valid now.
    pub secrets: Vec<Secret>,
    /// What its bearer tokens must say, and where their keys are.
    pub oauth: Option<Oauth>,
    /// When Okta must have its answer, from the request's head.
    pub answer_within: Duration,
    /// Which answer each class gets.
    pub policy: Policy,
    /// Whether a preview is sent like any other code.
    pub sends_previews: bool,
    /// The family of a hook that does not say.
    pub usual_family: Family,
    /// The country in which numbers without `+` are read.
    pub country: Option<Country>,
    /// How its org is asked for people's profiles.
    pub profile: Option<profile::settings::Settings>,
}

/// OAuth of one org.
#[derive(Clone, Debug)]
pub struct Oauth {
    /// What its tokens must say.
    pub expected: Expected,
    /// Where the signing keys are.
    pub keys: Url,
}

impl Tenant {
    /// Every tenant that has an Okta org, or every problem with its path in the configuration.
    pub fn all(
        tenants: &BTreeMap<String, tenants::Tenant>,
        secrets: &Secrets,
    ) -> Result<Vec<Self>, Vec<(String, Problem)>> {
        let mut ready = Vec::new();
        let mut problems = Vec::new();
        for (name, tenant) in tenants {
            match Self::new(name, tenant, secrets) {
                Ok(tenant) => ready.extend(tenant),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() {
            Ok(ready)
        } else {
            Err(problems)
        }
    }

    /// One tenant; `None` when it has no Okta org.
    pub fn new(
        name: &str,
        tenant: &tenants::Tenant,
        secrets: &Secrets,
    ) -> Result<Option<Self>, Vec<(String, Problem)>> {
        let Some(okta) = &tenant.okta else {
            return Ok(None);
        };
        let path = format!("tenants.{name}.okta.auth");
        let mut problems = Vec::new();
        let mut note =
            |part: &str, problem: Problem| problems.push((format!("{path}{part}"), problem));
        let header = read_header(&okta.auth).map_err(|p| note(".header", p)).ok();
        let oauth = okta.auth.oauth.as_ref().map(read_oauth).transpose();
        let oauth = oauth.map_err(|p| note(".oauth", p)).ok();
        let mut resolved = Vec::new();
        for (index, from) in okta.auth.secrets.iter().enumerate() {
            match secrets.resolve_of(from, MIN_SECRET) {
                Ok(secret) => resolved.push(secret),
                Err(problem) => note(&format!(".secrets[{index}]"), problem.into()),
            }
        }
        if okta.auth.secrets.is_empty() && okta.auth.oauth.is_none() {
            note("", Problem::NoCredential);
        }
        let profile = okta.profile.as_ref();
        let profile = profile.map(|profile| profile::settings::Settings::new(profile, secrets));
        let profile = profile.transpose().unwrap_or_else(|found| {
            let path = |(part, problem)| (format!("tenants.{name}.okta.profile{part}"), problem);
            problems.extend(found.into_iter().map(path));
            None
        });
        let (Some(header), Some(oauth), true) = (header, oauth, problems.is_empty()) else {
            return Err(problems);
        };
        let usual = if oauth.is_some() {
            ANSWER_WITHIN_OAUTH
        } else {
            ANSWER_WITHIN
        };
        Ok(Some(Self {
            name: name.to_owned(),
            header,
            secrets: resolved,
            oauth,
            answer_within: okta.answer_within.map_or(usual, |span| span.0),
            policy: Policy::new(okta),
            sends_previews: okta.preview == Preview::Send,
            usual_family: match okta.unknown_channel {
                UnknownChannel::Message => Family::Message,
                UnknownChannel::Voice => Family::Voice,
            },
            country: tenant.countries.default.map(|country| country.0),
            profile,
        }))
    }
}

fn read_header(auth: &OktaAuth) -> Result<HeaderName, Problem> {
    let name = HeaderName::from_bytes(auth.header.trim().as_bytes());
    name.map_err(|_| Problem::Header(auth.header.clone()))
}

fn read_oauth(oauth: &OktaOauth) -> Result<Oauth, Problem> {
    let keys = if oauth.jwks_url.is_empty() {
        format!("{}/v1/keys", oauth.issuer.trim_end_matches('/'))
    } else {
        oauth.jwks_url.clone()
    };
    let url = Url::parse(&keys).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    Ok(Oauth {
        expected: Expected::new(oauth),
        keys: url.ok_or(Problem::Url(keys))?,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn all(okta: &Value) -> Result<Vec<Tenant>, Vec<(String, String)>> {
        let tenants = json!({
            "acme": {"countries": {"allow": ["JP"], "default": "JP"}, "okta": okta},
            "billing": {"countries": {"allow": ["US"]}},
        });
        let tenants = serde_json::from_value(tenants).expect("a tenant");
        let secrets = Secrets::new(Arc::new(|name| match name {
            "GOOD" => Some("0123456789abcdef".to_owned()),
            "SHORT" => Some("0123456789".to_owned()),
            _ => None,
        }));
        Tenant::all(&tenants, &secrets).map_err(|problems| {
            let problems = problems.into_iter();
            problems
                .map(|(path, problem)| (path, problem.to_string()))
                .collect()
        })
    }

    fn oauth(jwks_url: &str) -> Value {
        json!({"issuer": "https://acme.okta.example/oauth2/default/", "audience": "a", "scope": "s", "client_id": "c", "jwks_url": jwks_url})
    }

    #[test]
    fn a_tenant_is_read_with_its_defaults() {
        let ready = all(&json!({"auth": {"header": "X-Key", "secrets": [{"env": "GOOD"}]}}));
        let ready = ready.expect("no problem");
        assert_eq!(ready.len(), 1);
        assert_eq!(ready[0].header, "x-key");
        assert_eq!(ready[0].answer_within, ANSWER_WITHIN);
        assert_eq!(ready[0].usual_family, Family::Message);
        assert!(!ready[0].sends_previews && ready[0].oauth.is_none());
        let ready = all(&json!({"auth": {"oauth": oauth("")}}));
        let ready = ready.expect("no problem");
        assert_eq!(ready[0].answer_within, ANSWER_WITHIN_OAUTH);
        let keys = ready[0].oauth.as_ref().map(|oauth| oauth.keys.as_str());
        assert_eq!(
            keys,
            Some("https://acme.okta.example/oauth2/default/v1/keys")
        );
    }

    #[test]
    fn every_problem_is_said_at_once() {
        let problems = all(&json!({"auth": {
            "header": "not a header",
            "secrets": [{"env": "SHORT"}, {"env": "GOOD"}, {"env": "GONE"}],
            "oauth": oauth("ftp://keys"),
        }}));
        let expect = [
            ("header", "\"not a header\" is no header name"),
            ("oauth", "\"ftp://keys\" is no http or https URL"),
            (
                "secrets[0]",
                "environment variable SHORT has fewer than 16 bytes",
            ),
            (
                "secrets[2]",
                "environment variable GONE is not set or cannot be read",
            ),
        ]
        .map(|(part, text)| (format!("tenants.acme.okta.auth.{part}"), text.to_owned()));
        assert_eq!(problems.err(), Some(expect.to_vec()));
    }

    #[test]
    fn a_tenant_that_nobody_can_call_is_a_mistake() {
        let problems = all(&json!({"auth": {}})).err().unwrap_or_default();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].0, "tenants.acme.okta.auth");
    }
}
