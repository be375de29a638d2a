//! The file that the chart writes for each role: Tollgate takes it, and it holds what that role reads and nothing else.

use std::{fs, process::Command};

use serde_json::{Value, json};

use super::{
    charts::{Rendered, all, in_every, of},
    helm::at_once,
    objects::{Object, at, list},
};

/// What Tollgate's own check says of a configuration.
fn check_config(text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    fs::write(&file, text).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["check-config", "--config"])
        .arg(&file)
        .env_clear()
        .output()
        .unwrap();
    if ended.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&ended.stderr).into_owned())
    }
}

fn in_every_role(check: impl Fn(&Rendered, &Object, &Value) -> Vec<String>) {
    in_every(|rendered| {
        let mut broken = Vec::new();
        for workload in rendered.objects.workloads() {
            match rendered.objects.configuration(workload) {
                Ok(config) => {
                    let found = check(rendered, workload, &config).into_iter();
                    broken.extend(found.map(|problem| format!("{}: {problem}", workload.label())));
                }
                Err(problem) => broken.push(format!("{}: {problem}", workload.label())),
            }
        }
        broken
    });
}

#[test]
fn tollgate_takes_it() {
    let mut texts = Vec::new();
    for rendered in all() {
        for workload in rendered.objects.workloads() {
            let text = rendered.objects.configuration_text(workload).unwrap();
            texts.push((rendered.file.as_str(), text));
        }
    }
    texts.sort_unstable();
    texts.dedup();
    let said = at_once(&texts, |(file, text)| {
        check_config(text).map_err(|error| format!("{file}: {error}\n{text}"))
    });
    let broken: Vec<_> = said.into_iter().filter_map(Result::err).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
    assert!(check_config("drain: { dedline: 1s }").is_err());
}

#[test]
fn each_role_gets_its_sections() {
    in_every_role(|_, workload, config| {
        let sections: Vec<_> = config.as_object().unwrap().keys().collect();
        let role = workload.role();
        let (always, never): (&[&str], &[&str]) = match role {
            "adapter" => (
                &["public", "gateway", "admin"],
                &["grpc", "ledger", "privacy", "guard", "providers", "routes"],
            ),
            "gateway" => (&["grpc", "ledger", "admin"], &["gateway"]),
            _ => (&["public", "grpc", "ledger", "admin"], &["gateway"]),
        };
        let mut broken = Vec::new();
        for section in always {
            if !sections.contains(&&(*section).to_owned()) {
                broken.push(format!("{section} is missing"));
            }
        }
        for section in never {
            if sections.contains(&&(*section).to_owned()) {
                broken.push(format!("{section} is not for this role"));
            }
        }
        for tenant in config["tenants"]
            .as_object()
            .into_iter()
            .flat_map(|map| map.values())
        {
            let keys: Vec<_> = tenant.as_object().unwrap().keys().collect();
            if role == "gateway" && keys.contains(&&"okta".to_owned()) {
                broken.push("tenants.*.okta is not for this role".to_owned());
            }
            if role == "adapter" && keys != ["countries", "okta"] {
                broken.push(format!("{keys:?} of a tenant are not for this role"));
            }
        }
        broken
    });
}

/// Everything that the user wrote arrives in one role or the other, as it was written.
#[test]
fn nothing_is_lost_on_the_way() {
    in_every(|rendered| {
        let mut arrived = json!({});
        for workload in rendered.objects.workloads() {
            merge(
                &mut arrived,
                rendered.objects.configuration(workload).unwrap(),
            );
        }
        let mut lost = Vec::new();
        missing(rendered.value("config"), &arrived, "config", &mut lost);
        lost
    });
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn missing(wanted: &Value, found: &Value, path: &str, lost: &mut Vec<String>) {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            for (key, value) in wanted {
                missing(
                    value,
                    found.get(key).unwrap_or(&Value::Null),
                    &format!("{path}.{key}"),
                    lost,
                );
            }
        }
        // The chart's own client stands before the user's.
        (Value::Array(wanted), Value::Array(found)) if path.ends_with(".clients") => {
            if !found.ends_with(wanted) {
                lost.push(format!("{path}: {wanted:?}, but there is {found:?}"));
            }
        }
        (wanted, found) if is_same(wanted, found) => {}
        (wanted, found) => lost.push(format!("{path}: {wanted}, but there is {found}")),
    }
}

/// A number may be written another way.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.to_bits() == other.to_bits(),
        _ => one == other,
    }
}

