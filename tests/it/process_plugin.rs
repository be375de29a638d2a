//! A plugin in another language: the example is run as its README says, and codes are sent by it.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};
use tollgate::pb::{
    plugin::{self, DescribeRequest, channel_service_client::ChannelServiceClient},
    v1::{Channel, DeliveryState, SendOtpRequest},
};
use tonic::{Code, Request, transport::Endpoint};

use crate::support::{
    authority::Authority,
    client::{Client, fault, order},
    patience::{in_time, until},
    process::{GRPC_TOKEN, Place, Serving},
};

const PLUGIN_TOKEN: &str = "plugin-token-of-these-tests";

/// The example, running. It is killed when this is dropped.
struct Plugin {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// `HOST:PORT`.
    address: String,
}

impl Plugin {
    /// Makes its stubs in the folder of the test and starts it.
    async fn start(place: &Place, more: &[&str]) -> Self {
        let example = repository().join("examples/channel-plugin");
        let proto = repository().join("proto");
        let stubs = place.path("stubs");
        std::fs::create_dir_all(&stubs).unwrap();
        let out = stubs.display();
        let made = python()
            .args(["-m", "grpc_tools.protoc", "-I"])
            .arg(proto)
            .args([
                format!("--python_out={out}"),
                format!("--grpc_python_out={out}"),
            ])
            .arg("tollgate/channel/v1/channel_plugin.proto")
            .status();
        assert!(in_time("the stubs", made).await.unwrap().success());
        let mut child = python()
            .arg(example.join("plugin.py"))
            .args(["--listen", "localhost:0"])
            .args(more)
            .env("PYTHONPATH", &stubs)
            .env("PLUGIN_TOKEN", PLUGIN_TOKEN)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = in_time("the plugin's first line", lines.next_line()).await;
        let first = first.unwrap().unwrap();
        let address = first.strip_prefix("listening on ").unwrap().to_owned();
        Self {
            child,
            lines,
            address,
        }
    }

    /// What a provider is told to send by it.
    fn settings(&self, scheme: &str) -> Value {
        json!({
            "kind": "grpc",
            "url": format!("{scheme}://{}", self.address),
            "token": { "env": "PLUGIN_TOKEN" },
            "channels": ["sms", "voice"],
            "idempotent": true,
        })
    }

