//! Names and selectors: what belongs together finds each other, now and after an upgrade.

use serde_json::{Value, json};

use super::{
    charts::{in_each, in_every, of},
    objects::{Object, at, list, own, takes},
};

/// What a Service must lead to: by its name's end, the components and the port's name.
const SERVICES: [(&str, &str); 4] = [
    ("-grpc-headless", "grpc"),
    ("-grpc", "grpc"),
    ("-admin", "admin"),
    ("", "http"),
];

fn door(service: &Object) -> &'static str {
    let known = SERVICES
        .iter()
        .find(|(end, _)| service.name().ends_with(end));
    known.unwrap().1
}

#[test]
fn services_lead_to_the_pods_that_have_the_port() {
    in_each(&["Service"], |rendered, service| {
        let door = door(service);
        let wanted: &[&str] = match (door, rendered.is_split()) {
            ("http", true) => &["adapter"],
            ("admin", true) => &["adapter", "gateway"],
            _ => &["gateway"],
        };
        let selected = rendered.objects.selected(service.at("/spec/selector"));
        let mut components: Vec<_> = selected.iter().map(|it| it.component()).collect();
        components.sort_unstable();
        let mut broken = Vec::new();
        if components != wanted {
            broken.push(format!("leads to {components:?}, not {wanted:?}"));
        }
        let ports = list(service.at("/spec/ports"));
        if ports.len() != 1 || ports[0]["name"] != door || ports[0]["targetPort"] != door {
            broken.push(format!("has the ports {ports:?}"));
        }
        for workload in selected {
            let known = list(&own(workload.pod().unwrap())["ports"]);
            if !known
                .iter()
                .any(|port| port["name"] == ports[0]["targetPort"])
            {
                broken.push(format!("{} has no such port", workload.label()));
            }
        }
        broken
    });
}

/// The pods of `helm test` come and go: nothing may be led to them.
#[test]
fn nothing_takes_a_test_for_tollgate() {
    in_each(&["Pod"], |rendered, pod| {
        let takers = rendered.objects.all().filter(|object| {
            let selectors = [
                object.at("/spec/selector"),
                object.at("/spec/selector/matchLabels"),
                object.at("/spec/podSelector/matchLabels"),
            ];
            let labels = pod.at("/metadata/labels");
            selectors.iter().any(|selector| takes(selector, labels))
        });
        takers
            .map(|object| format!("{} takes it", object.label()))
            .collect()
    });
}

#[test]
fn every_open_door_has_its_services() {
    in_every(|rendered| {
        let mut found: Vec<_> = rendered
            .objects
            .of_kind("Service")
            .map(|service| {
                let headless = service.at("/spec/clusterIP") == "None";
                (
                    door(service),
                    headless,
                    service.at("/spec/ports/0/port").clone(),
                )
            })
            .collect();
        found.sort_by_key(|(door, headless, _)| (*door, *headless));
        let has_tls = rendered.value("public.tls.existingSecret") != "";
        let own = rendered.value("service.http.port");
        let usual = json!(if has_tls { 443 } else { 80 });
        let http = if own.is_null() { usual } else { own.clone() };
        let mut wanted = vec![("admin", true, json!(9090))];
        if rendered.opens_grpc() {
            wanted.push(("grpc", false, rendered.value("service.grpc.port").clone()));
            wanted.push(("grpc", true, json!(50051)));
        }
        wanted.push(("http", false, http));
        if found == wanted {
            return Vec::new();
        }
        vec![format!("the services are {found:?}, not {wanted:?}")]
    });
}

#[test]
fn services_say_what_they_speak() {
    in_each(&["Service"], |rendered, service| {
        let (section, usual) = match door(service) {
            "http" if rendered.value("public.tls.existingSecret") == "" => ("http", "http"),
            "http" => ("http", "https"),
            "grpc" if rendered.value("grpc.tls.existingSecret") == "" => {
                ("grpc", "kubernetes.io/h2c")
            }
            "grpc" => ("grpc", "https"),
            _ => ("", "http"),
        };
        let own = rendered.value(&format!("service.{section}.appProtocol"));
        let wanted = own.as_str().filter(|own| !own.is_empty()).unwrap_or(usual);
        let mut broken = Vec::new();
        if service.at("/spec/ports/0/appProtocol") != wanted {
            broken.push(format!(
                "speaks {}",
                service.at("/spec/ports/0/appProtocol")
            ));
        }
        if service.at("/spec/clusterIP") == "None"
            && service.at("/spec/publishNotReadyAddresses") != false
        {
            broken.push("names pods that are not ready".to_owned());
        }
        broken
    });
}

