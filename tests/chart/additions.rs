//! What users and platforms add to pods, and where pods run.

use serde_json::{Value, json};

use super::{
    charts::{Rendered, in_each, of},
    objects::{Object, at, list},
};

fn has_user_parts(object: &Object, rendered: &Rendered) -> Vec<String> {
    let pod = object.pod().unwrap();
    let release = rendered.release.as_str();
    let wanted = [
        ("/metadata/annotations/release", json!(release)),
        ("/metadata/labels/mesh", json!(release)),
        (
            "/spec/nodeSelector",
            json!({ "kubernetes.io/arch": "amd64" }),
        ),
        ("/spec/tolerations/0/key", json!("dedicated")),
        (
            "/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/0/podAffinityTerm/labelSelector/matchLabels/app.kubernetes.io~1instance",
            json!(release),
        ),
        ("/spec/initContainers/0/name", json!("wait")),
        ("/spec/containers/1/name", json!("beside")),
        (
            "/spec/containers/0/envFrom/0/configMapRef/name",
            json!(format!("{release}-env")),
        ),
        (
            "/spec/containers/0/lifecycle",
            json!({ "preStop": { "sleep": { "seconds": 40 } } }),
        ),
        (
            "/spec/topologySpreadConstraints/0/topologyKey",
            json!("rack"),
        ),
        (
            "/spec/topologySpreadConstraints/0/labelSelector/matchLabels/app.kubernetes.io~1component",
            json!(object.component()),
        ),
        (
            "/spec/topologySpreadConstraints/1/labelSelector",
            json!({ "matchLabels": { "own": "selector" } }),
        ),
        ("/spec/containers/0/resources/limits/cpu", json!("1500m")),
    ];
    let mut broken: Vec<_> = wanted
        .iter()
        .filter(|(pointer, value)| at(pod, pointer) != value)
        .map(|(pointer, value)| format!("{pointer} is {}, not {value}", at(pod, pointer)))
        .collect();
    let env = list(at(pod, "/spec/containers/0/env"));
    for variable in [
        json!({ "name": "POD_NAME", "value": release }),
        json!({ "name": "RUST_BACKTRACE", "value": "1" }),
        json!({ "name": "RUST_MIN_STACK", "value": "8388608" }),
        json!({ "name": "TOKEN", "valueFrom": { "configMapKeyRef": { "name": "own", "key": "token" } } }),
    ] {
        if !env.contains(&variable) {
            broken.push(format!("{variable} is missing"));
        }
    }
    if object.at("/metadata/annotations/reloader") != release
        || object.at("/spec/revisionHistoryLimit") != 5
    {
        broken.push("the workload's own settings are missing".to_owned());
    }
    broken
}

#[test]
fn what_the_user_adds_is_there() {
    let rendered = of("extras");
    for workload in rendered.objects.workloads() {
        assert_eq!(
            has_user_parts(workload, rendered),
            [""; 0],
            "{}",
            workload.label()
        );
    }
    let made = |name: &str| rendered.objects.find("ConfigMap", name).is_some();
    assert!(made("tollgate-own") && made("tollgate-env"));
}

#[test]
fn what_a_platform_asks_for_is_there() {
    let rendered = of("platform");
    let object = rendered.objects.workload("gateway").unwrap();
    let spec = &object.pod().unwrap()["spec"];
    for (pointer, value) in [
        ("/serviceAccountName", json!("default")),
        ("/priorityClassName", json!("critical")),
        ("/runtimeClassName", json!("gvisor")),
        ("/schedulerName", json!("own-scheduler")),
        ("/hostUsers", json!(false)),
        ("/dnsPolicy", json!("None")),
        ("/dnsConfig/nameservers", json!(["192.0.2.53"])),
        ("/hostAliases/0/ip", json!("192.0.2.10")),
        ("/securityContext/supplementalGroups", json!([2000])),
        ("/containers/0/lifecycle", Value::Null),
        ("/terminationGracePeriodSeconds", json!(90)),
    ] {
        assert_eq!(at(spec, pointer), &value, "{pointer}");
    }
    let template = object.at("/spec/volumeClaimTemplates/0/metadata");
    assert_eq!(template["labels"]["backup"], "nightly");
    assert_eq!(template["annotations"]["backup.example.com/keep"], "30d");
    assert_eq!(rendered.objects.of_kind("ServiceAccount").count(), 0);
}

/// Pods of one kind are apart, as far as the cluster can; only the adapter has more than one.
#[test]
fn adapters_are_spread() {
    in_each(&["Deployment"], |rendered, object| {
        if rendered.name == "extras" {
            return Vec::new();
        }
        let constraints = list(object.at("/spec/template/spec/topologySpreadConstraints"));
        let keys: Vec<_> = constraints
            .iter()
            .map(|it| it["topologyKey"].as_str().unwrap())
            .collect();
        let mut broken = Vec::new();
        if keys != ["topology.kubernetes.io/zone", "kubernetes.io/hostname"] {
            broken.push(format!("spread over {keys:?}"));
        }
        for constraint in constraints {
            if constraint["labelSelector"] != *object.at("/spec/selector")
                || constraint["matchLabelKeys"] != json!(["pod-template-hash"])
                || constraint["whenUnsatisfiable"] != "ScheduleAnyway"
            {
                broken.push(format!("{constraint} spreads other pods"));
            }
        }
        broken
    });
}
