//! The image at work: the chart's pods by podman, with less memory than they are given, from the first probe to the end.

use std::{fs, net::TcpStream, path::Path, process::Command, thread, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tollgate::{
    clock::Clock,
    sandbox::{
        configuration::HOOK_SECRET,
        twilio::{Settings, Twilio},
    },
};

use crate::{
    engine::{Container, Ended, Engine},
    patience::until,
    pod::{Pod, Rendered},
};

/// 40 MiB.
const MOST_RESIDENT_KIB: u64 = 40 * 1024;
/// What `--memory` of the pods is in bytes.
const LIMIT: &str = "67108864";
/// Answered late by the simulated provider.
const SLOW: &str = "+14155550007";
const ADAPTER_TOKEN: &str = "adapter-token-of-these-tests";

#[tokio::test(flavor = "multi_thread")]
async fn one_pod_delivers_a_code_and_ends_in_time() {
    let desk = desk().await;
    let engine = Engine::new();
    let values = values("mode: single", &desk.url());
    let secrets: &[(_, &[_])] = &[(
        "tollgate",
        &[("desk", "sandbox-auth-token"), ("hook", HOOK_SECRET)],
    )];
    let pod = Rendered::new(&values).pod("StatefulSet", "", secrets);
    assert!(pod.configuration().contains(&desk.url()));
    let pod = pod.on_free_ports(&["PUBLIC", "GRPC", "ADMIN"]);
    let running = start(&engine, &pod);
    running.is_well(&pod);
    running.is_confined();
    running.is_lean();
    let grpc = format!("http://{}", running.door("grpc"));
    let asked = running.container.exec(&["healthcheck", "grpc", &grpc]);
    assert_eq!(asked.code, Some(0), "{}", asked.said);

    let sent = hook(&running.door("public"), "+14155550101");
    assert_eq!(sent.code, Some(0), "{}", sent.said);
    assert_eq!(desk.inbox().counts().seen, 1);

    running.ends_in_time(&pod, &desk);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pods_deliver_a_code_over_tls_and_end_in_time() {
    let desk = desk().await;
    let engine = Engine::new();
    let values = values(
        "mode: split\ngrpc: { tls: { existingSecret: tls }, adapterToken: { existingSecret: adapter } }",
        &desk.url(),
    );
    let rendered = Rendered::new(&values);
    let host = "x-tollgate-grpc-headless.otp.svc";
    let [authority, certificate, key] = certificate(host);
    let tls = [
        ("ca.crt", &*authority),
        ("tls.crt", &*certificate),
        ("tls.key", &*key),
    ];
    let secrets: &[(_, &[_])] = &[
        (
            "tollgate",
            &[("desk", "sandbox-auth-token"), ("hook", HOOK_SECRET)],
        ),
        ("adapter", &[("token", ADAPTER_TOKEN)]),
        ("tls", &tls),
    ];
    let gateway = rendered.pod("StatefulSet", "-gateway", secrets);
    let gateway = gateway.on_free_ports(&["GRPC", "ADMIN"]);
    let running = start(&engine, &gateway);
    running.is_well(&gateway);
    running.is_confined();

    let adapter = rendered.pod("Deployment", "-adapter", secrets);
    // What the cluster's DNS does with the name, and the port that is free here instead of the usual one.
    let usual = format!("https://{host}:50051");
    assert!(
        adapter.configuration().contains(&usual),
        "{}",
        adapter.configuration()
    );
    let grpc = running.door("grpc");
    let (_, port) = grpc.rsplit_once(':').unwrap();
    let mut adapter = adapter
        .with("TOLLGATE__GATEWAY__URL", &usual.replace("50051", port))
        .on_free_ports(&["PUBLIC", "ADMIN"]);
    adapter.options.push(format!("--add-host={host}:127.0.0.1"));
    let facing = start(&engine, &adapter);
    facing.is_well(&adapter);
    facing.is_confined();
    facing.is_lean();

    let sent = hook(&facing.door("public"), "+14155550101");
    assert_eq!(sent.code, Some(0), "{}", sent.said);
    assert_eq!(desk.inbox().counts().seen, 1);
    facing.ends_in_time(&adapter, &desk);
    assert_eq!(running.container.stop(&gateway.grace), 0);
}

/// A pod's container that has said where its doors are.
struct Running<'a> {
    container: Container<'a>,
    ready: String,
}

fn start<'a>(engine: &'a Engine, pod: &Pod) -> Running<'a> {
    let container = engine.start(&pod.options, &pod.arguments);
    let is_ready = || {
        let log = container.log();
        let line = log.lines().find(|line| line.contains("\"ready\""));
        line.map(str::to_owned)
    };
    let ready = until("the ready line", is_ready, || container.log());
    Running { container, ready }
}