#[test]
fn a_load_balancer_is_as_it_was_asked_for() {
    let rendered = of("load-balancer");
    let service = |name: &str| rendered.objects.find("Service", name).unwrap();
    let spec = |name: &str| service(name).at("/spec").clone();
    let families = json!(["IPv6", "IPv4"]);
    for name in [
        "tollgate",
        "tollgate-grpc",
        "tollgate-grpc-headless",
        "tollgate-admin",
    ] {
        assert_eq!(spec(name)["ipFamilies"], families, "{name}");
        assert_eq!(spec(name)["ipFamilyPolicy"], "PreferDualStack", "{name}");
    }
    let http = spec("tollgate");
    for (key, value) in [
        ("type", json!("LoadBalancer")),
        ("loadBalancerClass", json!("example.com/lb")),
        ("loadBalancerSourceRanges", json!(["192.0.2.0/24"])),
        ("externalTrafficPolicy", json!("Local")),
        ("internalTrafficPolicy", json!("Cluster")),
        ("trafficDistribution", json!("PreferSameZone")),
        ("sessionAffinity", json!("None")),
    ] {
        assert_eq!(http[key], value, "{key}");
    }
    assert_eq!(http["ports"][0]["nodePort"], 30443);
    let grpc = spec("tollgate-grpc");
    assert_eq!(
        (&grpc["type"], &grpc["ports"][0]["nodePort"]),
        (&json!("NodePort"), &json!(30051))
    );
    assert_eq!(grpc["internalTrafficPolicy"], "Local");
    let annotation = |name: &str, key: &str| service(name).at("/metadata/annotations")[key].clone();
    assert_eq!(annotation("tollgate", "service.example.com/zone"), "otp");
    assert_eq!(
        annotation("tollgate-grpc", "service.example.com/internal"),
        "true"
    );
}

/// A selector can never be changed, so nothing that changes may stand in it.
#[test]
fn selectors_take_their_own_pods_for_ever() {
    in_each(&["StatefulSet", "Deployment"], |rendered, workload| {
        let selector = workload.at("/spec/selector/matchLabels");
        let mut broken = Vec::new();
        if !takes(selector, workload.at("/spec/template/metadata/labels")) {
            broken.push("does not take its own pods".to_owned());
        }
        let keys: Vec<_> = selector.as_object().unwrap().keys().collect();
        let mut wanted = vec![
            "app.kubernetes.io/component",
            "app.kubernetes.io/instance",
            "app.kubernetes.io/name",
        ];
        wanted.sort_unstable();
        let mut keys: Vec<_> = keys.iter().map(|key| key.as_str()).collect();
        keys.sort_unstable();
        if keys != wanted {
            broken.push(format!("selects by {keys:?}"));
        }
        let taken = rendered.objects.selected(selector).len();
        if taken != 1 {
            broken.push(format!("takes the pods of {taken} workloads"));
        }
        broken
    });
}

#[test]
fn the_set_of_pods_has_a_service_that_names_them() {
    in_each(&["StatefulSet"], |rendered, workload| {
        let name = workload.at("/spec/serviceName").as_str().unwrap();
        let service = rendered.objects.find("Service", name);
        let is_right = service.is_some_and(|service| {
            let taken = rendered.objects.selected(service.at("/spec/selector"));
            service.at("/spec/clusterIP") == "None"
                && taken.iter().any(|object| object.name() == workload.name())
        });
        if is_right {
            Vec::new()
        } else {
            vec![format!("{name} does not name its pods")]
        }
    });
}

