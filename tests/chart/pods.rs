//! What every pod must be: restricted, bounded, watched, and given nothing that it does not need.

use serde_json::{Value, json};

use super::{
    charts::in_each,
    objects::{at, containers, list, own, twice},
};

const WORKLOADS: [&str; 2] = ["StatefulSet", "Deployment"];
const PODS: [&str; 3] = ["StatefulSet", "Deployment", "Pod"];

/// Volumes that the `restricted` Pod Security level admits.
const VOLUMES: [&str; 8] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

#[test]
fn pods_are_restricted() {
    in_each(&PODS, |_, object| {
        let pod = object.pod().unwrap();
        let spec = &pod["spec"];
        let mut broken = Vec::new();
        for key in ["hostNetwork", "hostPID", "hostIPC"] {
            if spec.get(key).is_some_and(|value| *value != false) {
                broken.push(format!("{key} is set"));
            }
        }
        let context = &spec["securityContext"];
        let is_root = |context: &Value| context["runAsUser"] == 0;
        if context["runAsNonRoot"] != true || is_root(context) {
            broken.push("may run as root".to_owned());
        }
        let profile = &context["seccompProfile"]["type"];
        if profile != "RuntimeDefault" && profile != "Localhost" {
            broken.push(format!("the seccomp profile is {profile}"));
        }
        for volume in list(&spec["volumes"]) {
            let kinds = volume.as_object().unwrap().keys();
            let kinds = kinds.filter(|key| *key != "name");
            let foreign = kinds.filter(|kind| !VOLUMES.contains(&kind.as_str()));
            broken.extend(foreign.map(|kind| format!("a volume of kind {kind}")));
        }
        for container in containers(pod) {
            let name = &container["name"];
            let context = &container["securityContext"];
            if context["allowPrivilegeEscalation"] != false {
                broken.push(format!("{name} may gain rights"));
            }
            if context["capabilities"]["drop"] != json!(["ALL"]) {
                broken.push(format!("{name} keeps capabilities"));
            }
            if context["privileged"] == true || is_root(context) || context["runAsNonRoot"] == false
            {
                broken.push(format!("{name} is privileged"));
            }
            let ports = list(&container["ports"]).iter();
            if ports.into_iter().any(|port| !port["hostPort"].is_null()) {
                broken.push(format!("{name} has a port of its node"));
            }
        }
        broken
    });
}

/// What the profile leaves open and we do not.
#[test]
fn pods_are_closed_and_bounded() {
    in_each(&PODS, |rendered, object| {
        let pod = object.pod().unwrap();
        let mut broken = Vec::new();
        let mut expect = |what: &str, found: &Value, wanted: &Value| {
            if found != wanted {
                broken.push(format!("{what} is {found}, not {wanted}"));
            }
        };
        let spec = &pod["spec"];
        expect(
            "the token",
            &spec["automountServiceAccountToken"],
            &json!(false),
        );
        expect("service links", &spec["enableServiceLinks"], &json!(false));
        let context = own(pod);
        let root = &context["securityContext"]["readOnlyRootFilesystem"];
        expect("the read-only root", root, &json!(true));
        let user = if rendered.name == "platform" {
            [Value::Null, Value::Null, Value::Null]
        } else {
            [json!(65532), json!(65532), json!(65532)]
        };
        for (key, wanted) in ["runAsUser", "runAsGroup", "fsGroup"]
            .into_iter()
            .zip(&user)
        {
            expect(key, &spec["securityContext"][key], wanted);
        }
        let policy = &spec["securityContext"]["fsGroupChangePolicy"];
        expect("the policy of groups", policy, &json!("OnRootMismatch"));
        for container in containers(pod) {
            for bound in ["requests/cpu", "requests/memory", "limits/memory"] {
                if at(container, &format!("/resources/{bound}")).is_null() {
                    broken.push(format!("{} has no {bound}", container["name"]));
                }
            }
        }
        broken
    });
}

