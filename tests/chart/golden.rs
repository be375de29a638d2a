//! The objects as they are rendered, to be read as a difference whenever they change.

use std::fmt::Write as _;

use super::{
    charts::{all, of},
    helm::{CHART, helm},
};

#[test]
fn the_objects_of_the_defaults() {
    insta::assert_snapshot!("default", of("default").text);
}

#[test]
fn the_objects_of_a_production() {
    insta::assert_snapshot!("production", of("production").text);
}

/// Which objects each file of values makes.
#[test]
fn what_is_made_of_each_file() {
    let mut text = String::new();
    for rendered in all()
        .iter()
        .filter(|rendered| rendered.release == "tollgate")
    {
        writeln!(text, "{}:", rendered.name).unwrap();
        for object in rendered.objects.all() {
            writeln!(text, "  {}", object.label()).unwrap();
        }
    }
    insta::assert_snapshot!("inventory", text);
}

/// What Helm says after an installation.
fn notes(name: &str, set: &str) -> String {
    let said = helm(&[
        "install",
        "tollgate",
        CHART,
        "--namespace",
        "otp",
        "--dry-run=client",
        "--output=json",
        "--values",
        &format!("{CHART}/ci/{name}-values.yaml"),
        "--set-json",
        set,
    ]);
    let said: serde_json::Value = serde_json::from_str(&said.unwrap()).unwrap();
    said["info"]["notes"].as_str().unwrap().to_owned()
}

#[test]
fn the_notes_say_what_to_do_next() {
    for name in [
        "default",
        "minimal",
        "production",
        "split-plaintext",
        "ephemeral",
        "ingress",
    ] {
        insta::assert_snapshot!(format!("notes-{name}"), notes(name, "commonLabels={}"));
    }
}

#[test]
fn the_notes_warn_of_doors_that_do_not_fit() {
    let warned = |name: &str, set: &str, of: &str| {
        let said = notes(name, set);
        assert!(said.contains(of), "{said}");
        assert!(!notes(name, "commonLabels={}").contains(of), "{name}");
    };
    let open =
        r#"service.http.type="LoadBalancer",networkPolicy.http.from=[{"namespaceSelector":{}}]"#;
    warned("network-policy", open, "networkPolicy.http.from lets only");
    warned(
        "everything",
        "httpRoute.backendTLS.enabled=false",
        "httpRoute.backendTLS is off",
    );
    warned(
        "everything",
        "grpcRoute.backendTLS.enabled=false",
        "grpcRoute.backendTLS is off",
    );
    warned(
        "ingress",
        r#"public.tls.existingSecret="tollgate-tls""#,
        "the door behind the Ingress has TLS",
    );
    let oauth = r#"config.tenants.acme.okta.auth.oauth={"issuer":"https://acme.okta.com","audience":"api","scope":"send","client_id":"0oa"}"#;
    warned("everything", oauth, "tenant acme asks Okta");
}
