//! What a vendor is asked: method, address, headers and body, with places for what a message says.

use std::collections::BTreeMap;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING},
};
use minijinja::Value as Facts;
use url::Url;

use super::{
    body::Body,
    settings::{MethodName, Settings},
};
use crate::{
    channels::{
        kind::BuildError,
        template::{NotRendered, Place, Template, facts},
    },
    outbound::{Request, secret_header},
};

/// Headers that follow from the rest of a request.
const NOT_TOLD: [HeaderName; 5] = [
    CONNECTION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    HOST,
    TRANSFER_ENCODING,
];

/// A request with places.
#[derive(Debug)]
pub(super) struct Outline {
    method: Method,
    base: Url,
    path: Template,
    query: Vec<(String, Template)>,
    headers: Vec<(HeaderName, Template)>,
    body: Body,
}

impl Outline {
    /// Reads `method`, `path`, `query`, `headers` and `body`, for an API at `base`. Names every problem at once.
    pub(super) fn parse(
        settings: &Settings,
        base: Url,
        secrets: &[&str],
    ) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let path = Template::parse(&settings.path, Place::Path, secrets);
        let path = problems.keep("path", path);
        let query = problems.merge(query(&settings.query, secrets));
        let headers = problems.merge(headers(&settings.headers, secrets));
        let body = problems.merge(Body::parse(&settings.body, secrets));
        let (Some(path), Some(query), Some(headers), Some(body)) = (path, query, headers, body)
        else {
            return Err(problems);
        };
        let outline = Self {
            method: match settings.method {
                MethodName::Post => Method::POST,
                MethodName::Put => Method::PUT,
                MethodName::Get => Method::GET,
            },
            base,
            path,
            query,
            headers,
            body,
        };
        if outline.url(&facts::Facts::trial(secrets)).is_err() {
            let text = "is no path: it begins with /, and has neither ? nor # nor spaces";
            return Err(BuildError::at("path", text));
        }
        Ok(outline)
    }

    /// Whether anything in it names this.
    pub(super) fn uses(&self, name: &str) -> bool {
        let query = self.query.iter().map(|(_, template)| template);
        let headers = self.headers.iter().map(|(_, template)| template);
        let all = query.chain(headers).chain([&self.path]);
        all.chain(self.body.templates())
            .any(|template| template.uses(name))
    }

    /// The request for a message, but for who asks.
    pub(super) fn render(&self, facts: &Facts) -> Result<Request, NotRendered> {
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 3);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.extend(self.body.content_type().map(|kind| (CONTENT_TYPE, kind)));
        for (name, template) in &self.headers {
            // It may say anything of a person, and a line end would begin another header.
            let value = secret_header(&template.render(facts)?).ok_or(NotRendered)?;
            headers.insert(name.clone(), value);
        }
        Ok(Request {
            method: self.method.clone(),
            url: self.url(facts)?,
            headers,
            body: self.body.render(facts)?,
        })
    }

    fn url(&self, facts: &Facts) -> Result<Url, NotRendered> {
        let begins = self.base.path().trim_end_matches('/');
        let own = self.path.render(facts)?;
        let path = match (begins, own.as_str()) {
            ("", "") => "/".to_owned(),
            (begins, own) => format!("{begins}{own}"),
        };
        let mut url = self.base.clone();
        url.set_path(&path);
        // What does not come back as it was had something in it that is no part of a path.
        let same = url.path() == path && (own.is_empty() || own.starts_with('/'));
        same.then_some(()).ok_or(NotRendered)?;
        for (name, template) in &self.query {
            let value = template.render(facts)?;
            url.query_pairs_mut().append_pair(name, &value);
        }
        Ok(url)
    }
}

type Named<N> = Vec<(N, Template)>;

fn query(told: &BTreeMap<String, String>, secrets: &[&str]) -> Result<Named<String>, BuildError> {
    let mut problems = BuildError::default();
    let mut read = Vec::new();
    for (name, text) in told {
        let template = Template::parse(text, Place::Whole, secrets);
        let template = problems.keep(&format!("query.{name}"), template);
        read.extend(template.map(|template| (name.clone(), template)));
    }
    problems.is_empty().then_some(read).ok_or(problems)
}

fn headers(
    told: &BTreeMap<String, String>,
    secrets: &[&str],
) -> Result<Named<HeaderName>, BuildError> {
    let mut problems = BuildError::default();
    let mut read = Vec::new();
    for (name, text) in told {
        let path = format!("headers.{name}");
        let known = name.parse().map_err(|_| "is no name of a header");
        let known = known.and_then(|known| {
            let told = !NOT_TOLD.contains(&known);
            told.then_some(known)
                .ok_or("follows from the rest of the request")
        });
        let known = problems.keep(&path, known);
        let template = Template::parse(text, Place::Whole, secrets);
        let template = problems.keep(&path, template);
        read.extend(known.zip(template));
    }
    problems.is_empty().then_some(read).ok_or(problems)
}
