//! Kubernetes objects as the tests look at them.

use serde_json::Value;

use super::read_yaml;

/// One object.
#[derive(Clone, Debug)]
pub(crate) struct Object(pub(crate) Value);

impl Object {
    pub(crate) fn kind(&self) -> &str {
        self.0["kind"].as_str().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.0["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// Kind and name.
    pub(crate) fn label(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// What stands at a JSON pointer; nothing where there is none.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        at(&self.0, pointer)
    }

    /// The template of a workload's pods, or the pod itself.
    pub(crate) fn pod(&self) -> Option<&Value> {
        match self.kind() {
            "StatefulSet" | "Deployment" => self.0.pointer("/spec/template"),
            "Pod" => Some(&self.0),
            _ => None,
        }
    }

    /// The component that its labels name.
    pub(crate) fn component(&self) -> &str {
        let label = "/metadata/labels/app.kubernetes.io~1component";
        self.at(label).as_str().unwrap_or_default()
    }

    /// Which part of Tollgate a workload runs: `all`, `gateway` or `adapter`.
    pub(crate) fn role(&self) -> &str {
        let args = list(self.at("/spec/template/spec/containers/0/args"));
        let only = args.iter().position(|arg| *arg == "--only");
        let role = only.and_then(|at| args.get(at + 1)?.as_str());
        role.unwrap_or("all")
    }
}

/// The objects of one rendering.
#[derive(Debug)]
pub(crate) struct Objects(Vec<Object>);

impl Objects {
    /// Reads what Helm printed.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let documents = read_yaml::documents(text)?;
        Ok(Self(documents.into_iter().map(Object).collect()))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Object> {
        self.0.iter()
    }

    pub(crate) fn of_kind<'a, 'k>(
        &'a self,
        kind: &'k str,
    ) -> impl Iterator<Item = &'a Object> + use<'a, 'k> {
        self.all().filter(move |object| object.kind() == kind)
    }

    pub(crate) fn find(&self, kind: &str, name: &str) -> Option<&Object> {
        self.all()
            .find(|object| object.kind() == kind && object.name() == name)
    }

    /// The workload of a component.
    pub(crate) fn workload(&self, component: &str) -> Option<&Object> {
        self.workloads()
            .find(|object| object.component() == component)
    }

    /// What runs all the time.
    pub(crate) fn workloads(&self) -> impl Iterator<Item = &Object> {
        self.all()
            .filter(|object| matches!(object.kind(), "StatefulSet" | "Deployment"))
    }

    /// The workloads whose pods a selector takes.
    pub(crate) fn selected(&self, selector: &Value) -> Vec<&Object> {
        self.workloads()
            .filter(|object| takes(selector, object.at("/spec/template/metadata/labels")))
            .collect()
    }

    /// The configuration that a workload reads, from its `ConfigMap`.
    pub(crate) fn configuration(&self, workload: &Object) -> Result<Value, String> {
        read_yaml::document(self.configuration_text(workload)?)
    }

    /// The same as text.
    pub(crate) fn configuration_text(&self, workload: &Object) -> Result<&str, String> {
        let volumes = list(workload.at("/spec/template/spec/volumes"));
        let volume = volumes.iter().find(|volume| volume["name"] == "config");
        let name = volume.and_then(|volume| volume.pointer("/configMap/name")?.as_str());
        let name = name.ok_or("no volume `config` of a ConfigMap")?;
        let map = self.find("ConfigMap", name);
        let map = map.ok_or_else(|| format!("there is no ConfigMap {name}"))?;
        let text = map.at("/data/config.yaml").as_str();
        text.ok_or_else(|| format!("ConfigMap {name} has no config.yaml"))
    }
}

/// What stands at a JSON pointer.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// A list's items; none where there is no list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Whether a selector that is not empty takes these labels.
pub(crate) fn takes(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.as_object().filter(|wanted| !wanted.is_empty());
    wanted.is_some_and(|wanted| {
        wanted
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
    })
}

/// Every container of a pod, those that run before it too.
pub(crate) fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let before = list(at(pod, "/spec/initContainers")).iter();
    before.chain(list(at(pod, "/spec/containers")))
}

/// The container that runs Tollgate, or asks it.
pub(crate) fn own(pod: &Value) -> &Value {
    at(pod, "/spec/containers/0")
}

/// What is there more than once.
pub(crate) fn twice<'a>(names: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let mut seen = Vec::new();
    let mut repeated = Vec::new();
    for name in names {
        if seen.contains(&name) {
            repeated.push(name.to_string());
        }
        seen.push(name);
    }
    repeated
}
