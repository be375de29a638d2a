//! The life of a pod: how it is looked at, how it ends, when it is replaced, and how many there are.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    charts::{Rendered, in_each, in_every, of},
    helm::{CHART, Order, render},
    objects::{Objects, at, list, own},
};

#[test]
fn probes_ask_the_admin_door() {
    in_each(&["StatefulSet", "Deployment"], |rendered, object| {
        let container = own(object.pod().unwrap());
        let ports = list(&container["ports"]);
        let mut broken = Vec::new();
        for (probe, path) in [
            ("startupProbe", "/livez"),
            ("livenessProbe", "/livez"),
            ("readinessProbe", "/readyz"),
        ] {
            let mut wanted = rendered.value(&format!("pod.{probe}")).clone();
            wanted["httpGet"] = json!({ "path": path, "port": "admin" });
            if container[probe] != wanted {
                broken.push(format!("{probe} is {}, not {wanted}", container[probe]));
            }
        }
        let admin = ports.iter().find(|port| port["name"] == "admin");
        if admin.map(|port| &port["containerPort"]) != Some(&json!(9090)) {
            broken.push("there is no port admin".to_owned());
        }
        broken
    });
}

/// What the rendered configuration makes the process take, and what the chart or the user's own hook makes it wait before.
fn drain(rendered: &Rendered, config: &Value, own: u64) -> Duration {
    let default = super::read_yaml::document(&super::helm::text_of("config/default.yaml")).unwrap();
    let of = |key: &str| {
        let told = config["drain"][key].as_str();
        let told = told.unwrap_or_else(|| default["drain"][key].as_str().unwrap());
        humantime::parse_duration(told).unwrap()
    };
    let sleep = rendered.value("pod.preStopSeconds").as_u64().unwrap();
    let ledger = Duration::from_secs(5);
    Duration::from_secs(sleep.max(own)) + of("propagation_delay") + of("deadline") + ledger
}

#[test]
fn pods_have_the_time_to_end() {
    in_each(&["StatefulSet", "Deployment"], |rendered, object| {
        let config = rendered.objects.configuration(object).unwrap();
        let sleep = at(
            own(object.pod().unwrap()),
            "/lifecycle/preStop/sleep/seconds",
        );
        let sleeps = sleep.as_u64().unwrap_or(0);
        let needed = drain(rendered, &config, sleeps) + Duration::from_secs(5);
        let needed = needed.as_millis().div_ceil(1000);
        let given = object.at("/spec/template/spec/terminationGracePeriodSeconds");
        let told = rendered.value("pod.terminationGracePeriodSeconds");
        let wanted = if told.is_null() {
            json!(u64::try_from(needed).unwrap())
        } else {
            told.clone()
        };
        let mut broken = Vec::new();
        if *given != wanted || u128::from(given.as_u64().unwrap_or(0)) < needed {
            broken.push(format!(
                "the grace period is {given}, the drain takes {needed}"
            ));
        }
        let wanted = match rendered.name.as_str() {
            "extras" => &json!(40),
            "platform" => &Value::Null,
            _ => rendered.value("pod.preStopSeconds"),
        };
        if sleep != wanted {
            broken.push(format!("preStop sleeps {sleep}, not {wanted}"));
        }
        broken
    });
}

#[test]
fn durations_are_read_as_tollgate_reads_them() {
    let grace = |delay: &str, deadline: &str| {
        let set = format!(
            "config.drain={{\"propagation_delay\":\"{delay}\",\"deadline\":\"{deadline}\"}}"
        );
        let order = Order {
            values: &format!("{CHART}/ci/default-values.yaml"),
            kube: "1.34",
            release: "r",
        };
        let text = render(order, &["--set-json", &set]).unwrap();
        let objects = Objects::read(&text).unwrap();
        let workload = objects.workload("gateway").unwrap();
        workload
            .at("/spec/template/spec/terminationGracePeriodSeconds")
            .as_u64()
            .unwrap()
    };
    for (delay, deadline) in [
        ("0s", "1m 30s"),
        ("1500ms", "1m30s"),
        ("3 min", "1h 2mins 3 sec"),
        ("1day", "1hr"),
        ("999ms", "1ms"),
    ] {
        let read = |text| humantime::parse_duration(text).unwrap();
        let whole = (read(delay) + read(deadline)).as_millis().div_ceil(1000);
        let wanted = u64::try_from(whole).unwrap() + 15;
        assert_eq!(grace(delay, deadline), wanted, "{delay} {deadline}");
    }
}

/// The pods of a rendering with one more setting.
fn templates(name: &str, set: &str) -> Vec<(String, Value)> {
    let order = Order {
        values: &format!("{CHART}/ci/{name}-values.yaml"),
        kube: "1.34",
        release: "tollgate",
    };
    let text = render(order, &["--set-json", set]).unwrap();
    let objects = Objects::read(&text).unwrap();
    let pods = objects.workloads().map(|object| {
        (
            object.component().to_owned(),
            object.at("/spec/template").clone(),
        )
    });
    pods.collect()
}