#[test]
fn nothing_is_named_twice_or_missing() {
    in_each(&PODS, |_, object| {
        let pod = object.pod().unwrap();
        let names = |items: &'static str| {
            move |container: &Value| {
                let items = list(&container[items]).to_vec();
                twice(items.iter().map(|item| &item["name"]))
            }
        };
        let mut broken = Vec::new();
        let volumes = list(&pod["spec"]["volumes"]);
        broken.extend(twice(volumes.iter().map(|volume| &volume["name"])));
        let claims = list(object.at("/spec/volumeClaimTemplates"));
        let claims = claims.iter().map(|claim| &claim["metadata"]["name"]);
        let known: Vec<_> = volumes
            .iter()
            .map(|volume| &volume["name"])
            .chain(claims)
            .collect();
        let mut mounted = Vec::new();
        for container in containers(pod) {
            broken.extend(names("env")(container));
            broken.extend(names("ports")(container));
            let ports = list(&container["ports"]);
            broken.extend(twice(ports.iter().map(|port| &port["containerPort"])));
            let mounts = list(&container["volumeMounts"]);
            broken.extend(twice(mounts.iter().map(|mount| &mount["mountPath"])));
            for mount in mounts {
                if !known.contains(&&mount["name"]) {
                    broken.push(format!("there is no volume {}", mount["name"]));
                }
                // A file that is mounted by itself never changes.
                if !mount["subPath"].is_null() {
                    broken.push(format!("{} is mounted by subPath", mount["name"]));
                }
                mounted.push(&mount["name"]);
            }
        }
        broken.extend(twice(containers(pod).map(|container| &container["name"])));
        let idle = known.iter().filter(|name| !mounted.contains(name));
        broken.extend(idle.map(|name| format!("nobody mounts {name}")));
        broken
    });
}

#[test]
fn the_program_is_started_as_it_wants() {
    in_each(&WORKLOADS, |rendered, object| {
        let container = own(object.pod().unwrap());
        let mut broken = Vec::new();
        let mut expect = |what: &str, found: &Value, wanted: &Value| {
            if found != wanted {
                broken.push(format!("{what} is {found}, not {wanted}"));
            }
        };
        let mut args = json!(["serve", "--config", "/etc/tollgate/config.yaml"]);
        if rendered.is_split() {
            let more = [json!("--only"), json!(object.component())];
            args.as_array_mut().unwrap().extend(more);
        }
        expect("args", &container["args"], &args);
        expect("the command", &container["command"], &Value::Null);
        let mounts = list(&container["volumeMounts"]);
        let path = |name: &str| {
            let mount = mounts.iter().find(|mount| mount["name"] == name);
            mount.map_or(Value::Null, |mount| mount["mountPath"].clone())
        };
        expect(
            "the configuration's folder",
            &path("config"),
            &json!("/etc/tollgate"),
        );
        expect("the folder for drafts", &path("tmp"), &json!("/tmp"));
        let data = if object.role() == "adapter" {
            Value::Null
        } else {
            json!("/var/lib/tollgate")
        };
        expect("the data's folder", &path("data"), &data);
        let volumes = list(object.at("/spec/template/spec/volumes"));
        let tmp = volumes.iter().find(|volume| volume["name"] == "tmp");
        let size = tmp.map_or(&Value::Null, |tmp| at(tmp, "/emptyDir/sizeLimit"));
        expect("the size of /tmp", size, rendered.value("pod.tmpSize"));
        broken
    });
}

