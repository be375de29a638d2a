//! `tollgate guard`: how somebody stands, whom to block or to let pass, and what was decided.

pub(super) mod import_verified;
mod json;
mod table;

use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    pb::v1::{
        self, get_standing_request::Subject, guard_service_client::GuardServiceClient, target,
    },
};

use super::{
    Failure,
    call::{Gateway, Transport, refused, timed},
    say, wait_for,
};

/// Most rows that the gateway gives at once.
const PAGE: u32 = 1000;

/// Ask the guard how somebody stands, change its lists, and read its decisions
#[derive(Debug, Args)]
pub(super) struct Guard {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say how a number, range, country, user or network stands; the tenant as a whole where none is named
    Standing(Standing),
    /// Send no code to these
    Block(Listing),
    /// Let codes to these pass, whatever the other rules say
    Allow(Listing),
    /// Take these off the lists again
    Unblock(Unblock),
    /// Show what stands on the lists, or what was changed on them
    List(List),
    /// Show what the guard has decided
    Decisions(Decisions),
    /// Take in numbers that are known to be real, so that nothing keeps their codes back; while the gateway is stopped
    ImportVerified(import_verified::ImportVerified),
}

/// Whom to ask, and how to show the answer.
#[derive(Debug, Args)]
struct Asking {
    #[command(flatten)]
    gateway: Gateway,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Standing {
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    whose: Whose,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct Whose {
    /// A number, E.164 with a leading +
    #[arg(long)]
    phone: Option<String>,
    /// A range: + and all digits of a number but the last four or six
    #[arg(long)]
    range: Option<String>,
    /// A country, for example GB
    #[arg(long)]
    country: Option<String>,
    /// A user, by your own id
    #[arg(long)]
    user: Option<String>,
    /// The address of a device, whose network is looked at
    #[arg(long)]
    ip: Option<String>,
}

/// Whom an entry is about.
#[derive(Debug, Args)]
struct Targets {
    /// A number, E.164 with a leading +; may be repeated
    #[arg(long)]
    phone: Vec<String>,
    /// Every number that begins like this, with a leading + and without the last four digits; may be repeated
    #[arg(long)]
    prefix: Vec<String>,
    /// A user, by your own id; may be repeated
    #[arg(long)]
    user: Vec<String>,
    /// An IP address or a network, for example 203.0.113.0/24; may be repeated
    #[arg(long)]
    network: Vec<String>,
}

#[derive(Debug, Args)]
#[command(group = whom(&["phone", "prefix", "user", "network"]))]
struct Listing {
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    targets: Targets,
    /// For all tenants, not only the one named
    #[arg(long)]
    all_tenants: bool,
    /// How long, for example 2h or 30days; for good when left out
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    lasting: Option<Duration>,
    /// Why; without anybody's number or id
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
#[command(group = whom(&["ids", "phone", "prefix", "user", "network"]))]
struct Unblock {
    #[command(flatten)]
    asking: Asking,
    /// Entries by id
    ids: Vec<String>,
    #[command(flatten)]
    targets: Targets,
    /// For all tenants, not only the one named
    #[arg(long)]
    all_tenants: bool,
}

/// One of these must be there, or nothing would be done.
fn whom(of: &[&'static str]) -> ArgGroup {
    ArgGroup::new("whom").args(of).required(true).multiple(true)
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    asking: Asking,
    /// What holds for any tenant, not only for the one named
    #[arg(long)]
    all_tenants: bool,
    /// Who changed what, and when
    #[arg(long)]
    changes: bool,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

#[derive(Debug, Args)]
struct Decisions {
    #[command(flatten)]
    asking: Asking,
    /// Only those of this rule
    #[arg(long)]
    rule: Option<String>,
    /// Only those of this last time, for example 1h
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    since: Option<Duration>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

impl Guard {
    pub(super) fn run(self) -> Result<(), Failure> {
        wait_for(self.command.run())?
    }
}

impl Command {
    async fn run(self) -> Result<(), Failure> {
        let stop = CancellationToken::new();
        let text = match self {
            Self::Standing(command) => command.run(&stop).await,
            Self::Block(command) => command.run(v1::Effect::Block, &stop).await,
            Self::Allow(command) => command.run(v1::Effect::Allow, &stop).await,
            Self::Unblock(command) => command.run(&stop).await,
            Self::List(command) => command.run(&stop).await,
            Self::Decisions(command) => command.run(&stop).await,
            Self::ImportVerified(command) => command.run().await,
        };
        stop.cancel();
        say(text?)?;
        Ok(())
    }
}

impl Asking {
    fn client(&self, stop: &CancellationToken) -> Result<GuardServiceClient<Transport>, Failure> {
        Ok(GuardServiceClient::new(self.gateway.transport(stop)?))
    }

    fn tenant(&self) -> String {
        self.gateway.tenant.clone()
    }

    fn tenants(&self, all: bool) -> Vec<String> {
        let name = if all { "*" } else { &*self.gateway.tenant };
        vec![name.to_owned()]
    }
}

impl Standing {
    async fn run(self, stop: &CancellationToken) -> Result<String, Failure> {
        let Whose {
            phone,
            range,
            country,
            user,
            ip,
        } = self.whose;
        let subject = (phone.map(Subject::PhoneNumber))
            .or(range.map(Subject::Range))
            .or(country.map(Subject::Country))
            .or(user.map(Subject::UserId))
            .or(ip.map(Subject::ClientIp));
        let request = v1::GetStandingRequest {
            tenant: self.asking.tenant(),
            subject,
        };
        let mut client = self.asking.client(stop)?;
        let answer = client.get_standing(timed(request)).await.map_err(refused)?;
        let answer = answer.into_inner();
        Ok(if self.asking.json {
            json::standing(&answer)
        } else {
            table::standing(&answer)
        })
    }
}

impl Targets {
    fn wire(self) -> Vec<v1::Target> {
        let phones = self.phone.into_iter().map(target::Target::PhoneNumber);
        let prefixes = self.prefix.into_iter().map(target::Target::Prefix);
        let users = self.user.into_iter().map(target::Target::UserId);
        let networks = self.network.into_iter().map(target::Target::Network);
        let all = phones.chain(prefixes).chain(users).chain(networks);
        all.map(|target| v1::Target {
            target: Some(target),
        })
        .collect()
    }
}

impl Listing {
    async fn run(self, effect: v1::Effect, stop: &CancellationToken) -> Result<String, Failure> {
        let expires_in = self.lasting.map(prost_types::Duration::try_from);
        let expires_in = expires_in.transpose();
        let request = v1::BlockRequest {
            tenants: self.asking.tenants(self.all_tenants),
            targets: self.targets.wire(),
            effect: effect.into(),
            expires_in: expires_in.map_err(|problem| Failure::usage(&problem))?,
            reason: self.reason,
        };
        let mut client = self.asking.client(stop)?;
        let answer = client.block(timed(request)).await.map_err(refused)?;
        Ok(shown(&answer.into_inner().entries, self.asking.json))
    }
}

impl Unblock {
    async fn run(self, stop: &CancellationToken) -> Result<String, Failure> {
        let tenants = self.asking.tenants(self.all_tenants);
        let targets = self.targets.wire();
        let request = v1::UnblockRequest {
            entry_ids: self.ids,
            tenants: if targets.is_empty() {
                Vec::new()
            } else {
                tenants
            },
            targets,
        };
        let mut client = self.asking.client(stop)?;
        let answer = client.unblock(timed(request)).await.map_err(refused)?;
        Ok(shown(&answer.into_inner().entries, self.asking.json))
    }
}

fn shown(entries: &[v1::ListEntry], json: bool) -> String {
    if json {
        json::entries(entries)
    } else {
        table::entries(entries)
    }
}

impl List {
    async fn run(self, stop: &CancellationToken) -> Result<String, Failure> {
        let mut client = self.asking.client(stop)?;
        let mut request = v1::ListBlocksRequest {
            tenant: self.asking.tenant(),
            changes: self.changes,
            page_size: self.limit.min(PAGE),
            page_token: String::new(),
        };
        if self.all_tenants {
            request.tenant.clear();
        }
        let (mut entries, mut changes) = (Vec::new(), Vec::new());
        loop {
            let page = client.list_blocks(timed(request.clone())).await;
            let page = page.map_err(refused)?.into_inner();
            entries.extend(page.entries);
            changes.extend(page.changes);
            request.page_token = page.next_page_token;
            let enough = entries.len() + changes.len() >= self.limit as usize;
            if enough || request.page_token.is_empty() {
                break;
            }
        }
        entries.truncate(self.limit as usize);
        changes.truncate(self.limit as usize);
        Ok(match (self.changes, self.asking.json) {
            (false, json) => shown(&entries, json),
            (true, false) => table::changes(&changes),
            (true, true) => json::changes(&changes),
        })
    }
}

impl Decisions {
    async fn run(self, stop: &CancellationToken) -> Result<String, Failure> {
        let mut client = self.asking.client(stop)?;
        let now = Clock::system().unix_ms();
        let since = self.since.map(|since| {
            let since = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
            let seconds = now.saturating_sub(since) / 1000;
            prost_types::Timestamp {
                seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
                nanos: 0,
            }
        });
        let mut request = v1::ListDecisionsRequest {
            tenant: self.asking.tenant(),
            rule: self.rule.unwrap_or_default(),
            created_after: since,
            page_size: self.limit.min(PAGE),
            ..v1::ListDecisionsRequest::default()
        };
        let mut decisions = Vec::new();
        loop {
            let page = client.list_decisions(timed(request.clone())).await;
            let page = page.map_err(refused)?.into_inner();
            decisions.extend(page.decisions);
            request.page_token = page.next_page_token;
            if decisions.len() >= self.limit as usize || request.page_token.is_empty() {
                break;
            }
        }
        decisions.truncate(self.limit as usize);
        Ok(if self.asking.json {
            json::decisions(&decisions)
        } else {
            table::decisions(&decisions)
        })
    }
}