#[test]
fn a_changed_configuration_replaces_the_pods_that_read_it() {
    let changed = |name: &str, set: &str| -> Vec<String> {
        let before = templates(name, "commonLabels={}");
        let after = templates(name, set);
        let differ = before.into_iter().zip(after);
        let differ = differ.filter(|((_, before), (_, after))| before != after);
        differ.map(|((component, _), _)| component).collect()
    };
    assert_eq!(
        changed("split", "config.ledger={\"keep_days\":7}"),
        ["gateway"]
    );
    assert_eq!(
        changed("split", "config.tenants.acme.okta.failover=\"disabled\""),
        ["adapter"]
    );
    let mut both = changed("split", "config.log={\"level\":\"debug\"}");
    both.sort();
    assert_eq!(both, ["adapter", "gateway"]);
    assert_eq!(
        changed("minimal", "config.log={\"level\":\"debug\"}"),
        ["gateway"]
    );
    assert_eq!(changed("split", "config.ledger={}"), [""; 0]);
    // Where they take it up by themselves, no pod is replaced.
    assert_eq!(
        changed("platform", "config.log={\"level\":\"debug\"}"),
        [""; 0]
    );
}

#[test]
fn replicas_are_of_one_master() {
    in_every(|rendered| {
        let Some(adapter) = rendered.objects.workload("adapter") else {
            return Vec::new();
        };
        let scaler = rendered.objects.of_kind("HorizontalPodAutoscaler").next();
        let replicas = adapter.at("/spec/replicas");
        let mut broken = Vec::new();
        let is_on = rendered.value("adapter.autoscaling.enabled") == true;
        if is_on != scaler.is_some() {
            broken.push("the autoscaler does not follow the values".to_owned());
        }
        match scaler {
            None if replicas != rendered.value("adapter.replicas") => {
                broken.push(format!("there are {replicas} replicas"));
            }
            Some(scaler) => {
                if !replicas.is_null() {
                    broken.push("both the Deployment and the autoscaler set replicas".to_owned());
                }
                let target = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": adapter.name() });
                if *scaler.at("/spec/scaleTargetRef") != target {
                    broken.push(format!("scales {}", scaler.at("/spec/scaleTargetRef")));
                }
                for key in ["minReplicas", "maxReplicas"] {
                    let wanted = rendered.value(&format!("adapter.autoscaling.{key}"));
                    if scaler.at(&format!("/spec/{key}")) != wanted {
                        broken.push(format!("{key} is not {wanted}"));
                    }
                }
                let cpu = scaler.at("/spec/metrics/0/resource");
                if cpu["name"] != "cpu" || at(cpu, "/target/averageUtilization") != 70 {
                    broken.push(format!("goes by {cpu}"));
                }
                if scaler.at("/spec/behavior/scaleDown/stabilizationWindowSeconds") != 300 {
                    broken.push("scales down at once".to_owned());
                }
            }
            None => {}
        }
        broken
    });
    let metrics = of("autoscaling").objects.of_kind("HorizontalPodAutoscaler");
    let metrics: Vec<_> = metrics
        .flat_map(|it| list(it.at("/spec/metrics")))
        .collect();
    assert_eq!(metrics.len(), 3);
    assert_eq!(metrics[1]["resource"]["name"], "memory");
}

#[test]
fn several_pods_are_not_taken_away_together() {
    in_every(|rendered| {
        let budgets: Vec<_> = rendered.objects.of_kind("PodDisruptionBudget").collect();
        let fewest = if rendered.value("adapter.autoscaling.enabled") == true {
            rendered.value("adapter.autoscaling.minReplicas")
        } else {
            rendered.value("adapter.replicas")
        };
        let wanted = rendered.is_split() && fewest.as_u64() > Some(1);
        if budgets.len() != usize::from(wanted) {
            return vec![format!("{} budgets for {fewest} pods", budgets.len())];
        }
        let mut broken = Vec::new();
        for budget in budgets {
            let bounds = ["minAvailable", "maxUnavailable"].map(|key| budget.at("/spec").get(key));
            if bounds.iter().flatten().count() != 1 {
                broken.push(format!("{bounds:?}"));
            }
            if budget.at("/spec/unhealthyPodEvictionPolicy") != "AlwaysAllow" {
                broken.push("a pod that is not ready holds its node".to_owned());
            }
            let selected = rendered
                .objects
                .selected(budget.at("/spec/selector/matchLabels"));
            let selected: Vec<_> = selected.iter().map(|object| object.component()).collect();
            if selected != ["adapter"] {
                broken.push(format!("is for {selected:?}"));
            }
        }
        broken
    });
    let zero = of("autoscaling")
        .objects
        .of_kind("PodDisruptionBudget")
        .next();
    assert_eq!(zero.unwrap().at("/spec/minAvailable"), 0);
}

#[test]
fn adapters_may_be_replaced_all_at_once() {
    let order = Order {
        values: &format!("{CHART}/ci/split-values.yaml"),
        kube: "1.34",
        release: "tollgate",
    };
    let text = render(order, &["--set", "adapter.updateStrategy.type=Recreate"]).unwrap();
    let objects = Objects::read(&text).unwrap();
    let strategy = objects.workload("adapter").unwrap().at("/spec/strategy");
    assert_eq!(*strategy, json!({ "type": "Recreate" }));
}

#[test]
fn adapters_are_replaced_one_after_another() {
    in_each(&["Deployment"], |rendered, object| {
        let mut broken = Vec::new();
        for (pointer, wanted) in [
            ("/spec/strategy/rollingUpdate/maxUnavailable", json!(0)),
            ("/spec/strategy/rollingUpdate/maxSurge", json!("25%")),
            ("/spec/minReadySeconds", json!(5)),
            ("/spec/progressDeadlineSeconds", json!(300)),
            (
                "/spec/revisionHistoryLimit",
                rendered.value("adapter.revisionHistoryLimit").clone(),
            ),
        ] {
            if *object.at(pointer) != wanted {
                broken.push(format!("{pointer} is {}", object.at(pointer)));
            }
        }
        broken
    });
}