    /// The next message that it printed.
    async fn printed(&mut self) -> Value {
        let line = in_time("a message at the plugin", self.lines.next_line()).await;
        serde_json::from_str(&line.unwrap().unwrap()).unwrap()
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn python() -> Command {
    let python = repository().join(".cache/venv/bin/python");
    assert!(
        python.is_file(),
        "Python's environment is not there; run `make tools`, which installs it into .cache/venv"
    );
    let mut command = Command::new(python);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// A gateway whose SMS and calls go by a plugin with these settings.
async fn gateway(place: &Place, plugin: &Value, token: &str) -> Serving {
    place.configure("http://127.0.0.1:1");
    let routes = json!([
        { "channel": "sms", "try": ["printer"] },
        { "channel": "voice", "try": ["printer"] },
    ]);
    let serve = place
        .serve()
        .with("TOLLGATE__PROVIDERS__PRINTER", &plugin.to_string())
        .with("TOLLGATE__ROUTES", &routes.to_string())
        .with("PLUGIN_TOKEN", token);
    serve.ready().await
}

async fn client(gateway: &Serving) -> Client {
    let endpoint = Endpoint::from_shared(format!("http://{}", gateway.grpc())).unwrap();
    Client::new(endpoint.connect().await.unwrap(), GRPC_TOKEN)
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_sent_by_it_as_texts_and_as_calls() {
    let place = Place::new();
    let mut plugin = Plugin::start(&place, &[]).await;
    let gateway = gateway(&place, &plugin.settings("http"), PLUGIN_TOKEN).await;
    let client = client(&gateway).await;

    let sent = client.send(order("+14155550123")).await.unwrap();
    assert_eq!(sent.state(), DeliveryState::Accepted);
    assert_eq!((sent.channel(), &*sent.provider), (Channel::Sms, "printer"));
    let id = format!("printed-{}", sent.attempts[0].attempt_id);
    assert_eq!(sent.provider_message_id, id);
    let expect = json!({
        "channel": "sms", "to": "+14155550123", "text": "Your code is 482913", "language": "",
    });
    assert_eq!(plugin.printed().await, expect);

    let call = SendOtpRequest {
        channels: vec![Channel::Voice.into()],
        locale: "pt_BR".to_owned(),
        ..order("+14155550124")
    };
    let sent = client.send(call).await.unwrap();
    assert_eq!(sent.channel(), Channel::Voice);
    let text = "O seu código é 4, 8, 2, 9, 1, 3. Repito: 4, 8, 2, 9, 1, 3.";
    let expect = json!({
        "channel": "voice", "to": "+14155550124", "text": text, "language": "pt-BR",
    });
    assert_eq!(plugin.printed().await, expect);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_refusals_are_understood() {
    let place = Place::new();
    let plugin = Plugin::start(&place, &[]).await;
    let gateway = gateway(&place, &plugin.settings("http"), PLUGIN_TOKEN).await;
    let client = client(&gateway).await;
    let refused = client.send(order("+14155550404")).await.unwrap_err();
    let refused = fault(&refused, Code::FailedPrecondition);
    assert_eq!(refused.reason.as_str(), "recipient_unreachable");
    let recorded = recorded(&client, &refused.metadata["delivery_id"]).await;
    assert_eq!(recorded, ["recipient", "unknown_number"]);

    let place = Place::new();
    let stranger = self::gateway(&place, &plugin.settings("http"), "another-token").await;
    let client = self::client(&stranger).await;
    let refused = client.send(order("+14155550123")).await.unwrap_err();
    let refused = fault(&refused, Code::Unavailable);
    let recorded = self::recorded(&client, &refused.metadata["delivery_id"]).await;
    assert_eq!(recorded, ["account", "unauthenticated"]);
}

/// Class and code of the failure of a delivery's one attempt, which are recorded after the answer.
async fn recorded(client: &Client, id: &str) -> [String; 2] {
    until("the attempt's result", async || {
        let delivery = client.delivery("acme", id).await.unwrap();
        let attempt = delivery.attempts.into_iter().next().unwrap();
        (!attempt.failure.is_empty()).then_some([attempt.failure, attempt.provider_code])
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_speaks_tls_says_what_it_can_do_and_ends_when_told() {
    let place = Place::new();
    Authority::new().sign(&place);
    let file = |name: &str| place.path(name).display().to_string();
    let tls = [
        "--certificate",
        &file("door.crt"),
        "--key",
        &file("door.key"),
    ];
    let mut plugin = Plugin::start(&place, &tls).await;
    let mut settings = plugin.settings("https");
    settings["ca"] = json!({ "file": "ca.pem" });
    let gateway = gateway(&place, &settings, PLUGIN_TOKEN).await;
    let client = client(&gateway).await;
    let sent = client.send(order("+14155550123")).await.unwrap();
    assert_eq!(sent.state(), DeliveryState::Accepted);
    assert_eq!(plugin.printed().await["to"], "+14155550123");
    drop(gateway);

    let id = plugin
        .child
        .id()
        .and_then(|id| Pid::from_raw(id.try_into().ok()?));
    kill_process(id.unwrap(), Signal::TERM).unwrap();
    let ended = in_time("the plugin's end", plugin.child.wait()).await;
    assert!(ended.unwrap().success());

    let open = Plugin::start(&place, &[]).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", open.address)).unwrap();
    let mut service = ChannelServiceClient::new(endpoint.connect().await.unwrap());
    let ask = || Request::new(DescribeRequest {});
    let refused = service.describe(ask()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let mut known = ask();
    let token = format!("Bearer {PLUGIN_TOKEN}").parse().unwrap();
    known.metadata_mut().insert("authorization", token);
    let described = service.describe(known).await.unwrap().into_inner();
    let channels: Vec<_> = described.channels().collect();
    assert_eq!(channels, [plugin::Channel::Sms, plugin::Channel::Voice]);
    assert!(described.idempotent && !described.name.is_empty());
}
