//! The guard's lists over gRPC: who may change them, what they do to the next send, and who can tell.

use std::time::Duration;

use serde_json::json;
use tollgate::{
    error::Reason,
    pb::v1::{
        BlockRequest, Effect, GetStandingRequest, ListAction, ListBlocksRequest,
        ListDecisionsRequest, ListEntry, Recipient, SendOtpRequest, Target, UnblockRequest,
        get_standing_request::Subject, target::Target as Whom,
    },
};
use tonic::{Code, Status};

use crate::support::{
    client::{Client, fault, order},
    gateway::TestGateway,
    hook::Hook,
    mode::{Mode, in_both_modes},
    patience::until,
    plan::{BILLING, OPERATOR, OTHER_TENANT, TENANT},
};

in_both_modes!(
    what_is_blocked_is_not_sent_until_it_is_unblocked,
    a_block_ends_by_itself,
    every_kind_of_target_is_met,
    what_is_allowed_passes_the_number_policy,
    the_lists_outlive_a_restart_and_a_reload,
    clients_keep_to_their_tenants_and_methods,
    every_bad_field_is_named_at_once,
    lists_and_changes_are_paged,
    decisions_are_listed,
);

const PHONE: &str = "+14155552671";
const OTHER_PHONE: &str = "+14155552672";
const FRENCH: &str = "+33612345678";

fn whom(target: Whom) -> Target {
    Target {
        target: Some(target),
    }
}

fn phone(number: &str) -> Target {
    whom(Whom::PhoneNumber(number.to_owned()))
}

fn block(tenant: &str, target: Target) -> BlockRequest {
    BlockRequest {
        tenants: vec![tenant.to_owned()],
        targets: vec![target],
        reason: "a test".to_owned(),
        ..BlockRequest::default()
    }
}

/// Why a send is refused; `None` when it is not.
async fn refusal(client: &Client, order: SendOtpRequest) -> Option<Reason> {
    let status = client.send(order).await.err()?;
    Some(fault(&status, status.code()).reason)
}

fn denied(answer: Result<impl std::fmt::Debug, Status>) {
    let status = answer.unwrap_err();
    let fault = fault(&status, Code::PermissionDenied);
    assert_eq!(fault.reason, Reason::NotAllowed);
}

async fn what_is_blocked_is_not_sent_until_it_is_unblocked(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let set = client.block(block(TENANT, phone(PHONE))).await.unwrap();
    let [entry] = &set[..] else { panic!("{set:?}") };
    assert!(entry.entry_id.starts_with("lst_"));
    assert_eq!(entry.effect(), Effect::Block);
    assert_eq!((&*entry.tenant, &*entry.author), (TENANT, "operator"));
    assert_eq!(entry.expires_at, None);
    // The number is not told again.
    let masked = entry.target.clone().and_then(|one| one.target);
    assert_eq!(masked, Some(Whom::PhoneNumber("+1********71".to_owned())));

    let status = client.send(order(PHONE)).await.unwrap_err();
    let refused = fault(&status, Code::PermissionDenied);
    assert_eq!(refused.reason, Reason::Blocked);
    assert!(refused.metadata["decision_id"].starts_with("dec_"));
    let answer = gateway.hook(&Hook::to(PHONE)).await;
    assert!(answer.is_delivered(), "Okta must not send it by itself");
    assert_eq!(answer.metadata(), "state=refused;reason=blocked");
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);

    // Nobody else's sends change.
    assert_eq!(refusal(&client, order(OTHER_PHONE)).await, None);
    let mut theirs = order(PHONE);
    theirs.tenant = OTHER_TENANT.into();
    assert_eq!(refusal(&client, theirs).await, None);

    let unblock = UnblockRequest {
        entry_ids: vec![entry.entry_id.clone()],
        ..UnblockRequest::default()
    };
    let removed = client.unblock(unblock.clone()).await.unwrap();
    assert_eq!(removed, set);
    assert_eq!(refusal(&client, order(PHONE)).await, None);
    let status = client.unblock(unblock).await.unwrap_err();
    assert_eq!(fault(&status, Code::NotFound).reason, Reason::NotFound);

    let changes = ListBlocksRequest {
        tenant: TENANT.to_owned(),
        changes: true,
        ..ListBlocksRequest::default()
    };
    let changes = client.blocks(changes).await.unwrap().changes;
    let told: Vec<_> = changes
        .iter()
        .map(|change| (change.action(), &*change.changed_by))
        .collect();
    let expect = [ListAction::Remove, ListAction::Set].map(|action| (action, "operator"));
    assert_eq!(told, expect);
    assert!(changes.iter().all(|one| one.entry.as_ref() == Some(entry)));
}

