//! Who may talk to whom: policies that take every pod, name no rule that means everybody by accident, and let through what
//! the parts need.

use serde_json::{Value, json};

use super::{
    charts::{Rendered, in_each, in_every, of},
    objects::{Object, at, list, own, takes},
};

fn policies(rendered: &Rendered) -> Vec<&Object> {
    rendered.objects.of_kind("NetworkPolicy").collect()
}

fn policy<'a>(rendered: &'a Rendered, component: &str) -> &'a Object {
    let mut found = policies(rendered).into_iter();
    found
        .find(|policy| policy.component() == component)
        .unwrap()
}

#[test]
fn every_pod_has_its_policy() {
    in_every(|rendered| {
        let mut broken = Vec::new();
        let wanted = match (
            rendered.value("networkPolicy.enabled") == true,
            rendered.is_split(),
        ) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        };
        if policies(rendered).len() != wanted {
            broken.push(format!(
                "{} policies, not {wanted}",
                policies(rendered).len()
            ));
        }
        for policy in policies(rendered) {
            let selected = rendered
                .objects
                .selected(policy.at("/spec/podSelector/matchLabels"));
            let selected: Vec<_> = selected.iter().map(|object| object.component()).collect();
            if selected != [policy.component()] {
                broken.push(format!("{} is for {selected:?}", policy.label()));
            }
            if *policy.at("/spec/policyTypes") != json!(["Ingress", "Egress"]) {
                broken.push(format!("{} leaves a direction open", policy.label()));
            }
        }
        broken
    });
}

#[test]
fn no_rule_means_everybody_by_accident() {
    in_each(&["NetworkPolicy"], |_, policy| {
        let mut broken = Vec::new();
        for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
            for rule in list(policy.at(&format!("/spec/{direction}"))) {
                let given = list(&rule[peers]);
                if given.is_empty() || given.iter().any(|peer| *peer == json!({})) {
                    broken.push(format!("{direction}: {rule} is for everybody"));
                }
                if list(&rule["ports"]).is_empty() {
                    broken.push(format!("{direction}: {rule} is for every port"));
                }
            }
        }
        broken
    });
}

/// Named ports must exist on the pods that they are of.
#[test]
fn rules_name_ports_that_pods_have() {
    in_each(&["NetworkPolicy"], |rendered, policy| {
        let ports_of = |component: &str| {
            let workload = rendered.objects.workload(component).unwrap();
            let ports = list(&own(workload.pod().unwrap())["ports"]);
            ports
                .iter()
                .map(|port| port["name"].clone())
                .collect::<Vec<_>>()
        };
        let own = ports_of(policy.component());
        let mut broken = Vec::new();
        let mut open = Vec::new();
        for rule in list(policy.at("/spec/ingress")) {
            for port in list(&rule["ports"]) {
                if !own.contains(&port["port"]) {
                    broken.push(format!("the pod has no port {}", port["port"]));
                }
                open.push(port["port"].clone());
            }
        }
        for port in &own {
            if !open.contains(port) {
                broken.push(format!("nobody may reach {port}"));
            }
        }
        for rule in list(policy.at("/spec/egress")) {
            let named = list(&rule["ports"])
                .iter()
                .filter(|port| port["port"].is_string());
            for port in named {
                if !ports_of("gateway").contains(&port["port"]) {
                    broken.push(format!("the gateway has no port {}", port["port"]));
                }
            }
        }
        broken
    });
}

/// Whether a policy lets its pods reach those with these labels at this port.
fn reaches(policy: &Object, labels: &Value, port: &Value) -> bool {
    rule_for(policy, "egress", "to", labels, port)
}

fn admits(policy: &Object, labels: &Value, port: &Value) -> bool {
    rule_for(policy, "ingress", "from", labels, port)
}

fn rule_for(policy: &Object, direction: &str, peers: &str, labels: &Value, port: &Value) -> bool {
    let rules = list(policy.at(&format!("/spec/{direction}")));
    rules.iter().any(|rule| {
        let takes_pod = |peer: &Value| {
            peer["namespaceSelector"].is_null()
                && takes(at(peer, "/podSelector/matchLabels"), labels)
        };
        list(&rule[peers]).iter().any(takes_pod)
            && list(&rule["ports"])
                .iter()
                .any(|given| given["port"] == *port)
    })
}

