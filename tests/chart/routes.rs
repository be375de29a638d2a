//! Ways in: each leads to a Service and a port that are there, and to no more than Tollgate's own paths.

use serde_json::json;

use super::{
    charts::{Rendered, in_each, in_every, of},
    objects::{list, own},
};

/// The number of a Service's one port.
fn port(rendered: &Rendered, service: &str) -> Option<u64> {
    let service = rendered.objects.find("Service", service)?;
    service.at("/spec/ports/0/port").as_u64()
}

#[test]
fn routes_lead_to_their_door() {
    in_each(&["HTTPRoute", "GRPCRoute"], |rendered, route| {
        let end = if route.kind() == "GRPCRoute" {
            "-grpc"
        } else {
            ""
        };
        let mut broken = Vec::new();
        for rule in list(route.at("/spec/rules")) {
            let back = &rule["backendRefs"][0];
            let service = back["name"].as_str().unwrap();
            let leads_there = match end {
                "" => !service.ends_with("-grpc") && !service.ends_with("-headless"),
                end => service.ends_with(end),
            };
            if !leads_there || port(rendered, service) != back["port"].as_u64() {
                broken.push(format!("leads to {back}"));
            }
            if list(&rule["matches"]).is_empty() {
                broken.push("takes everything".to_owned());
            }
        }
        let section = if end.is_empty() {
            "httpRoute"
        } else {
            "grpcRoute"
        };
        for (pointer, key) in [
            ("/spec/parentRefs", "parentRefs"),
            ("/spec/rules/0/matches", "matches"),
        ] {
            if route.at(pointer) != rendered.value(&format!("{section}.{key}")) {
                broken.push(format!("{pointer} is {}", route.at(pointer)));
            }
        }
        broken
    });
    in_each(&["Ingress"], |rendered, ingress| {
        let mut broken = Vec::new();
        for rule in list(ingress.at("/spec/rules")) {
            for path in list(&rule["http"]["paths"]) {
                let back = &path["backend"]["service"];
                let service = rendered
                    .objects
                    .find("Service", back["name"].as_str().unwrap());
                let ports = service.map(|service| service.at("/spec/ports/0/name"));
                if ports != Some(&back["port"]["name"]) || back["port"]["name"] != "http" {
                    broken.push(format!("leads to {back}"));
                }
                if path["path"] != "/okta" || path["pathType"] != "Prefix" {
                    broken.push(format!("takes {path}"));
                }
            }
        }
        broken
    });
}

#[test]
fn each_way_in_is_there_when_it_is_asked_for() {
    in_every(|rendered| {
        let mut broken = Vec::new();
        for (kind, section) in [
            ("Ingress", "ingress"),
            ("HTTPRoute", "httpRoute"),
            ("GRPCRoute", "grpcRoute"),
        ] {
            let wanted = rendered.value(&format!("{section}.enabled")) == true;
            if rendered.objects.of_kind(kind).count() != usize::from(wanted) {
                broken.push(format!("{kind} does not follow {section}.enabled"));
            }
        }
        broken
    });
}

#[test]
fn the_users_words_are_in_them() {
    let rendered = of("routes");
    let one = |kind: &str| rendered.objects.of_kind(kind).next().unwrap();
    let http = one("HTTPRoute");
    assert_eq!(http.at("/spec/hostnames"), &json!(["otp.acme.example"]));
    assert_eq!(http.at("/spec/rules/0/timeouts/request"), "3s");
    assert_eq!(
        http.at("/spec/rules/0/filters/0/type"),
        "RequestHeaderModifier"
    );
    assert_eq!(http.at("/spec/rules/0/matches/0/path/value"), "/okta");
    let grpc = one("GRPCRoute");
    assert_eq!(grpc.at("/spec/hostnames"), &json!(["grpc.otp.example"]));
    let services: Vec<_> = list(grpc.at("/spec/rules/0/matches"))
        .iter()
        .map(|it| it["method"]["service"].as_str().unwrap())
        .collect();
    let wanted = ["OtpService", "PreferenceService", "GuardService"]
        .map(|name| format!("tollgate.v1.{name}"));
    assert_eq!(services[..3], wanted);
    assert_eq!(services[3..], ["grpc.health.v1.Health"]);
    let ingress = of("ingress").objects.of_kind("Ingress").next().unwrap();
    assert_eq!(ingress.at("/spec/ingressClassName"), "nginx");
    assert_eq!(ingress.at("/spec/rules/1/host"), "otp2.otp.example");
    assert_eq!(ingress.at("/spec/tls/0/secretName"), "otp-tls");
    let issuer = "/metadata/annotations/cert-manager.io~1cluster-issuer";
    assert_eq!(ingress.at(issuer), "tollgate-issuer");
}