impl Running<'_> {
    /// The address of a door.
    fn door(&self, name: &str) -> String {
        let (_, rest) = self.ready.split_once(&format!("\"{name}\":\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// What the pod's probes ask, asked by the image's own program.
    fn is_well(&self, pod: &Pod) {
        for (path, port) in &pod.probes {
            let url = format!("http://{}{path}", self.door(port));
            let ask = || self.container.exec(&["healthcheck", "http", &url]);
            until(
                &url,
                || (ask().code == Some(0)).then_some(()),
                || ask().said,
            );
        }
    }

    /// Its process is nobody in particular, without capabilities, and its memory is bounded.
    fn is_confined(&self) {
        let id = self.container.fact(".State.Pid");
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(field("Uid:"), "65532 65532 65532 65532");
        assert_eq!(field("Gid:"), "65532 65532 65532 65532");
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(field(set), "0000000000000000", "{set}");
        }
        assert_eq!(field("NoNewPrivs:"), "1");
        assert_eq!(field("Seccomp:"), "2");
        assert_eq!(
            memory_limit(&id).as_deref(),
            Some(LIMIT),
            "no limit of memory holds here"
        );
        let root = Path::new("/proc").join(id).join("mountinfo");
        let mounts = fs::read_to_string(root).unwrap();
        let root = mounts
            .lines()
            .find(|line| line.split(' ').nth(4) == Some("/"));
        let options = root.unwrap().split(' ').nth(5).unwrap();
        assert!(options.split(',').any(|option| option == "ro"), "{options}");
    }

    fn is_lean(&self) {
        let id = self.container.fact(".State.Pid");
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident: u64 = line
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap();
        assert!(resident <= MOST_RESIDENT_KIB, "{resident} KiB resident");
    }

    /// SIGTERM while somebody is connected who says nothing, and a hook is under way.
    fn ends_in_time(&self, pod: &Pod, desk: &Twilio) {
        let public = self.door("public");
        let _silent = TcpStream::connect(&public).unwrap();
        let _grpc = self
            .ready
            .contains("\"grpc\"")
            .then(|| TcpStream::connect(self.door("grpc")).unwrap());
        let before = desk.inbox().counts().seen;
        thread::scope(|scope| {
            let slow = scope.spawn(|| hook(&public, SLOW));
            let arrived = || (desk.inbox().counts().seen > before).then_some(());
            until("the slow message", arrived, || self.container.log());
            let code = self.container.stop(&pod.grace);
            assert_eq!(code, 0, "not within {} s", pod.grace);
            let slow = slow.join().unwrap();
            assert_eq!(slow.code, Some(0), "{}", slow.said);
        });
        assert!(TcpStream::connect(&public).is_err());
        let log = self.container.log();
        assert!(log.contains("\"stopped\""), "{log}");
    }
}

/// The simulated provider.
async fn desk() -> Twilio {
    let settings = Settings {
        slow: Duration::from_millis(1200),
        ..Settings::default()
    };
    Twilio::start(settings, Clock::system()).await.unwrap()
}

/// Okta, played by this machine's build of the program.
fn hook(door: &str, phone: &str) -> Ended {
    let url = format!("http://{door}/okta/acme/telephony");
    let played = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["hook", "--url", &url, "--phone", phone])
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended {
        code: played.status.code(),
        said: text(&played.stdout) + &text(&played.stderr),
    }
}

/// Values for one tenant and the simulated provider at `url`.
fn values(mode: &str, url: &str) -> String {
    format!(
        "\
{mode}
existingSecret: tollgate
config:
  allow_test_providers: true
  log: {{ format: json }}
  providers:
    desk:
      kind: twilio
      base_url: {url}
      account_sid: AC5a4d0000000000000000000000000001
      auth_token: {{ file: /run/secrets/tollgate/desk }}
      senders: {{ default: '+15005550006' }}
  tenants:
    acme:
      countries: {{ allow: [US] }}
      okta: {{ auth: {{ secrets: [{{ file: /run/secrets/tollgate/hook }}] }} }}
  routes:
    - {{ channel: sms, try: [desk] }}
"
    )
}

/// An authority, and a certificate for `name` with its key, PEM.
fn certificate(name: &str) -> [String; 3] {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, "authority of a test");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    [authority.pem(), certificate.pem(), key.serialize_pem()]
}

/// The limit of a process's memory in bytes, wherever this machine keeps it.
fn memory_limit(id: &str) -> Option<String> {
    let groups = fs::read_to_string(format!("/proc/{id}/cgroup")).ok()?;
    let files = groups.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        match controllers {
            "memory" => Some(format!("/sys/fs/cgroup/memory{path}/memory.limit_in_bytes")),
            "" => Some(format!("/sys/fs/cgroup{path}/memory.max")),
            _ => None,
        }
    });
    let limits = files.filter_map(|file| fs::read_to_string(file).ok());
    let mut limits = limits.map(|limit| limit.trim().to_owned());
    limits.find(|limit| limit != "max")
}