#[test]
fn names_and_labels_fit() {
    in_every(|rendered| {
        let mut broken = Vec::new();
        let mut seen = Vec::new();
        for object in rendered.objects.all() {
            let most = if object.kind() == "StatefulSet" {
                52
            } else {
                63
            };
            let name = object.name();
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            let is_name = name.len() <= most
                && name.starts_with(|c: char| c.is_ascii_lowercase())
                && !name.ends_with('-')
                && name.chars().all(plain);
            if !is_name {
                broken.push(format!("{} is no name", object.label()));
            }
            if seen.contains(&object.label()) {
                broken.push(format!("{} is there twice", object.label()));
            }
            seen.push(object.label());
            let namespace = if rendered.name == "naming" {
                "identity"
            } else {
                "otp"
            };
            let is_extra = object.at("/metadata/labels").is_null();
            if !is_extra && object.at("/metadata/namespace") != namespace {
                broken.push(format!("{} is elsewhere", object.label()));
            }
            let labels = [
                object.at("/metadata/labels"),
                object.at("/spec/template/metadata/labels"),
            ];
            for (key, value) in labels.iter().filter_map(|it| it.as_object()).flatten() {
                let value = value.as_str().unwrap_or_default();
                let edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
                if value.len() > 63 || !edge(value.chars().next()) || !edge(value.chars().last()) {
                    broken.push(format!("{}: {key}: {value} is no label", object.label()));
                }
            }
        }
        broken
    });
}

#[test]
fn every_object_says_whose_it_is() {
    in_every(|rendered| {
        let own = rendered.objects.all().filter(|object| {
            let extra = rendered.value("extraObjects").to_string();
            !extra.contains(object.name().rsplit('-').next().unwrap())
                || object.kind() != "ConfigMap"
        });
        let mut broken = Vec::new();
        for object in own {
            let labels = object.at("/metadata/labels");
            let mut wanted = vec![
                ("app.kubernetes.io/instance", json!(rendered.release)),
                ("app.kubernetes.io/managed-by", json!("Helm")),
                ("app.kubernetes.io/part-of", json!("tollgate")),
                (
                    "app.kubernetes.io/version",
                    json!(env!("CARGO_PKG_VERSION")),
                ),
                (
                    "helm.sh/chart",
                    json!(concat!("tollgate-", env!("CARGO_PKG_VERSION"))),
                ),
            ];
            if rendered.name == "naming" {
                wanted.push(("team", json!("identity")));
                wanted.push(("cost-center", json!(rendered.release)));
                if object.at("/metadata/annotations/owner") != "identity@acme.example" {
                    broken.push(format!("{} has no owner", object.label()));
                }
            }
            for (key, value) in wanted {
                if labels[key] != value {
                    broken.push(format!("{}: {key} is {}", object.label(), labels[key]));
                }
            }
        }
        broken
    });
}

#[test]
fn pods_run_under_an_account_without_rights() {
    in_each(&["StatefulSet", "Deployment", "Pod"], |rendered, object| {
        let name = object.pod().unwrap().pointer("/spec/serviceAccountName");
        let name = name.and_then(Value::as_str).unwrap_or_default();
        let account = rendered.objects.find("ServiceAccount", name);
        match (rendered.value("serviceAccount.create") == true, account) {
            (true, Some(account)) if account.at("/automountServiceAccountToken") == false => {
                Vec::new()
            }
            (false, None) if name == "default" => Vec::new(),
            (_, account) => vec![format!("runs under {name}: {account:?}")],
        }
    });
    let named = of("naming").objects.find("ServiceAccount", "otp").unwrap();
    assert_eq!(named.at("/metadata/annotations/role"), "tollgate");
    assert_eq!(of("everything").objects.of_kind("Role").count(), 0);
}

#[test]
fn two_long_names_stay_two() {
    let long = |end: &str| {
        let order = super::helm::Order {
            values: "helm/tollgate/ci/default-values.yaml",
            kube: "1.34",
            release: &format!("a-release-with-a-name-as-long-as-helm-lets-one-be-5{end}"),
        };
        let text = super::helm::render(order, &[]).unwrap();
        let objects = super::objects::Objects::read(&text).unwrap();
        let set = objects.workload("gateway").unwrap();
        at(&set.0, "/metadata/name").clone()
    };
    assert_ne!(long("1"), long("2"));
}