async fn a_block_ends_by_itself(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let request = BlockRequest {
        expires_in: Some(Duration::from_secs(2).try_into().unwrap()),
        ..block(TENANT, phone(PHONE))
    };
    let set = client.block(request).await.unwrap();
    assert!(set[0].expires_at.is_some());
    let explained = client.explain(order(PHONE)).await.unwrap();
    assert_eq!(explained.reason, Reason::Blocked.as_str());
    let passes = async || {
        let explained = client.explain(order(PHONE)).await.unwrap();
        explained.would_send.then_some(())
    };
    until("the block to end", passes).await;
    assert_eq!(refusal(&client, order(PHONE)).await, None);
    let left = ListBlocksRequest {
        tenant: TENANT.to_owned(),
        ..ListBlocksRequest::default()
    };
    assert_eq!(client.blocks(left).await.unwrap().entries, []);
}

async fn every_kind_of_target_is_met(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let ordered = |number: &str, user: &str, ip: &str| SendOtpRequest {
        recipient: Some(Recipient {
            phone_number: number.to_owned(),
            user_id: user.to_owned(),
            ..Recipient::default()
        }),
        client_ip: ip.to_owned(),
        ..order(number)
    };
    let targets = [
        (phone("+14155550100"), ordered("+1 415-555-0100", "", "")),
        (
            whom(Whom::Prefix("+1415556".to_owned())),
            ordered("+14155560100", "", ""),
        ),
        (
            whom(Whom::UserId("mallory".to_owned())),
            ordered("+14155550101", "mallory", ""),
        ),
        (
            whom(Whom::Network("203.0.113.0/24".to_owned())),
            ordered("+14155550102", "", "203.0.113.77"),
        ),
        (
            whom(Whom::Network("2001:db8::/64".to_owned())),
            ordered("+14155550103", "", "2001:db8::7"),
        ),
    ];
    for (target, blocked) in targets {
        assert_eq!(refusal(&client, blocked.clone()).await, None);
        client.block(block(TENANT, target.clone())).await.unwrap();
        let again = SendOtpRequest {
            idempotency_key: format!("again {}", blocked.idempotency_key),
            ..blocked
        };
        assert_eq!(refusal(&client, again).await, Some(Reason::Blocked));
        let unblock = UnblockRequest {
            tenants: vec![TENANT.to_owned()],
            targets: vec![target],
            ..UnblockRequest::default()
        };
        assert_eq!(client.unblock(unblock).await.unwrap().len(), 1);
    }
    let unmet = ordered("+14155570100", "alice", "198.51.100.1");
    assert_eq!(refusal(&client, unmet).await, None);
}

async fn what_is_allowed_passes_the_number_policy(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let refused = refusal(&client, order(FRENCH)).await;
    assert_eq!(refused, Some(Reason::CountryNotAllowed));
    let allow = BlockRequest {
        effect: Effect::Allow.into(),
        ..block("*", phone(FRENCH))
    };
    let set = client.block(allow).await.unwrap();
    assert_eq!((set[0].effect(), &*set[0].tenant), (Effect::Allow, "*"));
    assert_eq!(refusal(&client, order(FRENCH)).await, None);
    // What is said later of the same target holds.
    client.block(block("*", phone(FRENCH))).await.unwrap();
    let refused = refusal(&client, order(FRENCH)).await;
    assert_eq!(refused, Some(Reason::Blocked));
}

async fn the_lists_outlive_a_restart_and_a_reload(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    client.block(block(TENANT, phone(PHONE))).await.unwrap();
    let plan = gateway.stop().await;
    let mut gateway = plan.start().await;
    let client = gateway.client(OPERATOR).await;
    let refused = refusal(&client, order(PHONE)).await;
    assert_eq!(refused, Some(Reason::Blocked));
    let changed = gateway
        .plan
        .clone()
        .with("tenants.acme.countries.allow", json!(["US"]));
    gateway.reload(changed);
    gateway.every_part_reloaded(1).await;
    let refused = refusal(&client, order(PHONE)).await;
    assert_eq!(refused, Some(Reason::Blocked));
}