#[test]
fn a_gateway_knows_the_certificates_of_doors() {
    in_every(|rendered| {
        let wanted = ["httpRoute", "grpcRoute"]
            .iter()
            .filter(|section| rendered.value(&format!("{section}.backendTLS.enabled")) == true)
            .count();
        let mut broken = Vec::new();
        let policies: Vec<_> = rendered.objects.of_kind("BackendTLSPolicy").collect();
        if policies.len() != wanted {
            broken.push(format!("{} policies, not {wanted}", policies.len()));
        }
        for policy in policies {
            let name = policy.at("/spec/targetRefs/0/name").as_str().unwrap();
            let section = if name.ends_with("-grpc") {
                "grpcRoute"
            } else {
                "httpRoute"
            };
            if port(rendered, name).is_none() {
                broken.push(format!("there is no Service {name}"));
            }
            let value = |key: &str| rendered.value(&format!("{section}.backendTLS.{key}"));
            let validation = policy.at("/spec/validation");
            let authority = match list(value("caConfigMaps")) {
                [] => json!({ "hostname": value("hostname"), "wellKnownCACertificates": "System" }),
                names => {
                    let refs: Vec<_> = names
                        .iter()
                        .map(|name| json!({ "group": "", "kind": "ConfigMap", "name": name }))
                        .collect();
                    json!({ "hostname": value("hostname"), "caCertificateRefs": refs })
                }
            };
            if *validation != authority {
                broken.push(format!("{}: {validation}, not {authority}", policy.label()));
            }
        }
        broken
    });
}

/// The pods of `helm test` ask the doors that are open, by the image's own command.
#[test]
fn tests_of_the_release_ask_what_is_there() {
    in_every(|rendered| {
        let mut asked = Vec::new();
        let mut broken = Vec::new();
        for pod in rendered.objects.of_kind("Pod") {
            let args: Vec<_> = list(&own(&pod.0)["args"])
                .iter()
                .map(|arg| arg.as_str().unwrap())
                .collect();
            let [command, protocol, url, more @ ..] = args.as_slice() else {
                broken.push(format!("{args:?}"));
                continue;
            };
            if *command != "healthcheck" {
                broken.push(format!("runs {command}"));
            }
            let (scheme, rest) = url.split_once("://").unwrap();
            let (host, rest) = rest.split_once(':').unwrap();
            let service = host.trim_end_matches(".otp.svc");
            let number = rest.split('/').next().unwrap();
            if port(rendered, service)
                .map(|port| port.to_string())
                .as_deref()
                != Some(number)
            {
                broken.push(format!("there is no {url}"));
            }
            let path = rest.trim_start_matches(number).to_owned();
            asked.push(format!("{protocol} {scheme} {path} {}", more.join(" ")));
            let hook = pod.at("/metadata/annotations/helm.sh~1hook");
            let policy = pod.at("/metadata/annotations/helm.sh~1hook-delete-policy");
            if hook != "test" || policy != "before-hook-creation,hook-succeeded" {
                broken.push(format!("{}: {hook}, {policy}", pod.label()));
            }
            if pod.at("/spec/restartPolicy") != "Never" {
                broken.push(format!("{} asks for ever", pod.label()));
            }
            // What `--ca` names is there.
            if let Some(at) = more.iter().position(|word| *word == "--ca") {
                let volume = pod.at("/spec/volumes/0/secret");
                let mount = own(&pod.0)["volumeMounts"][0]["mountPath"]
                    .as_str()
                    .unwrap();
                let file = format!("{mount}/{}", volume["items"][0]["path"].as_str().unwrap());
                let secret = rendered.value("grpc.tls.existingSecret");
                if more.get(at + 1) != Some(&file.as_str()) || volume["secretName"] != *secret {
                    broken.push(format!("there is no {:?}", more.get(at + 1)));
                }
            }
        }
        asked.sort();
        let mut wanted = vec!["http http /readyz ".to_owned()];
        if rendered.value("public.tls.existingSecret") == "" {
            wanted.push("http http /healthz ".to_owned());
        }
        if rendered.opens_grpc() {
            let has_tls = rendered.value("grpc.tls.existingSecret") != "";
            let key = rendered.value("grpc.tls.caKey").as_str().unwrap();
            let scheme = if has_tls { "https" } else { "http" };
            let authority = if has_tls && !key.is_empty() {
                format!(" --ca /run/secrets/tollgate/grpc/{key}")
            } else {
                String::new()
            };
            wanted.push(format!(
                "grpc {scheme}  --service tollgate.v1.OtpService{authority}"
            ));
        }
        wanted.sort();
        if asked != wanted {
            broken.push(format!("asked {asked:?}, not {wanted:?}"));
        }
        broken
    });
}
