//! What services store for people: who may, what it decides, and how long it lasts.

use std::collections::BTreeSet;

use serde_json::json;
use tollgate::{
    error::Reason,
    pb::v1::{
        Channel, DeletePreferenceRequest, GetPreferenceRequest, Preference, Recipient,
        SendOtpRequest, SetPreferenceRequest,
    },
};
use tonic::{Code, Status};

use crate::support::{
    client::{Client, fault, order},
    gateway::TestGateway,
    mode::{Mode, in_both_modes},
    plan::{BILLING, OPERATOR, OTHER_TENANT, TENANT},
};

in_both_modes!(
    a_preference_is_stored_read_and_removed,
    it_decides_at_once_and_for_nobody_else,
    a_line_user_id_is_a_permission_of_its_own,
    it_outlives_the_process_and_stays_sealed,
    clients_keep_to_their_tenants_and_methods,
    every_bad_field_is_named_at_once,
);

const PHONE: &str = "+14155552671";
const LINE_USER: &str = "U0123456789abcdef0123456789abcdef";

fn set(user: &str, channels: &[Channel]) -> SetPreferenceRequest {
    SetPreferenceRequest {
        tenant: TENANT.to_owned(),
        user_id: user.to_owned(),
        channels: channels.iter().map(|channel| (*channel).into()).collect(),
        ..SetPreferenceRequest::default()
    }
}

fn get(user: &str) -> GetPreferenceRequest {
    GetPreferenceRequest {
        tenant: TENANT.to_owned(),
        user_id: user.to_owned(),
    }
}

fn delete(user: &str) -> DeletePreferenceRequest {
    DeletePreferenceRequest {
        tenant: TENANT.to_owned(),
        user_id: user.to_owned(),
    }
}

fn order_of(user: &str) -> SendOtpRequest {
    SendOtpRequest {
        recipient: Some(Recipient {
            phone_number: PHONE.to_owned(),
            user_id: user.to_owned(),
            ..Recipient::default()
        }),
        ..order(PHONE)
    }
}

async fn sent_by(client: &Client, user: &str) -> Channel {
    client.send(order_of(user)).await.unwrap().channel()
}

async fn a_preference_is_stored_read_and_removed(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let status = client.get_preference(get("u-1")).await.unwrap_err();
    assert_eq!(fault(&status, Code::NotFound).reason, Reason::NotFound);
    let both = [Channel::Whatsapp, Channel::Sms];
    let mut wish = set("u-1", &both);
    wish.locale = "ja-JP".into();
    client.set_preference(wish).await.unwrap();
    let stored = client.get_preference(get("u-1")).await.unwrap();
    assert_eq!(stored.channels().collect::<Vec<_>>(), both);
    assert_eq!((&*stored.locale, &*stored.set_by), ("ja-JP", "operator"));
    assert!(stored.set_at.is_some_and(|at| at.seconds > 1_700_000_000));
    assert!(!stored.has_line_user && stored.line_user_set_at.is_none());
    client
        .set_preference(set("u-1", &[Channel::Voice]))
        .await
        .unwrap();
    let stored = client.get_preference(get("u-1")).await.unwrap();
    assert_eq!(stored.channels().collect::<Vec<_>>(), [Channel::Voice]);
    assert!(stored.locale.is_empty(), "it is replaced, not added to");
    assert!(client.delete_preference(delete("u-1")).await.unwrap());
    assert!(!client.delete_preference(delete("u-1")).await.unwrap());
    client.get_preference(get("u-1")).await.unwrap_err();
}

