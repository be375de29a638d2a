//! The words of a message: the tenant's, in the person's language, on the phone that is to fill the code in.

use serde_json::{Value, json};
use tollgate::pb::v1::SendOtpRequest;

use crate::support::{
    client::order,
    gateway::TestGateway,
    hook::Hook,
    mode::{Mode, in_both_modes},
    patience::until,
    plan::OPERATOR,
};

in_both_modes!(
    a_template_of_the_nearest_language_takes_the_place_of_oktas_text,
    a_service_that_gave_no_text_gets_ours,
);

fn templates() -> Value {
    json!([
        { "locale": "ja", "text": "{{ attributes.firstName }}様 {{ brand }}の認証コード {{ code }} ({{ minutes }}分)" },
        { "locale": "fr", "purposes": ["password_reset"], "text": "{{ code }}" },
    ])
}

async fn gateway(mode: Mode) -> TestGateway {
    let plan = TestGateway::plan(mode).await;
    plan.with("tenants.acme.brand", json!("Acme"))
        .with("tenants.acme.templates", templates())
        .with("tenants.acme.autofill_domain", json!("login.acme.example"))
        .start()
        .await
}

/// The one message at a number's phone.
async fn text_at(gateway: &TestGateway, phone: &str) -> String {
    let inbox = gateway.twilio().inbox();
    let arrived = until("a message", async || inbox.to(phone).pop()).await;
    arrived.body.clone()
}

async fn a_template_of_the_nearest_language_takes_the_place_of_oktas_text(mode: Mode) {
    let gateway = gateway(mode).await;
    let hook = |phone: &str, locale: &str| {
        Hook::to(phone)
            .code("482913")
            .with("/data/userProfile/firstName", json!("Hana\nko"))
            .profile("locale", json!(locale))
            .profile("msgTemplate", json!("Okta says 482913"))
    };
    let line = "\n\n@login.acme.example #482913";
    let japanese = hook("+819012345670", "ja_JP");
    assert!(gateway.hook(&japanese).await.is_delivered());
    let text = text_at(&gateway, "+819012345670").await;
    assert_eq!(
        text,
        format!("Hana ko様 Acmeの認証コード 482913 (5分){line}")
    );

    // A sign-in, for which there is no French template.
    let french = hook("+819012345671", "fr");
    assert!(gateway.hook(&french).await.is_delivered());
    let text = text_at(&gateway, "+819012345671").await;
    assert_eq!(text, format!("Okta says 482913{line}"));
}

async fn a_service_that_gave_no_text_gets_ours(mode: Mode) {
    let gateway = gateway(mode).await;
    let order = SendOtpRequest {
        message: String::new(),
        locale: "de-AT".to_owned(),
        ..order("+14155550171")
    };
    gateway.client(OPERATOR).await.send(order).await.unwrap();
    let text = text_at(&gateway, "+14155550171").await;
    let ours = "Ihr Bestätigungscode für Acme lautet 482913. Er läuft in 5 Minuten ab.";
    assert_eq!(text, format!("{ours}\n\n@login.acme.example #482913"));
}
