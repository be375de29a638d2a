//! `PreferenceService`: what people prefer, read and written by the customer's own services.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::{
    config::grpc::Method,
    dispatch::{
        Dispatcher,
        preferences::{Extent, LineWish, Wish},
    },
    domain::privacy::Private,
    error::{Reason, fault::Fault},
    pb::v1::{self, preference_service_server},
    store::preference::PreferenceRow,
};

use super::{
    caller::Caller,
    otp::{context, ledger_away, permit},
    parse::{self, MAX_KEY, Violations},
    render::timestamp,
};

/// The service.
#[derive(Clone)]
pub struct PreferenceService {
    dispatcher: Arc<Dispatcher>,
}

impl PreferenceService {
    /// The service in front of a dispatcher.
    pub fn new(dispatcher: Arc<Dispatcher>) -> Self {
        Self { dispatcher }
    }

    /// The person that a request is about, once it is certain that the caller may act for the tenant.
    fn person(
        &self,
        caller: &Caller,
        tenant: &str,
        user: &str,
        mut bad: Violations,
    ) -> Result<Private, Fault> {
        permit(caller, tenant)?;
        if tenant.is_empty() {
            bad.add("tenant", "is required");
        } else if !self.dispatcher.policy().tenants.contains_key(tenant) {
            bad.add("tenant", "is not known");
        }
        if !(1..=MAX_KEY).contains(&user.len()) {
            bad.add("user_id", "must have 1 to 256 bytes");
        }
        bad.finish()?;
        Ok(Private::new(user))
    }
}

#[tonic::async_trait]
impl preference_service_server::PreferenceService for PreferenceService {
    async fn get_preference(
        &self,
        request: Request<v1::GetPreferenceRequest>,
    ) -> Result<Response<v1::GetPreferenceResponse>, Status> {
        let (caller, _) = context(&request)?;
        let wire = request.into_inner();
        let user = self.person(&caller, &wire.tenant, &wire.user_id, Violations::default())?;
        let stored = self.dispatcher.preferences().get(&wire.tenant, &user).await;
        let stored = stored.map_err(|problem| ledger_away(&problem))?;
        let stored = stored.ok_or(Reason::NotFound).map_err(Fault::new)?;
        Ok(Response::new(v1::GetPreferenceResponse {
            preference: Some(render(stored)),
        }))
    }

    async fn set_preference(
        &self,
        request: Request<v1::SetPreferenceRequest>,
    ) -> Result<Response<v1::SetPreferenceResponse>, Status> {
        let (caller, _) = context(&request)?;
        let wire = request.into_inner();
        let (tenant, user) = (wire.tenant.clone(), wire.user_id.clone());
        let mut bad = Violations::default();
        let wish = wish(wire, &mut bad);
        let user = self.person(&caller, &tenant, &user, bad)?;
        let said = wish.line_user.clone();
        if said != LineWish::Keep && !caller.may(Method::SetLineUser) {
            return Err(Fault::new(Reason::NotAllowed).into());
        }
        let preferences = self.dispatcher.preferences();
        let set = preferences.set(&tenant, &user, wish, &caller.name).await;
        set.map_err(|problem| ledger_away(&problem))?;
        audit(&caller, &tenant, &said);
        Ok(Response::new(v1::SetPreferenceResponse {}))
    }

    async fn delete_preference(
        &self,
        request: Request<v1::DeletePreferenceRequest>,
    ) -> Result<Response<v1::DeletePreferenceResponse>, Status> {
        let (caller, _) = context(&request)?;
        let wire = request.into_inner();
        let user = self.person(&caller, &wire.tenant, &wire.user_id, Violations::default())?;
        let preferences = self.dispatcher.preferences();
        let extent = if caller.may(Method::SetLineUser) {
            Extent::All
        } else {
            Extent::AllButLineUser
        };
        let deleted = preferences.delete(&wire.tenant, &user, extent, &caller.name);
        let deleted = deleted.await.map_err(|problem| ledger_away(&problem))?;
        if deleted.anything {
            tracing::info!(
                tenant = wire.tenant,
                client.name = &*caller.name,
                "a stored preference was removed"
            );
        }
        if deleted.line_user {
            audit(&caller, &wire.tenant, &LineWish::Remove);
        }
        Ok(Response::new(v1::DeletePreferenceResponse {
            deleted: deleted.anything,
        }))
    }
}

/// Who redirects somebody's codes to a LINE account leaves a trace. Whose it was stands in the ledger, as a hash.
fn audit(caller: &Caller, tenant: &str, said: &LineWish) {
    let line_user = match said {
        LineWish::Keep => return,
        LineWish::Remove => "removed",
        LineWish::Set(_) => "set",
    };
    tracing::info!(
        tenant,
        client.name = &*caller.name,
        line_user,
        "a stored LINE user id was changed"
    );
}

fn wish(wire: v1::SetPreferenceRequest, bad: &mut Violations) -> Wish {
    let channels = parse::channels("channels", &wire.channels, bad);
    if !parse::is_language(&wire.locale) {
        bad.add("locale", "is no language tag");
    }
    let line_user = match wire.line_user_id {
        None => LineWish::Keep,
        Some(text) if text.is_empty() => LineWish::Remove,
        Some(text) => {
            if !parse::is_line_user(&text) {
                bad.add("line_user_id", "must be U and 32 hex digits, or empty");
            }
            LineWish::Set(Private::new(text))
        }
    };
    if wire.channels.is_empty() && wire.locale.is_empty() && line_user == LineWish::Keep {
        bad.add(
            "channels",
            "is required where neither locale nor line_user_id is given",
        );
    }
    Wish {
        channels,
        locale: wire.locale,
        line_user,
    }
}

fn render(row: PreferenceRow) -> v1::Preference {
    let channels = row.channels.into_iter();
    let line_user_set = row.line_user_set;
    v1::Preference {
        channels: channels
            .map(|channel| v1::Channel::from(channel).into())
            .collect(),
        locale: row.locale,
        has_line_user: row.line_user.is_some(),
        set_by: row.set.by,
        set_at: Some(timestamp(row.set.at_ms)),
        line_user_set_at: line_user_set.as_ref().map(|trace| timestamp(trace.at_ms)),
        line_user_set_by: line_user_set.map(|trace| trace.by).unwrap_or_default(),
    }
}
