//! The chart rendered with every file of values, for the oldest, a middle and the newest Kubernetes, once for all tests.

use std::sync::LazyLock;

use serde_json::Value;

use super::{
    helm::{CHART, Order, at_once, render, repository},
    objects::{Object, Objects},
    read_yaml,
};

/// The minors of Kubernetes, as in `scripts/tools.sh`, each with the name of a release. The last name is the longest that Helm takes.
pub(crate) const CLUSTERS: [(&str, &str); 3] = [
    ("1.30", "tollgate"),
    ("1.34", "r"),
    (
        "1.37",
        "a-release-with-a-name-as-long-as-helm-lets-one-be-53c",
    ),
];

/// One rendering.
pub(crate) struct Rendered {
    /// The file of values.
    pub(crate) file: String,
    /// The file's name without its ending.
    pub(crate) name: String,
    /// The minor of Kubernetes.
    pub(crate) kube: &'static str,
    /// The release's name.
    pub(crate) release: String,
    /// What Helm printed.
    pub(crate) text: String,
    /// The objects in it.
    pub(crate) objects: Objects,
    /// The values: the file's over the chart's own.
    pub(crate) values: Value,
}

impl Rendered {
    /// A value by its path.
    pub(crate) fn value(&self, path: &str) -> &Value {
        let pointer = format!("/{}", path.replace('.', "/"));
        self.values.pointer(&pointer).unwrap_or(&Value::Null)
    }

    /// Whether the two roles run apart.
    pub(crate) fn is_split(&self) -> bool {
        self.value("mode") == "split"
    }

    /// Whether others can call the gRPC door.
    pub(crate) fn opens_grpc(&self) -> bool {
        self.is_split()
            || self.value("grpc.plaintext") == true
            || self.value("grpc.tls.existingSecret") != ""
    }
}

/// Every file of values.
pub(crate) fn value_files() -> Vec<String> {
    let folder = repository(CHART).join("ci");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with("-values.yaml"))
        .map(|name| format!("{CHART}/ci/{name}"))
        .collect();
    files.sort();
    files
}

/// Every rendering.
pub(crate) fn all() -> &'static [Rendered] {
    static ALL: LazyLock<Vec<Rendered>> = LazyLock::new(|| {
        let files = value_files();
        let orders: Vec<_> = files
            .iter()
            .flat_map(|file| CLUSTERS.map(|(kube, release)| (file.clone(), kube, release)))
            .collect();
        at_once(&orders, |(file, kube, release)| {
            rendered(file, kube, release)
        })
    });
    &ALL
}

/// The rendering with one file of values, for a release of the chart's name.
pub(crate) fn of(name: &str) -> &'static Rendered {
    let found = all()
        .iter()
        .find(|rendered| rendered.name == name && rendered.release == "tollgate");
    found.unwrap_or_else(|| panic!("there is no {name}-values.yaml"))
}

fn rendered(file: &str, kube: &'static str, release: &str) -> Rendered {
    let order = Order {
        values: file,
        kube,
        release,
    };
    let text = render(order, &[]).unwrap_or_else(|error| panic!("{file}: {error}"));
    let objects = Objects::read(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let own = read_yaml::document(&super::helm::text_of(&format!("{CHART}/values.yaml")));
    let mut values = own.unwrap();
    lay_over(
        &mut values,
        read_yaml::document(&super::helm::text_of(file)).unwrap(),
    );
    let name = file.rsplit('/').next().unwrap();
    Rendered {
        file: file.to_owned(),
        name: name.trim_end_matches("-values.yaml").to_owned(),
        kube,
        release: release.to_owned(),
        text,
        objects,
        values,
    }
}

/// Lays a user's values over the chart's, as Helm does.
fn lay_over(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay_over(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

/// Names the problems of every rendering at once.
pub(crate) fn in_every(check: impl Fn(&Rendered) -> Vec<String>) {
    let mut broken = Vec::new();
    for rendered in all() {
        for problem in check(rendered) {
            broken.push(format!("{} ({}): {problem}", rendered.file, rendered.kube));
        }
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// Names the problems of every object of these kinds, and fails where there is none to look at.
pub(crate) fn in_each(kinds: &[&str], check: impl Fn(&Rendered, &Object) -> Vec<String>) {
    let seen = std::cell::Cell::new(0);
    in_every(|rendered| {
        let objects = rendered
            .objects
            .all()
            .filter(|object| kinds.contains(&object.kind()));
        objects
            .flat_map(|object| {
                seen.set(seen.get() + 1);
                let named = |problem| format!("{}: {problem}", object.label());
                check(rendered, object).into_iter().map(named)
            })
            .collect()
    });
    assert!(seen.get() > 0, "there is no {kinds:?}");
}

#[test]
fn twice_the_same() {
    let some: Vec<_> = all()
        .iter()
        .filter(|rendered| rendered.kube == "1.34")
        .collect();
    let again = at_once(&some, |rendered| {
        let order = Order {
            values: &rendered.file,
            kube: rendered.kube,
            release: &rendered.release,
        };
        render(order, &[]).unwrap() == rendered.text
    });
    assert!(again.iter().all(|same| *same));
}

#[test]
fn names_of_releases_are_as_long_as_may_be() {
    let longest = all().iter().map(|rendered| rendered.release.len()).max();
    assert_eq!(longest, Some(53));
}

fn has_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().any(has_nothing),
        Value::Array(items) => items.iter().any(has_nothing),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whoever has no use for a default sets it to `null`.
#[test]
fn defaults_can_be_unset() {
    let unset = "
mode: split
image: { registry: null, tag: null }
bindAddress: null
config: null
existingSecret: null
secrets: null
public: { tls: { existingSecret: null } }
persistence: { existingClaim: null, storageClass: null }
commonLabels: null
commonAnnotations: null
imagePullSecrets: null
grpc: { plaintext: true, tls: { existingSecret: null }, adapterToken: { existingSecret: a } }
pod: { securityContext: { runAsUser: null, seccompProfile: null }, dnsConfig: null, hostAliases: null }
gateway: { resources: { limits: null }, updateStrategy: null, annotations: null, extraEnv: null, extraVolumes: null }
adapter:
  resources: null
  topologySpreadConstraints: null
  updateStrategy: { rollingUpdate: null }
  autoscaling: { enabled: true, behavior: null, metrics: null }
networkPolicy: { enabled: true, http: { from: null }, providers: { to: null }, dns: { to: null } }
service: { http: { port: null, annotations: null } }
extraObjects: null
";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unset.yaml");
    std::fs::write(&file, unset).unwrap();
    let order = Order {
        values: file.to_str().unwrap(),
        kube: "1.34",
        release: "tollgate",
    };
    let text = render(order, &[]).unwrap();
    for odd in ["nil", "%!", "https"] {
        assert!(!text.contains(odd), "{odd} in\n{text}");
    }
    let objects = Objects::read(&text).unwrap();
    for object in objects.all() {
        assert!(!has_nothing(&object.0), "{}", object.label());
    }
    assert_eq!(objects.workloads().count(), 2);
}