#[test]
fn the_adapter_reaches_the_gateway_and_nobody_else_beyond_names() {
    for name in ["network-policy-split", "production", "everything"] {
        let rendered = of(name);
        let labels = |component: &str| {
            let workload = rendered.objects.workload(component).unwrap();
            workload.at("/spec/template/metadata/labels").clone()
        };
        let (adapter, gateway) = (policy(rendered, "adapter"), policy(rendered, "gateway"));
        assert!(
            reaches(adapter, &labels("gateway"), &json!("grpc")),
            "{name}"
        );
        assert!(
            admits(gateway, &labels("adapter"), &json!("grpc")),
            "{name}"
        );
        assert!(
            !reaches(gateway, &labels("adapter"), &json!("http")),
            "{name}"
        );
        // The part on the internet reaches no provider.
        let outside = list(adapter.at("/spec/egress"))
            .iter()
            .flat_map(|rule| list(&rule["to"]));
        assert!(
            outside.into_iter().all(|peer| peer["ipBlock"].is_null()),
            "{name}"
        );
        for asked in [adapter, gateway] {
            let tests = rendered.objects.of_kind("Pod").next().unwrap();
            assert!(
                admits(asked, tests.at("/metadata/labels"), &json!("admin")),
                "{name}"
            );
        }
    }
}

#[test]
fn names_can_be_resolved() {
    in_each(&["NetworkPolicy"], |_, policy| {
        let wanted = json!([{ "protocol": "UDP", "port": 53 }, { "protocol": "TCP", "port": 53 }]);
        let rules = list(policy.at("/spec/egress")).iter();
        let found = rules.filter(|rule| rule["ports"] == wanted).count();
        if found == 1 {
            Vec::new()
        } else {
            vec![format!("{found} rules for names")]
        }
    });
}

#[test]
fn what_is_outside_is_told_by_networks() {
    let rules = |name: &str, component: &str, direction: &str| {
        let policy = policy(of(name), component);
        list(policy.at(&format!("/spec/{direction}"))).to_vec()
    };
    let tcp = |ports: &[u16]| {
        let ports: Vec<_> = ports
            .iter()
            .map(|port| json!({ "protocol": "TCP", "port": port }))
            .collect();
        json!(ports)
    };
    let production = rules("production", "gateway", "egress");
    let providers = production
        .iter()
        .find(|rule| rule["ports"] == tcp(&[443]))
        .unwrap();
    assert_eq!(providers["to"][0]["ipBlock"]["cidr"], "0.0.0.0/0");
    let private = list(&providers["to"][0]["ipBlock"]["except"]);
    for network in [
        "10.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
    ] {
        assert!(private.contains(&json!(network)), "{network}");
    }
    let single = rules("network-policy", "gateway", "egress");
    let block = |cidr: &str| json!([{ "ipBlock": { "cidr": cidr } }]);
    assert!(single.contains(&json!({ "to": block("192.0.2.0/24"), "ports": tcp(&[443, 8443]) })));
    assert!(single.contains(&json!({ "to": block("198.51.100.0/24"), "ports": tcp(&[443]) })));
    let adapter = rules("network-policy-split", "adapter", "egress");
    let proxy = json!([{ "podSelector": { "matchLabels": { "app": "okta-proxy" } } }]);
    assert!(adapter.contains(&json!({ "to": proxy, "ports": tcp(&[8443]) })));
    for component in ["adapter", "gateway"] {
        let collector = rules("network-policy-split", component, "egress");
        assert!(
            collector
                .iter()
                .any(|rule| rule["ports"][0]["port"] == 4317),
            "{component}"
        );
        let probe = rules("network-policy-split", component, "ingress");
        assert!(
            probe
                .iter()
                .any(|rule| rule["from"][0]["podSelector"]["matchLabels"]["app"] == "probe")
        );
    }
    let callers = rules("network-policy-split", "gateway", "ingress");
    let billing = json!({ "namespaceSelector": { "matchLabels": { "team": "billing" } } });
    assert!(
        callers
            .iter()
            .any(|rule| list(&rule["from"]).contains(&billing))
    );
    let public = rules("network-policy", "gateway", "ingress");
    let everybody = json!({ "ipBlock": { "cidr": "0.0.0.0/0" } });
    let http = public
        .iter()
        .find(|rule| rule["ports"][0]["port"] == "http")
        .unwrap();
    assert!(list(&http["from"]).contains(&everybody));
    let metrics = public
        .iter()
        .find(|rule| rule["ports"][0]["port"] == "admin")
        .unwrap();
    assert_eq!(
        metrics["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
        "monitoring"
    );
}