#[test]
fn doors_listen_where_their_ports_are() {
    in_every_role(|rendered, workload, config| {
        let ports = list(workload.at("/spec/template/spec/containers/0/ports"));
        let mut broken = Vec::new();
        let bind = rendered.value("bindAddress").as_str().unwrap();
        for (section, port) in [("public", "http"), ("grpc", "grpc"), ("admin", "admin")] {
            let listen = config[section]["listen"].as_str();
            let number = ports.iter().find(|found| found["name"] == port);
            let number = number.map(|found| found["containerPort"].to_string());
            let expect = match (&number, section) {
                (Some(number), _) => Some(format!("{bind}:{number}")),
                (None, "grpc") if workload.role() != "adapter" => {
                    Some("127.0.0.1:50051".to_owned())
                }
                (None, _) => None,
            };
            if listen != expect.as_deref() {
                broken.push(format!(
                    "{section} listens on {listen:?}, its port is {number:?}"
                ));
            }
        }
        broken
    });
}

#[test]
fn the_ledger_is_on_the_volume() {
    in_every_role(|_, workload, config| {
        let mounts = list(workload.at("/spec/template/spec/containers/0/volumeMounts"));
        let data = mounts.iter().find(|mount| mount["name"] == "data");
        let folder = data.map(|mount| mount["mountPath"].as_str().unwrap_or_default());
        let expect = folder.map(|folder| format!("sqlite://{folder}/tollgate.db"));
        let found = config["ledger"]["url"].as_str();
        if found == expect.as_deref() && (workload.role() == "adapter") == found.is_none() {
            return Vec::new();
        }
        vec![format!("the ledger is {found:?}, the volume {folder:?}")]
    });
}

/// The adapter calls the gateway where it listens, as the client that it knows, and checks its certificate.
#[test]
fn the_two_roles_find_each_other() {
    in_every(|rendered| {
        if !rendered.is_split() {
            return Vec::new();
        }
        let objects = &rendered.objects;
        let config = |component| {
            let workload = objects.workload(component).unwrap();
            objects.configuration(workload).unwrap()
        };
        let (adapter, gateway) = (config("adapter"), config("gateway"));
        let mut broken = Vec::new();
        let mut expect = |what: &str, found: &Value, wanted: &Value| {
            if found != wanted {
                broken.push(format!("{what} is {found}, not {wanted}"));
            }
        };
        let headless = objects
            .of_kind("Service")
            .find(|service| service.name().ends_with("-grpc-headless"));
        let service = headless.map_or("", Object::name);
        let namespace = headless.map_or(&Value::Null, |it| it.at("/metadata/namespace"));
        let has_tls = !gateway["grpc"]["tls"].is_null();
        let scheme = if has_tls { "https" } else { "http" };
        let namespace = namespace.as_str().unwrap_or_default();
        let url = json!(format!("{scheme}://{service}.{namespace}.svc:50051"));
        expect("gateway.url", &adapter["gateway"]["url"], &url);
        expect(
            "grpc.plaintext",
            &gateway["grpc"]["plaintext"],
            &if has_tls { Value::Null } else { json!(true) },
        );
        let client = at(&gateway, "/grpc/clients/0");
        expect("the first client", &client["name"], &json!("adapter"));
        expect("its tenants", &client["tenants"], &json!(["*"]));
        let methods = json!(["SendOtp", "ReportOutcome", "ExplainRoute"]);
        expect("its methods", &client["methods"], &methods);
        let key = rendered.value("grpc.adapterToken.key").as_str().unwrap();
        let token = json!({ "file": format!("/run/secrets/tollgate/adapter/{key}") });
        expect("its token", &client["token"], &token);
        expect("gateway.token", &adapter["gateway"]["token"], &token);
        let authority = rendered.value("grpc.tls.caKey").as_str().unwrap();
        let authority = match (has_tls, authority) {
            (false, _) | (_, "") => Value::Null,
            (true, key) => json!({ "file": format!("/run/secrets/tollgate/grpc/{key}") }),
        };
        expect("gateway.ca", &adapter["gateway"]["ca"], &authority);
        broken
    });
}

#[test]
fn doors_have_the_certificates_they_were_given() {
    in_every_role(|rendered, workload, config| {
        let mut broken = Vec::new();
        for (section, door) in [("public", "public"), ("grpc", "grpc")] {
            let has_door = match workload.role() {
                "adapter" => door == "public",
                "gateway" => door == "grpc",
                _ => true,
            };
            let given = rendered.value(&format!("{door}.tls.existingSecret")) != "";
            let file = |key: &str| {
                let key = rendered.value(&format!("{door}.tls.{key}"));
                json!({ "file": format!("/run/secrets/tollgate/{door}/{}", key.as_str().unwrap()) })
            };
            let expect = if has_door && given {
                json!({ "certificate": file("certificateKey"), "key": file("keyKey") })
            } else {
                Value::Null
            };
            let found = &config[section]["tls"];
            if *found != expect {
                broken.push(format!("{section}.tls is {found}, not {expect}"));
            }
        }
        broken
    });
}

#[test]
fn the_defaults_have_no_tenant() {
    let rendered = of("default");
    let workload = rendered.objects.workload("gateway").unwrap();
    let config = rendered.objects.configuration(workload).unwrap();
    assert_eq!(config["tenants"], Value::Null);
}
