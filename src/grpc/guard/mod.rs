//! `GuardService`: how the guard stands, what it has decided, and its lists, for operators.

mod parse;
mod render;

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::{
    clock::Clock,
    dispatch::{Dispatcher, lists::Wish},
    domain::listed::{ListEntry, Tenants},
    error::{Reason, fault::Fault},
    pb::v1::{self, guard_service_server},
    store::{LedgerError, list::ChangeFilter},
};

use super::{
    caller::Caller,
    otp::{context, ledger_away, permit},
    parse::Violations,
};

/// The service.
#[derive(Clone)]
pub struct GuardService {
    dispatcher: Arc<Dispatcher>,
    clock: Clock,
}

impl GuardService {
    /// The service in front of a dispatcher.
    pub fn new(dispatcher: Arc<Dispatcher>, clock: Clock) -> Self {
        Self { dispatcher, clock }
    }

    fn know(&self, tenant: &str, field: &str, bad: &mut Violations) {
        if tenant.is_empty() {
            bad.add(field, "is required");
        } else if !self.dispatcher.policy().tenants.contains_key(tenant) {
            bad.add(field, "is not known");
        }
    }

    /// The tenants that a request names, once it is certain that the caller may act for them.
    fn tenants(
        &self,
        caller: &Caller,
        names: &[String],
        bad: &mut Violations,
    ) -> Result<Vec<Tenants>, Fault> {
        if names == ["*"] {
            return if caller.may_use_all() {
                Ok(vec![Tenants::All])
            } else {
                Err(Reason::NotAllowed.into())
            };
        }
        for name in names {
            permit(caller, name)?;
        }
        let bounded = names.iter().take(parse::MAX_TENANTS + 1);
        for (index, name) in bounded.enumerate() {
            self.know(name, &format!("tenants[{index}]"), bad);
        }
        if names.len() > parse::MAX_TENANTS {
            bad.add("tenants", "must be at most 16");
        }
        let mut tenants: Vec<_> = names.iter().cloned().map(Tenants::One).collect();
        tenants.sort_unstable();
        tenants.dedup();
        Ok(tenants)
    }

    /// The entries that a request takes away. One that the caller may not change does not exist for them.
    fn chosen(&self, caller: &Caller, wire: &v1::UnblockRequest) -> Result<Vec<ListEntry>, Fault> {
        let mut bad = Violations::default();
        let ids = parse::entry_ids(&wire.entry_ids, &mut bad);
        let tenants = self.tenants(caller, &wire.tenants, &mut bad)?;
        let targets = parse::targets(&wire.targets, &tenants, &mut bad);
        if wire.entry_ids.is_empty() && wire.targets.is_empty() {
            bad.add("entry_ids", "is required where no targets are given");
        }
        if tenants.is_empty() && !wire.targets.is_empty() {
            bad.add("tenants", "is required where targets are given");
        }
        bad.finish()?;
        let lists = self.dispatcher.lists();
        let entries = lists.entries();
        let by_id = entries.iter().filter(|entry| ids.contains(&entry.id));
        let may_change = |entry: &&ListEntry| match &entry.tenants {
            Tenants::All => caller.may_use_all(),
            Tenants::One(name) => caller.may_use(name),
        };
        let mut chosen: Vec<_> = by_id.filter(may_change).cloned().collect();
        for entry in lists.find(&tenants, &targets) {
            if !chosen.contains(&entry) {
                chosen.push(entry);
            }
        }
        Ok(chosen)
    }
}

#[tonic::async_trait]
impl guard_service_server::GuardService for GuardService {
    async fn get_standing(
        &self,
        request: Request<v1::GetStandingRequest>,
    ) -> Result<Response<v1::GetStandingResponse>, Status> {
        let (caller, _) = context(&request)?;
        let wire = request.into_inner();
        permit(&caller, &wire.tenant)?;
        let mut bad = Violations::default();
        self.know(&wire.tenant, "tenant", &mut bad);
        let whose = parse::whose(wire.subject, &mut bad);
        bad.finish()?;
        let whose = whose.ok_or(Reason::Internal).map_err(Fault::new)?;
        let (standings, entries) = self.dispatcher.standing(&wire.tenant, &whose);
        Ok(Response::new(v1::GetStandingResponse {
            subject: render::subject(&whose),
            standings: standings.iter().map(render::standing).collect(),
            entries: entries.iter().map(render::entry).collect(),
        }))
    }