async fn it_decides_at_once_and_for_nobody_else(mode: Mode) {
    let plan = TestGateway::plan(mode).await.with_every_channel();
    let gateway = plan.start().await;
    let client = gateway.client(OPERATOR).await;
    assert_eq!(sent_by(&client, "u-1").await, Channel::Sms);
    client
        .set_preference(set("u-1", &[Channel::Whatsapp]))
        .await
        .unwrap();
    assert_eq!(sent_by(&client, "u-1").await, Channel::Whatsapp);
    assert_eq!(sent_by(&client, "u-2").await, Channel::Sms);
    let mut elsewhere = order_of("u-1");
    elsewhere.tenant = OTHER_TENANT.into();
    let answer = client.send(elsewhere).await.unwrap();
    assert_eq!(answer.channel(), Channel::Sms);

    let source = async |order: SendOtpRequest| {
        let explained = client.explain(order).await.unwrap();
        explained.explanation[0].clone()
    };
    let mut asked = order_of("u-1");
    asked.profile_channels = vec![Channel::Voice.into(), Channel::Sms.into()];
    let wanted = "channels wanted by the stored preference: whatsapp, then sms";
    assert_eq!(source(asked.clone()).await, wanted);
    asked.channels = vec![Channel::Sms.into()];
    assert_eq!(
        source(asked.clone()).await,
        "channels wanted by the request: sms"
    );
    let mut asked = order_of("u-2");
    assert_eq!(
        source(asked.clone()).await,
        "channels wanted by the tenant's default: sms"
    );
    asked.profile_channels = vec![Channel::Whatsapp.into()];
    let wanted = "channels wanted by the profile: whatsapp, then sms";
    assert_eq!(source(asked).await, wanted);

    client
        .set_preference(set("u-1", &[Channel::Sms]))
        .await
        .unwrap();
    assert_eq!(sent_by(&client, "u-1").await, Channel::Sms);
}

async fn a_line_user_id_is_a_permission_of_its_own(mode: Mode) {
    let plan = TestGateway::plan(mode).await.with_every_channel();
    let may = json!([
        "SendOtp",
        "GetPreference",
        "SetPreference",
        "DeletePreference"
    ]);
    let gateway = plan.with_methods_of_billing(may).start().await;
    let (operator, billing) = (
        gateway.client(OPERATOR).await,
        gateway.client(BILLING).await,
    );
    for said in [LINE_USER, ""] {
        let mut wish = set("u-1", &[Channel::Line]);
        wish.line_user_id = Some(said.to_owned());
        let status = billing.set_preference(wish).await.unwrap_err();
        let fault = fault(&status, Code::PermissionDenied);
        assert_eq!(fault.reason, Reason::NotAllowed);
    }
    billing.get_preference(get("u-1")).await.unwrap_err();
    let mut wish = set("u-1", &[Channel::Line]);
    wish.line_user_id = Some(LINE_USER.to_owned());
    operator.set_preference(wish).await.unwrap();
    // Whoever may not set it may not lose it either.
    billing
        .set_preference(set("u-1", &[Channel::Sms]))
        .await
        .unwrap();
    let stored = billing.get_preference(get("u-1")).await.unwrap();
    assert!(stored.has_line_user);
    let by = (&*stored.set_by, &*stored.line_user_set_by);
    assert_eq!(by, ("billing", "operator"));
    assert!(billing.delete_preference(delete("u-1")).await.unwrap());
    assert!(!billing.delete_preference(delete("u-1")).await.unwrap());
    let stored = billing.get_preference(get("u-1")).await.unwrap();
    assert!(stored.has_line_user && stored.channels.is_empty());
    assert_eq!(stored.line_user_set_by, "operator");
    let mut wish = set("u-1", &[Channel::Sms]);
    wish.line_user_id = Some(String::new());
    operator.set_preference(wish).await.unwrap();
    let stored = billing.get_preference(get("u-1")).await.unwrap();
    assert!(!stored.has_line_user);
    assert_eq!(stored.line_user_set_by, "operator");
    let mut wish = set("u-1", &[Channel::Line]);
    wish.line_user_id = Some(LINE_USER.to_owned());
    operator.set_preference(wish).await.unwrap();
    assert!(operator.delete_preference(delete("u-1")).await.unwrap());
    billing.get_preference(get("u-1")).await.unwrap_err();
}