async fn clients_keep_to_their_tenants_and_methods(mode: Mode) {
    let plan = TestGateway::plan(mode).await;
    let all = [
        "Block",
        "Unblock",
        "ListBlocks",
        "GetStanding",
        "ListDecisions",
    ];
    let gateway = plan.with_methods_of_billing(json!(all)).start().await;
    let operator = gateway.client(OPERATOR).await;
    let billing = gateway.client(BILLING).await;
    let theirs = operator.block(block(OTHER_TENANT, phone(PHONE))).await;
    let theirs = theirs.unwrap().remove(0);
    let everybodys = operator.block(block("*", phone(OTHER_PHONE))).await;
    let everybodys = everybodys.unwrap().remove(0);

    denied(billing.block(block(OTHER_TENANT, phone(PHONE))).await);
    denied(billing.block(block("*", phone(PHONE))).await);
    let both = BlockRequest {
        tenants: vec![TENANT.to_owned(), OTHER_TENANT.to_owned()],
        ..block(TENANT, phone(PHONE))
    };
    denied(billing.block(both).await);
    denied(billing.blocks(ListBlocksRequest::default()).await);
    let foreign = ListBlocksRequest {
        tenant: OTHER_TENANT.to_owned(),
        ..ListBlocksRequest::default()
    };
    denied(billing.blocks(foreign).await);
    denied(billing.standing(standing(OTHER_TENANT, None)).await);
    let foreign = ListDecisionsRequest {
        tenant: OTHER_TENANT.to_owned(),
        ..ListDecisionsRequest::default()
    };
    denied(billing.decisions(foreign).await);
    // Entries of others do not exist for it, and those for all are not its to take away.
    for entry in [&theirs, &everybodys] {
        let unblock = UnblockRequest {
            entry_ids: vec![entry.entry_id.clone()],
            ..UnblockRequest::default()
        };
        let status = billing.unblock(unblock).await.unwrap_err();
        assert_eq!(fault(&status, Code::NotFound).reason, Reason::NotFound);
    }
    let own = ListBlocksRequest {
        tenant: TENANT.to_owned(),
        ..ListBlocksRequest::default()
    };
    let seen = billing.blocks(own).await.unwrap().entries;
    assert_eq!(seen, [everybodys], "what holds for it, it may see");
    billing.block(block(TENANT, phone(PHONE))).await.unwrap();

    // Without the methods there is nothing.
    let plan = gateway.stop().await;
    let gateway = plan
        .with_methods_of_billing(json!(["SendOtp"]))
        .start()
        .await;
    let billing = gateway.client(BILLING).await;
    denied(billing.block(block(TENANT, phone(PHONE))).await);
    denied(billing.unblock(UnblockRequest::default()).await);
    denied(billing.blocks(ListBlocksRequest::default()).await);
    denied(billing.standing(standing(TENANT, None)).await);
    denied(billing.decisions(ListDecisionsRequest::default()).await);
}

fn standing(tenant: &str, subject: Option<Subject>) -> GetStandingRequest {
    GetStandingRequest {
        tenant: tenant.to_owned(),
        subject,
    }
}

/// The names of the bad fields of an answer.
fn fields(answer: Result<impl std::fmt::Debug, Status>) -> Vec<String> {
    let status = answer.unwrap_err();
    let fault = fault(&status, Code::InvalidArgument);
    let fields = fault.violations.into_iter().map(|(field, _)| field);
    fields.collect()
}

