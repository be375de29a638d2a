//! Who is calling: bearer tokens, and what each client may do.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use arc_swap::ArcSwap;
use futures_util::future::{Either, Ready, ready};
use http::{Request, Response, header::AUTHORIZATION};
use tonic::{Status, body::Body, server::NamedService};
use tower::Service;

use crate::{
    config::{grpc::Method, secret::Secret},
    error::Reason,
};

/// A client that was recognised.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Its name in logs and claims.
    pub name: Arc<str>,
    tenants: Tenants,
    methods: Vec<Method>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Tenants {
    All,
    Some(Vec<String>),
}

impl Caller {
    /// A client that may use these tenants (`*` for all) by these methods.
    pub fn new(name: &str, tenants: &[String], methods: &[Method]) -> Self {
        let all = tenants.iter().any(|tenant| tenant == "*");
        Self {
            name: name.into(),
            tenants: if all {
                Tenants::All
            } else {
                Tenants::Some(tenants.to_vec())
            },
            methods: methods.to_vec(),
        }
    }

    /// The adapter in the same process.
    pub fn adapter() -> Self {
        let methods = [Method::SendOtp, Method::ReportOutcome, Method::ExplainRoute];
        Self::new("adapter", &["*".to_owned()], &methods)
    }

    /// Whether it may act for a tenant.
    pub fn may_use(&self, tenant: &str) -> bool {
        match &self.tenants {
            Tenants::All => true,
            Tenants::Some(names) => names.iter().any(|name| name == tenant),
        }
    }

    /// Whether it may act for all tenants, also for those that are yet to come.
    pub fn may_use_all(&self) -> bool {
        self.tenants == Tenants::All
    }

    /// Whether it may ask for this.
    pub fn may(&self, method: Method) -> bool {
        self.methods.contains(&method)
    }

    fn may_call(&self, path: &str) -> bool {
        let mut methods = self.methods.iter();
        methods.any(|method| method.path() == Some(path))
    }
}

/// The clients in force; a reload swaps them.
#[derive(Clone, Debug, Default)]
pub struct Callers(Arc<ArcSwap<Clients>>);

/// Tokens and whose they are.
type Clients = Vec<(Secret, Arc<Caller>)>;

impl Callers {
    /// Puts other clients in force.
    pub fn replace(&self, clients: Clients) {
        self.0.store(Arc::new(clients));
    }

    /// The client whose token this is. Every token is compared, so that time tells nothing.
    fn by_token(&self, token: &[u8]) -> Option<Arc<Caller>> {
        let clients = self.0.load();
        let mut found = None;
        for (secret, caller) in clients.iter() {
            if secret.matches(token) {
                found = Some(caller.clone());
            }
        }
        found
    }
}

/// Lets a call pass whose client is known and may use the method. A client of this process is known by the [`Caller`]
/// in the request's extensions, which nothing on the network can put there.
#[derive(Clone, Debug)]
pub struct Authenticated<S> {
    inner: S,
    callers: Callers,
}

impl<S> Authenticated<S> {
    /// Guards `inner`.
    pub fn new(inner: S, callers: Callers) -> Self {
        Self { inner, callers }
    }

    fn admit(&self, request: &mut Request<Body>) -> Result<(), Reason> {
        if request.extensions().get::<Arc<Caller>>().is_none() {
            let token = bearer(request);
            let caller = token.and_then(|token| self.callers.by_token(token));
            let caller = caller.ok_or(Reason::Unauthenticated)?;
            request.extensions_mut().insert(caller);
        }
        let caller = request.extensions().get::<Arc<Caller>>();
        let may = caller.is_some_and(|caller| caller.may_call(request.uri().path()));
        may.then_some(()).ok_or(Reason::NotAllowed)
    }
}

impl<S: NamedService> NamedService for Authenticated<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Authenticated<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.admit(&mut request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(reason) => {
                let status = Status::from(crate::error::fault::Fault::new(reason));
                Either::Right(ready(Ok(status.into_http())))
            }
        }
    }
}

fn bearer(request: &Request<Body>) -> Option<&[u8]> {
    let value = request.headers().get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}
