//! Secrets: each pod holds the files that its configuration reads, and no others; none is ever in an object of the chart.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    charts::{Rendered, in_each, in_every},
    helm::{CHART, Order, render},
    objects::{Object, Objects, list, own},
};

const FOLDER: &str = "/run/secrets/tollgate/";

/// Every `{ file: … }` below the folder of secrets, and every `{ env: … }`.
fn wanted(config: &Value, files: &mut BTreeSet<String>, variables: &mut BTreeSet<String>) {
    match config {
        Value::Object(map) => {
            let only = map.iter().next().filter(|_| map.len() == 1);
            match only {
                Some((key, Value::String(path))) if key == "file" && path.starts_with('/') => {
                    files.insert(path.clone());
                }
                Some((key, Value::String(name)))
                    if key == "env" && name.to_uppercase() == *name =>
                {
                    variables.insert(name.clone());
                }
                _ => map
                    .values()
                    .for_each(|below| wanted(below, files, variables)),
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|below| wanted(below, files, variables)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The files that the volume of secrets has, with the Secret that each comes from.
fn given(workload: &Object) -> Vec<(String, String)> {
    let volumes = list(workload.at("/spec/template/spec/volumes"));
    let volume = volumes.iter().find(|volume| volume["name"] == "secrets");
    let sources = volume.map_or(&Value::Null, |volume| &volume["projected"]["sources"]);
    let mut files = Vec::new();
    for source in list(sources) {
        let secret = source["secret"]["name"].as_str().unwrap();
        for item in list(&source["secret"]["items"]) {
            let path = item["path"].as_str().unwrap();
            assert!(path.ends_with(item["key"].as_str().unwrap()), "{item}");
            files.push((format!("{FOLDER}{path}"), secret.to_owned()));
        }
    }
    files
}

/// The Secret that the values name for a file.
fn owner(rendered: &Rendered, file: &str) -> String {
    let path = file.strip_prefix(FOLDER).unwrap();
    let name = match path.split_once('/') {
        None => rendered.value("existingSecret"),
        Some(("grpc", _)) => rendered.value("grpc.tls.existingSecret"),
        Some(("public", _)) => rendered.value("public.tls.existingSecret"),
        Some(("adapter", _)) => rendered.value("grpc.adapterToken.existingSecret"),
        Some((name, _)) => rendered.value(&format!("secrets.{name}.existingSecret")),
    };
    let name = name.as_str().unwrap_or_default();
    name.replace("{{ .Release.Name }}", &rendered.release)
}

#[test]
fn a_pod_has_the_files_that_it_reads_and_no_others() {
    in_each(&["StatefulSet", "Deployment"], |rendered, workload| {
        let (mut files, mut variables) = (BTreeSet::new(), BTreeSet::new());
        let config = rendered.objects.configuration(workload).unwrap();
        wanted(&config, &mut files, &mut variables);
        let mut expect: Vec<_> = files
            .iter()
            .filter(|file| file.starts_with(FOLDER))
            .map(|file| (file.clone(), owner(rendered, file)))
            .collect();
        let mut found = given(workload);
        expect.sort();
        found.sort();
        let mut broken = Vec::new();
        if found != expect {
            broken.push(format!("has {found:?}, and reads {expect:?}"));
        }
        let container = own(workload.pod().unwrap());
        let mounts = list(&container["volumeMounts"]);
        let mount = mounts.iter().find(|mount| mount["name"] == "secrets");
        let wanted =
            json!({ "name": "secrets", "mountPath": "/run/secrets/tollgate", "readOnly": true });
        let is_right = match mount {
            Some(mount) => *mount == wanted && !found.is_empty(),
            None => found.is_empty(),
        };
        if !is_right {
            broken.push(format!("they are mounted as {mount:?}"));
        }
        for file in files.iter().filter(|file| !file.starts_with(FOLDER)) {
            let paths = mounts
                .iter()
                .filter_map(|mount| mount["mountPath"].as_str());
            if !paths.into_iter().any(|path| file.starts_with(path)) {
                broken.push(format!("nothing has {file}"));
            }
        }
        let known: Vec<_> = list(&container["env"])
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        let unset = variables
            .iter()
            .filter(|name| !known.contains(&name.as_str()));
        broken.extend(unset.map(|name| format!("{name} is not set")));
        broken
    });
}

#[test]
fn files_of_secrets_are_for_the_group_only() {
    in_each(&["StatefulSet", "Deployment"], |_, workload| {
        let volumes = list(workload.at("/spec/template/spec/volumes"));
        let volume = volumes.iter().find(|volume| volume["name"] == "secrets");
        let mode = volume.map(|volume| &volume["projected"]["defaultMode"]);
        if mode.is_none_or(|mode| *mode == 0o440) {
            return Vec::new();
        }
        vec![format!("the mode is {mode:?}")]
    });
}

/// The part on the internet holds no secret of a provider, and no key of the gateway.
#[test]
fn the_adapter_holds_its_own_secrets() {
    in_each(&["Deployment"], |rendered, workload| {
        let foreign = given(workload).into_iter().filter(|(file, secret)| {
            let tls = rendered.value("grpc.tls.keyKey").as_str().unwrap();
            let chain = rendered.value("grpc.tls.certificateKey").as_str().unwrap();
            [tls, chain].contains(
                &file
                    .strip_prefix("/run/secrets/tollgate/grpc/")
                    .unwrap_or_default(),
            ) || ["twilio", "vonage", "privacy", "billing", "line"]
                .iter()
                .any(|word| file.contains(word))
                || secret == "team-twilio"
        });
        foreign.map(|(file, _)| format!("holds {file}")).collect()
    });
}

#[test]
fn no_object_holds_a_secret() {
    in_every(|rendered| {
        let made = rendered.objects.of_kind("Secret");
        made.map(|object| format!("makes {}", object.label()))
            .collect()
    });
}

/// What the gateway of some values and this setting mounts.
fn mounted(set: &str) -> Vec<(String, String)> {
    let order = Order {
        values: &format!("{CHART}/ci/minimal-values.yaml"),
        kube: "1.34",
        release: "tollgate",
    };
    let text = render(order, &["--set-json", set]).unwrap();
    let objects = Objects::read(&text).unwrap();
    given(objects.workload("gateway").unwrap())
}

/// Below some keys stand texts that only look like references; a tenant may have such a key for its name.
#[test]
fn a_tenant_of_any_name_has_its_secrets() {
    for name in ["headers", "templates", "items", "acme"] {
        let file = format!("{FOLDER}hook2");
        let tenant = json!({
            "countries": { "allow": ["US"] },
            "okta": { "auth": { "secrets": [{ "file": file }] } },
        });
        let given = mounted(&format!("config.tenants={}", json!({ name: tenant })));
        let found = given.iter().any(|(path, _)| *path == file);
        assert!(found, "{name}: {given:?}");
    }
}

/// One file of a volume may be mounted by itself.
#[test]
fn a_file_that_is_mounted_by_itself_is_taken() {
    let mount = json!([{ "name": "ca", "mountPath": "/etc/ssl/own.pem", "subPath": "own.pem" }]);
    let values = json!({ "gateway": { "extraVolumeMounts": mount }, "config": { "outbound": { "ca": { "file": "/etc/ssl/own.pem" } } } });
    let set = format!(
        "gateway.extraVolumeMounts={},config.outbound={}",
        values["gateway"]["extraVolumeMounts"], values["config"]["outbound"]
    );
    assert!(!mounted(&set).is_empty());
}