async fn every_bad_field_is_named_at_once(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    assert_eq!(
        fields(client.block(BlockRequest::default()).await),
        ["tenants", "targets", "reason"]
    );
    let bad = BlockRequest {
        tenants: vec!["*".to_owned()],
        targets: vec![
            phone("12"),
            whom(Whom::Prefix("+0".to_owned())),
            whom(Whom::Prefix("+141555526715".to_owned())),
            whom(Whom::UserId("u-1".to_owned())),
            whom(Whom::Network("office".to_owned())),
            Target::default(),
            whom(Whom::Prefix("+44740012345".to_owned())),
        ],
        effect: 77,
        expires_in: Some(Duration::ZERO.try_into().unwrap()),
        reason: "two\nlines".to_owned(),
    };
    let expect = [
        "targets[0].phone_number",
        "targets[1].prefix",
        "targets[2].prefix",
        "targets[3].user_id",
        "targets[4].network",
        "targets[5]",
        "targets[6].prefix",
        "effect",
        "expires_in",
        "reason",
    ];
    assert_eq!(fields(client.block(bad).await), expect);
    let nobody = block("nobody", phone(PHONE));
    assert_eq!(fields(client.block(nobody).await), ["tenants[0]"]);
    let bad = UnblockRequest {
        entry_ids: vec!["dec_1".to_owned()],
        tenants: Vec::new(),
        targets: vec![phone("12")],
    };
    let expect = ["entry_ids[0]", "targets[0].phone_number", "tenants"];
    assert_eq!(fields(client.unblock(bad).await), expect);
    let expect = ["entry_ids"];
    assert_eq!(
        fields(client.unblock(UnblockRequest::default()).await),
        expect
    );
    let bad = ListBlocksRequest {
        tenant: "nobody".to_owned(),
        page_size: 1001,
        page_token: "x".to_owned(),
        ..ListBlocksRequest::default()
    };
    let expect = ["tenant", "page_size", "page_token"];
    assert_eq!(fields(client.blocks(bad).await), expect);
    let bad = ListDecisionsRequest {
        page_size: 1001,
        page_token: "x".to_owned(),
        ..ListDecisionsRequest::default()
    };
    assert_eq!(fields(client.decisions(bad).await), expect);
    let subjects = [
        (Subject::PhoneNumber("12".to_owned()), "phone_number"),
        (Subject::Range("+1x".to_owned()), "range"),
        (Subject::Range("+14155550123".to_owned()), "range"),
        (Subject::Country("XX".to_owned()), "country"),
        (Subject::UserId(String::new()), "user_id"),
        (Subject::ClientIp("localhost".to_owned()), "client_ip"),
    ];
    for (subject, field) in subjects {
        let bad = standing("", Some(subject));
        assert_eq!(fields(client.standing(bad).await), ["tenant", field]);
    }
}

async fn lists_and_changes_are_paged(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let mut set: Vec<ListEntry> = Vec::new();
    for digit in 0..5 {
        let prefix = whom(Whom::Prefix(format!("+4474001{digit}")));
        set.extend(client.block(block(TENANT, prefix)).await.unwrap());
    }
    // What was made in one millisecond has no order.
    set.sort_by(|one, other| other.entry_id.cmp(&one.entry_id));
    for changes in [false, true] {
        let mut request = ListBlocksRequest {
            tenant: TENANT.to_owned(),
            changes,
            page_size: 2,
            page_token: String::new(),
        };
        let mut found = Vec::new();
        loop {
            let page = client.blocks(request.clone()).await.unwrap();
            assert!(page.entries.len() + page.changes.len() <= 2);
            found.extend(page.entries);
            found.extend(page.changes.into_iter().filter_map(|change| change.entry));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        if changes {
            found.sort_by(|one, other| other.entry_id.cmp(&one.entry_id));
        }
        assert_eq!(found, set, "{changes}");
    }
}

async fn decisions_are_listed(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let mut told = Vec::new();
    for _ in 0..3 {
        let status = client.send(order(FRENCH)).await.unwrap_err();
        let fault = fault(&status, Code::PermissionDenied);
        told.push(fault.metadata["decision_id"].clone());
    }
    // What was made in one millisecond has no order.
    told.sort_by(|one, other| other.cmp(one));
    let request = ListDecisionsRequest {
        tenant: TENANT.to_owned(),
        rule: "country".to_owned(),
        ..ListDecisionsRequest::default()
    };
    // Rows are written behind the answers, one after the other.
    let all = until("the decisions", async || {
        let (found, _) = client.decisions(request.clone()).await.unwrap();
        (found.len() == told.len()).then_some(found)
    })
    .await;
    let mut paged = Vec::new();
    let mut page = ListDecisionsRequest {
        page_size: 2,
        ..request.clone()
    };
    loop {
        let (found, next) = client.decisions(page.clone()).await.unwrap();
        assert!(found.len() <= 2);
        paged.extend(found);
        if next.is_empty() {
            break;
        }
        page.page_token = next;
    }
    assert_eq!(paged, all);
    let ids: Vec<_> = all.iter().map(|one| one.decision_id.clone()).collect();
    assert_eq!(ids, told);
    assert_eq!((&*all[0].key, &*all[0].level), ("country", "FR"));
    assert_eq!(all[0].threshold, "US, GB, JP");
    assert_eq!((all[0].count, &all[0].until), (1, &None));
    let none = ListDecisionsRequest {
        rule: "number_type".to_owned(),
        ..request
    };
    assert_eq!(client.decisions(none).await.unwrap().0, []);
}
