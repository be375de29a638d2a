//! Files as Kubernetes mounts them: links into a folder that is swapped whole. Changed secrets, certificates and settings are
//! taken up without a restart.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use http::{Method, StatusCode, header};
use tollgate::{
    clock::Clock,
    sandbox::twilio::{Settings, Twilio},
};

use crate::support::{
    authority::{Authority, with_tls},
    line::{Line, get, hook, request},
    patience::until,
    process::{HOOK_SECRET, Place},
};

const NEW_SECRET: &str = "another-hook-secret-of-these-tests";

/// A volume of a `ConfigMap`, a Secret, or several of them, in a folder below a place.
struct Volume {
    folder: PathBuf,
    swaps: usize,
}

impl Volume {
    fn new(place: &Place, name: &str) -> Self {
        let folder = place.path(name);
        fs::create_dir(&folder).unwrap();
        Self { folder, swaps: 0 }
    }

    /// Shows these files and no others from now on, in one step: their folder is written beside the present one, and a link
    /// to it takes the place of the link to that, which is removed.
    fn show(&mut self, files: &[(&str, &str)]) {
        self.swaps += 1;
        let fresh = format!("..{}", self.swaps);
        for (name, text) in files {
            let file = self.folder.join(&fresh).join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        symlink(&fresh, self.folder.join("..data_tmp")).unwrap();
        let old = fs::read_link(self.folder.join("..data"));
        fs::rename(self.folder.join("..data_tmp"), self.folder.join("..data")).unwrap();
        for (name, _) in files {
            let top = name.split('/').next().unwrap();
            let link = self.folder.join(top);
            if fs::symlink_metadata(&link).is_err() {
                symlink(format!("..data/{top}"), link).unwrap();
            }
        }
        if let Ok(old) = old {
            fs::remove_dir_all(self.folder.join(old)).unwrap();
        }
    }
}

/// The status that a hook with this secret gets.
async fn status(line: &mut Line, secret: &str, event: &str) -> StatusCode {
    let body = hook(event, "+14155550101", "482913").to_string();
    let mut knock = request(Method::POST, "/okta/acme/telephony", body.into());
    let headers = knock.headers_mut();
    headers.insert("x-hook-secret", secret.parse().unwrap());
    headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    StatusCode::from_u16(line.call(knock).await.unwrap().status).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swapped_volume_is_taken_up() {
    let desk = Twilio::start(Settings::default(), Clock::system())
        .await
        .unwrap();
    let place = Place::new();
    let mut settings = Volume::new(&place, "etc");
    let mut secrets = Volume::new(&place, "secrets");
    let (old, new) = (Authority::new(), Authority::new());
    let pair = |authority: &Authority| {
        authority.sign(&place);
        ["door.crt", "door.key"].map(|name| fs::read_to_string(place.path(name)).unwrap())
    };
    let config = |countries: &str| {
        let text = place.configuration(&desk.url());
        let text = text.replace("{ env: HOOK_SECRET }", "{ file: secrets/okta/hook-secret }");
        text.replace("[US, JP]", countries)
    };
    let [chain, key] = pair(&old);
    let shown = |secret| {
        [
            ("okta/hook-secret", secret),
            ("door.crt", &*chain),
            ("door.key", &*key),
        ]
    };
    settings.show(&[("config.yaml", &config("[US]"))]);
    secrets.show(&shown(HOOK_SECRET));
    let serve = place.program(&["serve", "--config", "etc/config.yaml"]);
    let serve = serve
        .with("GRPC_TOKEN", "grpc-token-of-these-tests")
        .with("GATEWAY_TOKEN", "gateway-token-of-these-tests")
        .with("PROVIDER_TOKEN", "sandbox-auth-token")
        .with(
            "TOLLGATE__PUBLIC__TLS__CERTIFICATE__FILE",
            "secrets/door.crt",
        )
        .with("TOLLGATE__PUBLIC__TLS__KEY__FILE", "secrets/door.key");
    let mut gateway = serve.ready().await;
    let mut line = Line::open_tls(gateway.public(), old.pem()).await.unwrap();
    assert_eq!(status(&mut line, HOOK_SECRET, "one").await, 200);
    assert_eq!(status(&mut line, NEW_SECRET, "two").await, 401);

    // A secret.
    secrets.show(&shown(NEW_SECRET));
    until("the new secret", async || {
        (status(&mut line, NEW_SECRET, "three").await == 200).then_some(())
    })
    .await;
    assert_eq!(status(&mut line, HOOK_SECRET, "four").await, 401);

    // A certificate with its key.
    let [chain, key] = pair(&new);
    secrets.show(&[
        ("okta/hook-secret", NEW_SECRET),
        ("door.crt", &chain),
        ("door.key", &key),
    ]);
    until("the new certificate", async || {
        Line::open_tls(gateway.public(), new.pem()).await.ok()
    })
    .await;
    assert!(Line::open_tls(gateway.public(), old.pem()).await.is_err());

    // The configuration, which closes a country.
    settings.show(&[("config.yaml", &config("[JP]"))]);
    gateway
        .running
        .logged(&["the configuration was read again"])
        .await;
    let refused = hook("five", "+14155550102", "482913").to_string();
    let mut knock = request(Method::POST, "/okta/acme/telephony", refused.into());
    let headers = knock.headers_mut();
    headers.insert("x-hook-secret", NEW_SECRET.parse().unwrap());
    headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    let answer = line.call(knock).await.unwrap();
    assert!(
        answer.text.contains("COUNTRY_NOT_ALLOWED") || answer.text.contains("country_not_allowed"),
        "{answer:?}"
    );
    let metrics = get(gateway.admin(), "/metrics").await.unwrap().text;
    assert!(
        metrics.contains("otp_config_reloads_total{outcome=\"taken\"} 1"),
        "{metrics}"
    );
    assert_eq!(gateway.running.stop().await.code(), Some(0));
}

/// Whoever signs the gateway's certificate may be replaced too: the adapter trusts the new authority, and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn another_authority_is_trusted_without_a_restart() {
    let desk = Twilio::start(Settings::default(), Clock::system())
        .await
        .unwrap();
    let place = Place::new();
    place.configure(&desk.url());
    Authority::new().sign(&place);
    let gateway = || with_tls(place.serve_with(&["--only", "gateway"]), "GRPC");
    let mut first = gateway().ready().await;
    let port = first.grpc().port();
    let adapter = place.serve_with(&["--only", "adapter"]);
    let adapter = adapter
        .with(
            "TOLLGATE__GATEWAY__URL",
            &format!("https://localhost:{port}"),
        )
        .with("TOLLGATE__GATEWAY__CA__FILE", "ca.pem")
        .with("TOLLGATE__GATEWAY__TOKEN__ENV", "GATEWAY_TOKEN");
    let mut adapter = adapter.ready().await;
    let mut line = Line::open(adapter.public()).await.unwrap();
    let sent = line.hook(&hook("one", "+14155550101", "482913")).await;
    assert!(sent.unwrap().is_successful());

    Authority::new().sign(&place);
    adapter
        .running
        .logged(&["the gateway's authority was read again"])
        .await;
    first.running.stop().await;
    let listen = format!("127.0.0.1:{port}");
    let mut second = gateway()
        .with("TOLLGATE__GRPC__LISTEN", &listen)
        .ready()
        .await;
    until("a code through the new gateway", async || {
        let sent = line.hook(&hook("two", "+14155550102", "482913")).await;
        sent.unwrap().is_successful().then_some(())
    })
    .await;
    assert_eq!(adapter.running.stop().await.code(), Some(0));
    assert_eq!(second.running.stop().await.code(), Some(0));
}