    async fn block(
        &self,
        request: Request<v1::BlockRequest>,
    ) -> Result<Response<v1::BlockResponse>, Status> {
        let (caller, _) = context(&request)?;
        let wire = request.into_inner();
        let mut bad = Violations::default();
        let tenants = self.tenants(&caller, &wire.tenants, &mut bad)?;
        if tenants.is_empty() {
            bad.add("tenants", "is required; * stands for all");
        }
        let targets = parse::targets(&wire.targets, &tenants, &mut bad);
        if wire.targets.is_empty() {
            bad.add("targets", "is required");
        }
        let effect = parse::effect(wire.effect, &mut bad);
        let expires_in = parse::expires_in(wire.expires_in.as_ref(), &mut bad);
        parse::reason(&wire.reason, &mut bad);
        bad.finish()?;
        let expires = |after: std::time::Duration| {
            let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            self.clock.unix_ms().saturating_add(after)
        };
        let wish = Wish {
            effect,
            tenants,
            targets,
            expires_ms: expires_in.map(expires),
            reason: wire.reason,
        };
        let set = self.dispatcher.lists().set(wish, &caller.name).await;
        let set = set.map_err(|problem| unchanged(&problem))?;
        Ok(Response::new(v1::BlockResponse {
            entries: set.iter().map(render::entry).collect(),
        }))
    }

    async fn unblock(
        &self,
        request: Request<v1::UnblockRequest>,
    ) -> Result<Response<v1::UnblockResponse>, Status> {
        let (caller, _) = context(&request)?;
        let chosen = self.chosen(&caller, &request.into_inner())?;
        if chosen.is_empty() {
            return Err(Fault::new(Reason::NotFound).into());
        }
        let removed = self.dispatcher.lists().remove(chosen, &caller.name).await;
        let removed = removed.map_err(|problem| unchanged(&problem))?;
        if removed.is_empty() {
            return Err(Fault::new(Reason::NotFound).into());
        }
        Ok(Response::new(v1::UnblockResponse {
            entries: removed.iter().map(render::entry).collect(),
        }))
    }

    async fn list_blocks(
        &self,
        request: Request<v1::ListBlocksRequest>,
    ) -> Result<Response<v1::ListBlocksResponse>, Status> {
        let (caller, _) = context(&request)?;
        let wire = request.into_inner();
        if wire.tenant.is_empty() && !caller.may_use_all() {
            return Err(Fault::new(Reason::NotAllowed).into());
        }
        permit(&caller, &wire.tenant)?;
        let mut bad = Violations::default();
        if !wire.tenant.is_empty() {
            self.know(&wire.tenant, "tenant", &mut bad);
        }
        let limit = parse::page_size(wire.page_size, &mut bad);
        let tenant = Some(wire.tenant).filter(|name| !name.is_empty());
        let lists = self.dispatcher.lists();
        if wire.changes {
            let below = parse::change_token(&wire.page_token, &mut bad);
            bad.finish()?;
            let changes = lists.changes(ChangeFilter {
                tenants: tenant.map(|name| vec![name]),
                below,
                limit,
            });
            let changes = changes.await.map_err(|problem| ledger_away(&problem))?;
            return Ok(Response::new(render::changes(&changes)));
        }
        let below = parse::entry_token(&wire.page_token, &mut bad);
        bad.finish()?;
        let now = self.clock.unix_ms();
        let entries = lists.entries();
        let holds = |entry: &&ListEntry| {
            entry.is_live(now) && tenant.as_ref().is_none_or(|name| entry.tenants.has(name))
        };
        let newest_first = entries.iter().rev().filter(holds);
        let older = newest_first.filter(|entry| below.is_none_or(|below| entry.id < below));
        let page: Vec<_> = older.take(limit).collect();
        Ok(Response::new(render::entries(&page, limit)))
    }

    async fn list_decisions(
        &self,
        request: Request<v1::ListDecisionsRequest>,
    ) -> Result<Response<v1::ListDecisionsResponse>, Status> {
        let (caller, _) = context(&request)?;
        let wire = request.into_inner();
        permit(&caller, &wire.tenant)?;
        let mut bad = Violations::default();
        self.know(&wire.tenant, "tenant", &mut bad);
        let filter = parse::decisions(wire, &mut bad);
        bad.finish()?;
        let page = self.dispatcher.ledger().decisions(filter).await;
        let page = page.map_err(|problem| ledger_away(&problem))?;
        Ok(Response::new(render::decisions(&page)))
    }
}

/// Lists that are full are no fault of the ledger's.
fn unchanged(problem: &LedgerError) -> Status {
    match problem {
        LedgerError::Overloaded => Fault::new(Reason::Overloaded).into(),
        LedgerError::Unavailable(_) | LedgerError::Corrupt(_) => ledger_away(problem),
    }
}