#[test]
fn what_owns_the_ledger_is_one_pod_with_a_volume() {
    in_each(&["StatefulSet"], |rendered, object| {
        let mut broken = Vec::new();
        let mut expect = |what: &str, found: &Value, wanted: &Value| {
            if found != wanted {
                broken.push(format!("{what} is {found}, not {wanted}"));
            }
        };
        expect("replicas", object.at("/spec/replicas"), &json!(1));
        let policy = object.at("/spec/podManagementPolicy");
        expect("the policy of pods", policy, &json!("Parallel"));
        let volumes = list(object.at("/spec/template/spec/volumes"));
        let volume = volumes.iter().find(|volume| volume["name"] == "data");
        let template = object.at("/spec/volumeClaimTemplates/0");
        match rendered.name.as_str() {
            "existing-claim" => {
                let claim = json!({ "name": "data", "persistentVolumeClaim": { "claimName": "tollgate-ledger" } });
                expect("the volume", volume.unwrap_or(&Value::Null), &claim);
            }
            "ephemeral" => {
                let empty = json!({ "name": "data", "emptyDir": { "sizeLimit": "1Gi" } });
                expect("the volume", volume.unwrap_or(&Value::Null), &empty);
            }
            _ => {
                expect("the volume", volume.unwrap_or(&Value::Null), &Value::Null);
                expect("the claim", at(template, "/metadata/name"), &json!("data"));
                let size = at(template, "/spec/resources/requests/storage");
                expect("its size", size, rendered.value("persistence.size"));
                let modes = at(template, "/spec/accessModes");
                expect(
                    "its modes",
                    modes,
                    rendered.value("persistence.accessModes"),
                );
                let class = rendered.value("persistence.storageClass");
                let class = if class == "" { &Value::Null } else { class };
                expect("its class", at(template, "/spec/storageClassName"), class);
                // These can never be changed again.
                let labels = at(template, "/metadata/labels").as_object().unwrap();
                let changing = labels
                    .keys()
                    .find(|key| key.contains("version") || key.contains("chart"));
                expect("a label that changes", &json!(changing), &Value::Null);
            }
        }
        broken
    });
}

#[test]
fn images_are_the_one_that_was_asked_for() {
    in_each(&PODS, |rendered, object| {
        let expect = match rendered.name.as_str() {
            "naming" => {
                "registry.acme.example/mirror/tollgate@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
            }
            "production" => {
                "registry.acme.example/tollgate@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
            }
            _ => concat!("tollgate:", env!("CARGO_PKG_VERSION")),
        };
        let container = own(object.pod().unwrap());
        let mut broken = Vec::new();
        if container["image"] != expect {
            broken.push(format!("the image is {}", container["image"]));
        }
        if container["imagePullPolicy"] != *rendered.value("image.pullPolicy") {
            broken.push("the image is pulled at another time".to_owned());
        }
        let secrets = object.pod().unwrap().pointer("/spec/imagePullSecrets");
        let expect = match rendered.name.as_str() {
            "naming" => Some(json!([{ "name": "shared" }, { "name": "own" }])),
            "everything" => Some(json!([{ "name": "registry" }])),
            _ => None,
        };
        if secrets != expect.as_ref() {
            broken.push(format!("the pull secrets are {secrets:?}"));
        }
        broken
    });
}

#[test]
fn variables_tell_where_the_pod_is() {
    in_each(&WORKLOADS, |rendered, object| {
        let env = list(
            own(object.pod().unwrap())
                .pointer("/env")
                .unwrap_or(&Value::Null),
        );
        let value = |name: &str| env.iter().find(|variable| variable["name"] == name);
        let mut broken = Vec::new();
        for (name, field) in [
            ("POD_NAMESPACE", "metadata.namespace"),
            ("NODE_NAME", "spec.nodeName"),
        ] {
            let found = value(name).and_then(|it| it.pointer("/valueFrom/fieldRef/fieldPath"));
            if found != Some(&json!(field)) {
                broken.push(format!("{name} is {found:?}"));
            }
        }
        let threads = value("TOKIO_WORKER_THREADS").is_some();
        let limit = rendered.value(&format!("{}.resources.limits.cpu", object.component()));
        if threads == limit.is_null() {
            broken.push("the threads do not follow the limit of the CPU".to_owned());
        }
        broken
    });
}
