//! Every object against the strict schema of its kind: Kubernetes' own for each minor, and those of the Gateway API.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::{
    charts::{CLUSTERS, all, in_every},
    helm::text_of,
    objects::Object,
};

type Kept = Mutex<BTreeMap<(String, String), Result<Arc<Validator>, String>>>;

/// What a schema says against an object.
fn problems(kube: &str, object: &Object) -> Vec<String> {
    let validator = match validator(kube, object) {
        Ok(validator) => validator,
        Err(problem) => return vec![problem],
    };
    let found = validator.iter_errors(&object.0);
    found
        .map(|error| format!("{}: {}: {error}", object.label(), error.instance_path()))
        .collect()
}

fn validator(kube: &str, object: &Object) -> Result<Arc<Validator>, String> {
    static KEPT: LazyLock<Kept> = LazyLock::new(Kept::default);
    let version = object.at("/apiVersion").as_str().unwrap_or_default();
    let key = (kube.to_owned(), format!("{version}/{}", object.kind()));
    let mut kept = KEPT.lock().unwrap();
    let made = kept
        .entry(key)
        .or_insert_with(|| make(kube, version, object.kind()).map(Arc::new));
    made.clone()
}

/// A kind without a schema is a mistake: nobody would notice what is wrong with it.
fn make(kube: &str, version: &str, kind: &str) -> Result<Validator, String> {
    let schema = if version.starts_with("gateway.networking.k8s.io/") {
        let minor = version.rsplit('/').next().unwrap_or_default();
        let file = format!(
            "tests/chart/crd-schemas/{}_{minor}.json",
            kind.to_lowercase()
        );
        serde_json::from_str(&text_of(&file)).unwrap()
    } else {
        of_kubernetes(kube, version, kind)
            .ok_or_else(|| format!("Kubernetes {kube} has no {version} {kind}"))?
    };
    jsonschema::options()
        .build(&schema)
        .map_err(|error| error.to_string())
}

/// The schema of one kind, with what it refers to and nothing else.
fn of_kubernetes(kube: &str, version: &str, kind: &str) -> Option<Value> {
    let known = definitions(kube);
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let wanted = json!({ "group": group, "kind": kind, "version": version });
    let is_wanted = |schema: &Value| {
        let names = schema["x-kubernetes-group-version-kind"].as_array();
        names.is_some_and(|names| names.contains(&wanted))
    };
    let (name, _) = known.iter().find(|(_, schema)| is_wanted(schema))?;
    let mut needed = BTreeSet::new();
    gather(name, known, &mut needed);
    let parts: Map<_, _> = needed
        .into_iter()
        .map(|name| (name.clone(), known[&name].clone()))
        .collect();
    Some(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/$defs/{name}"),
        "$defs": parts,
    }))
}

fn definitions(kube: &str) -> &'static Map<String, Value> {
    static ALL: LazyLock<BTreeMap<&str, Value>> = LazyLock::new(|| {
        let read = |(kube, _): (&'static str, _)| {
            let text = text_of(&format!(".cache/kubernetes/{kube}.json"));
            (kube, serde_json::from_str::<Value>(&text).unwrap())
        };
        CLUSTERS.into_iter().map(read).collect()
    });
    ALL[kube]["$defs"].as_object().unwrap()
}

fn gather(name: &str, known: &Map<String, Value>, needed: &mut BTreeSet<String>) {
    if !needed.insert(name.to_owned()) {
        return;
    }
    let mut found = Vec::new();
    references(&known[name], &mut found);
    for name in found {
        gather(&name, known, needed);
    }
}

fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                found.extend(reference.strip_prefix("#/$defs/").map(str::to_owned));
            }
            map.values().for_each(|below| references(below, found));
        }
        Value::Array(items) => items.iter().for_each(|below| references(below, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_object_fits_the_schema_of_its_kind() {
    in_every(|rendered| {
        let objects = rendered.objects.all();
        objects
            .flat_map(|object| problems(rendered.kube, object))
            .collect()
    });
}

#[test]
fn what_does_not_fit_is_found() {
    let rendered = super::charts::of("everything");
    let object = |kind: &str| rendered.objects.of_kind(kind).next().unwrap().clone();
    let check = |mut object: Object, pointer: &str, value: Value| {
        let (above, key) = pointer.rsplit_once('/').unwrap();
        object.0.pointer_mut(above).unwrap()[key] = value;
        for (kube, _) in CLUSTERS {
            let found = problems(kube, &object);
            assert!(!found.is_empty(), "{kube}: {pointer} was not missed");
        }
    };
    let container = "/spec/template/spec/containers/0";
    check(
        object("StatefulSet"),
        &format!("{container}/imagePulPolicy"),
        json!("Always"),
    );
    check(
        object("Deployment"),
        &format!("{container}/livenessProbe/httpGet/pth"),
        json!("/"),
    );
    check(object("StatefulSet"), "/spec/replicas", json!("1"));
    check(object("HTTPRoute"), "/spec/hostname", json!("a.example"));
    check(
        object("GRPCRoute"),
        "/spec/rules/0/matches/0/method/servce",
        json!("x"),
    );
    check(
        object("BackendTLSPolicy"),
        "/spec/validation/host",
        json!("x"),
    );
    check(object("Service"), "/kind", json!("Srvice"));
    check(object("Service"), "/apiVersion", json!("v2"));
}

#[test]
fn every_kind_of_the_gateway_api_is_rendered() {
    let mut seen = BTreeSet::new();
    for object in all().iter().flat_map(|rendered| rendered.objects.all()) {
        if object.at("/apiVersion") == "gateway.networking.k8s.io/v1" {
            seen.insert(object.kind());
        }
    }
    assert_eq!(
        Vec::from_iter(seen),
        ["BackendTLSPolicy", "GRPCRoute", "HTTPRoute"]
    );
}