async fn it_outlives_the_process_and_stays_sealed(mode: Mode) {
    let plan = TestGateway::plan(mode).await.with_every_channel();
    let gateway = plan.start().await;
    let mut wish = set("user-0123456789", &[Channel::Whatsapp]);
    wish.line_user_id = Some(LINE_USER.to_owned());
    let client = gateway.client(OPERATOR).await;
    client.set_preference(wish).await.unwrap();
    drop(client);
    let gateway = gateway.restart().await;
    let folder = gateway.world().folder.path().to_owned();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let bytes = std::fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&LINE_USER[1..]), "{}", file.display());
        assert!(!text.contains("user-0123456789"), "{}", file.display());
    }
    let client = gateway.client(OPERATOR).await;
    let stored: Preference = client.get_preference(get("user-0123456789")).await.unwrap();
    assert!(stored.has_line_user);
    assert_eq!(sent_by(&client, "user-0123456789").await, Channel::Whatsapp);
}

async fn clients_keep_to_their_tenants_and_methods(mode: Mode) {
    let plan = TestGateway::plan(mode).await;
    let may = json!(["GetPreference"]);
    let gateway = plan.with_methods_of_billing(may).start().await;
    let (operator, billing) = (
        gateway.client(OPERATOR).await,
        gateway.client(BILLING).await,
    );
    let mut theirs = set("u-1", &[Channel::Voice]);
    theirs.tenant = OTHER_TENANT.into();
    operator.set_preference(theirs).await.unwrap();
    let mut ask = get("u-1");
    billing.get_preference(ask.clone()).await.unwrap_err();
    ask.tenant = OTHER_TENANT.into();
    let stranger = gateway.client("wrong-token-0123456789").await;
    let refused = [
        billing.get_preference(ask.clone()).await.unwrap_err(),
        billing
            .set_preference(set("u-1", &[Channel::Sms]))
            .await
            .unwrap_err(),
        billing.delete_preference(delete("u-1")).await.unwrap_err(),
    ];
    for status in refused {
        let fault = fault(&status, Code::PermissionDenied);
        assert_eq!(fault.reason, Reason::NotAllowed);
    }
    let status = stranger.get_preference(ask.clone()).await.unwrap_err();
    assert_eq!(
        fault(&status, Code::Unauthenticated).reason,
        Reason::Unauthenticated
    );
    assert!(operator.get_preference(ask).await.is_ok());
}

async fn every_bad_field_is_named_at_once(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let client = gateway.client(OPERATOR).await;
    let mut bad = set(&"u".repeat(257), &[Channel::Sms, Channel::Sms]);
    bad.tenant = "nobody".into();
    bad.locale = "not a language".into();
    bad.line_user_id = Some("U12".to_owned());
    let status = client.set_preference(bad).await.unwrap_err();
    let all = ["tenant", "user_id", "channels", "locale", "line_user_id"];
    assert_eq!(violations(&status), BTreeSet::from(all.map(str::to_owned)));
    let nothing = SetPreferenceRequest::default();
    let status = client.set_preference(nothing).await.unwrap_err();
    let all = ["tenant", "user_id", "channels"];
    assert_eq!(violations(&status), BTreeSet::from(all.map(str::to_owned)));
    let both = BTreeSet::from(["tenant", "user_id"].map(str::to_owned));
    let status = client.get_preference(GetPreferenceRequest::default()).await;
    assert_eq!(violations(&status.unwrap_err()), both);
    let status = client.delete_preference(DeletePreferenceRequest::default());
    assert_eq!(violations(&status.await.unwrap_err()), both);
}

fn violations(status: &Status) -> BTreeSet<String> {
    let fault = fault(status, Code::InvalidArgument);
    assert_eq!(fault.reason, Reason::InvalidRequest);
    let fields = fault.violations.into_iter();
    fields.map(|(field, _)| field).collect()
}
