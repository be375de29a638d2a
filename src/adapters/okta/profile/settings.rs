//! The look-up's settings: its configuration with secrets resolved, addresses and keys read.

use std::time::Duration;

use secrecy::ExposeSecret;
use url::Url;

use super::proof::AppKey;
use crate::{
    adapters::okta::tenant::Problem,
    config::{
        profile,
        secret::{Secret, Secrets},
    },
};

/// How one org is asked for profiles.
#[derive(Debug)]
pub struct Settings {
    /// What profiles are asked for, how and where, as it stands in the configuration: what was read goes on over a reload
    /// where this did not change.
    pub(super) source: Source,
    /// The org's address.
    pub(super) org: Url,
    /// How we authenticate.
    pub(super) auth: Auth,
    /// How much is asked, and for how long it holds.
    pub(super) bounds: Bounds,
}

/// What profiles are asked for, how and where.
#[derive(Debug, PartialEq)]
pub(super) struct Source {
    org_url: String,
    auth: profile::ProfileAuth,
    /// The attributes that are read.
    pub(super) attributes: profile::ProfileAttributes,
}

/// How much is asked, and for how long it holds. It may change while profiles are in memory and hooks wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How long a hook waits at most.
    pub(super) within: Duration,
    /// How long the profile of a known person is used.
    keep: Duration,
    /// How long somebody unknown is not asked for again.
    keep_missing: Duration,
    /// Most questions under way at once.
    pub(super) max_in_flight: usize,
}

impl Bounds {
    fn new(configured: &profile::Profile) -> Self {
        Self {
            within: configured.within.0,
            keep: configured.keep.0,
            keep_missing: configured.keep_missing.0,
            max_in_flight: configured.max_in_flight as usize,
        }
    }

    /// How long an answer is used.
    pub(super) fn keep(&self, is_known: bool) -> Duration {
        if is_known {
            self.keep
        } else {
            self.keep_missing
        }
    }
}

/// How we authenticate to Okta.
#[derive(Debug)]
pub(super) enum Auth {
    /// By an API token.
    ApiToken(Secret),
    /// As a service app.
    ServiceApp(App),
}

/// A service app.
#[derive(Clone, Debug)]
pub(super) struct App {
    /// Its client id.
    pub(super) client_id: String,
    /// Its private key, PEM.
    pub(super) key: Secret,
    /// The key's id; may be empty.
    pub(super) key_id: String,
    /// Whether it requires DPoP.
    pub(super) dpop: bool,
}

impl Settings {
    /// Reads a configuration, or names every problem with the key below `profile` that it has.
    pub fn new(
        configured: &profile::Profile,
        secrets: &Secrets,
    ) -> Result<Self, Vec<(String, Problem)>> {
        let mut problems = Vec::new();
        let org = org(&configured.org_url);
        let org = org.map_err(|problem| problems.push((".org_url".to_owned(), problem)));
        let auth = auth(&configured.auth, secrets);
        let auth = auth.map_err(|(part, problem)| problems.push((format!(".auth{part}"), problem)));
        match (org, auth) {
            (Ok(org), Ok(auth)) => Ok(Self {
                source: Source {
                    org_url: configured.org_url.clone(),
                    auth: configured.auth.clone(),
                    attributes: configured.attributes.clone(),
                },
                org,
                auth,
                bounds: Bounds::new(configured),
            }),
            (Ok(_) | Err(()), Ok(_) | Err(())) => Err(problems),
        }
    }

    /// The address of something in the org; every segment stays one.
    pub(super) fn endpoint(&self, segments: &[&str]) -> Url {
        let mut url = self.org.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

fn org(text: &str) -> Result<Url, Problem> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| Problem::Url(text.to_owned()))
}

fn auth(auth: &profile::ProfileAuth, secrets: &Secrets) -> Result<Auth, (&'static str, Problem)> {
    if let Some(token) = &auth.api_token {
        let token = secrets.resolve(token);
        let token = token.map_err(|problem| (".api_token", problem.into()))?;
        return Ok(Auth::ApiToken(token));
    }
    let Some(app) = &auth.service_app else {
        return Err(("", Problem::NoCredential));
    };
    let key = secrets.resolve(&app.key);
    let key = key.map_err(|problem| (".service_app.key", problem.into()))?;
    if AppKey::read(key.load().expose_secret()).is_none() {
        return Err((".service_app.key", Problem::Key));
    }
    Ok(Auth::ServiceApp(App {
        client_id: app.client_id.clone(),
        key,
        key_id: app.key_id.clone(),
        dpop: app.dpop,
    }))
}
