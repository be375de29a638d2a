//! A pod as the chart renders it, carried over into what podman is told: the same user, limits, files and arguments.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{read_yaml::documents, repository};

/// The program that `scripts/tools.sh helm` puts there.
const HELM: &str = ".cache/bin/helm";
/// The group that Kubernetes gives to volumes (`fsGroup`), and everything else of ours.
const GROUP: u32 = 65532;
/// What the image must do with; the chart's own limit is wider.
const MEMORY: &str = "64m";

/// Everything that the chart makes of some values.
pub(crate) struct Rendered(Vec<Value>);

/// A Secret's name, and its keys with their values.
pub(crate) type Secret<'a> = (&'a str, &'a [(&'a str, &'a str)]);

/// A pod that podman can run.
pub(crate) struct Pod {
    /// Its volumes.
    folder: TempDir,
    /// Its options.
    pub(crate) options: Vec<String>,
    /// The arguments of its program.
    pub(crate) arguments: Vec<String>,
    /// The seconds that it may take to end.
    pub(crate) grace: String,
    /// The path and the port's name of each of its probes.
    pub(crate) probes: Vec<(String, String)>,
}

impl Rendered {
    /// Renders the chart with these values.
    pub(crate) fn new(values: &str) -> Self {
        let helm = repository(HELM);
        assert!(
            helm.exists(),
            "{HELM} is missing; run scripts/tools.sh helm"
        );
        let folder = TempDir::with_prefix("tollgate-values-").unwrap();
        let file = folder.path().join("values.yaml");
        fs::write(&file, values).unwrap();
        let rendered = Command::new(helm)
            .args(["template", "x", "helm/tollgate", "--namespace=otp"])
            .arg(format!("--values={}", file.display()))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env_clear()
            .env("HOME", folder.path())
            .output()
            .unwrap();
        let problem = String::from_utf8_lossy(&rendered.stderr);
        assert!(rendered.status.success(), "{problem}");
        let text = String::from_utf8(rendered.stdout).unwrap();
        Self(documents(&text).unwrap())
    }

    fn object(&self, kind: &str, end: &str) -> &Value {
        let named = |object: &&Value| {
            let name = object["metadata"]["name"].as_str().unwrap();
            object["kind"] == kind && name.ends_with(end)
        };
        let found = self.0.iter().find(named);
        found.unwrap_or_else(|| panic!("the chart renders no {kind} …{end}"))
    }

    /// The pod of the workload of this kind whose name ends so.
    pub(crate) fn pod(&self, kind: &str, end: &str, secrets: &[Secret<'_>]) -> Pod {
        let spec = &self.object(kind, end)["spec"]["template"]["spec"];
        let [container] = &spec["containers"].as_array().unwrap()[..] else {
            panic!("more than one container");
        };
        let folder = TempDir::with_prefix("tollgate-pod-").unwrap();
        let mut options = vec!["--network=host".to_owned(), format!("--memory={MEMORY}")];
        options.extend(rights(spec, container));
        for mount in list(&container["volumeMounts"]) {
            let name = &mount["name"];
            let volumes = list(&spec["volumes"]);
            let volume = volumes.iter().find(|volume| volume["name"] == *name);
            let at = folder.path().join(name.as_str().unwrap());
            options.push(self.volume(volume, &at, mount, secrets));
        }
        for variable in list(&container["env"]) {
            if let Some(value) = variable["value"].as_str() {
                options.push(format!(
                    "--env={}={value}",
                    variable["name"].as_str().unwrap()
                ));
            }
        }
        let probes = ["startupProbe", "livenessProbe", "readinessProbe"].map(|probe| {
            let get = &container[probe]["httpGet"];
            let word = |key: &str| get[key].as_str().unwrap().to_owned();
            (word("path"), word("port"))
        });
        Pod {
            options,
            arguments: list(&container["args"])
                .iter()
                .map(|word| word.as_str().unwrap().to_owned())
                .collect(),
            grace: spec["terminationGracePeriodSeconds"].to_string(),
            probes: probes.to_vec(),
            folder,
        }
    }

    /// Makes a volume, and says how it is mounted.
    fn volume(
        &self,
        volume: Option<&Value>,
        at: &Path,
        mount: &Value,
        secrets: &[Secret<'_>],
    ) -> String {
        let path = mount["mountPath"].as_str().unwrap();
        let Some(volume) = volume else {
            // Not among the pod's own: the claim of a StatefulSet.
            folder_for_group(at);
            return format!("--volume={}:{path}", at.display());
        };
        if let Some(limit) = volume["emptyDir"]["sizeLimit"].as_str() {
            let size = limit.replace("Mi", "m");
            return format!("--tmpfs={path}:rw,size={size},mode=1777");
        }
        if let Some(name) = volume["configMap"]["name"].as_str() {
            let data = self.object("ConfigMap", name)["data"].as_object().unwrap();
            for (key, text) in data {
                write(at, key, text.as_str().unwrap(), &volume["configMap"]);
            }
        } else {
            for source in list(&volume["projected"]["sources"]) {
                let wanted = source["secret"]["name"].as_str().unwrap();
                let (_, keys) = secrets.iter().find(|(name, _)| *name == wanted).unwrap();
                for item in list(&source["secret"]["items"]) {
                    let (_, value) = keys.iter().find(|(key, _)| item["key"] == *key).unwrap();
                    let path = item["path"].as_str().unwrap();
                    write(at, path, value, &volume["projected"]);
                }
            }
        }
        assert_eq!(mount["readOnly"], true, "{mount}");
        format!("--volume={}:{path}:ro", at.display())
    }
}

impl Pod {
    /// The text of the configuration that it is given.
    pub(crate) fn configuration(&self) -> String {
        fs::read_to_string(self.folder.path().join("config/config.yaml")).unwrap()
    }

    /// Sets a variable of its environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.options.push(format!("--env={name}={value}"));
        self
    }

    /// Makes its doors take free ports of loopback: its network is the machine's, where others may have the usual ones.
    pub(crate) fn on_free_ports(self, doors: &[&str]) -> Self {
        doors.iter().fold(self, |pod, door| {
            pod.with(&format!("TOLLGATE__{door}__LISTEN"), "127.0.0.1:0")
        })
    }
}

/// What the pod may do.
fn rights(spec: &Value, container: &Value) -> Vec<String> {
    let (pod, own) = (&spec["securityContext"], &container["securityContext"]);
    assert_eq!(own["readOnlyRootFilesystem"], true);
    assert_eq!(own["allowPrivilegeEscalation"], false);
    assert_eq!(pod["fsGroup"], GROUP);
    let mut options = vec![
        format!("--user={}:{}", pod["runAsUser"], pod["runAsGroup"]),
        "--read-only".to_owned(),
        "--read-only-tmpfs=false".to_owned(),
        "--security-opt=no-new-privileges".to_owned(),
    ];
    let dropped = list(&own["capabilities"]["drop"]);
    options.extend(
        dropped
            .iter()
            .map(|one| format!("--cap-drop={}", one.as_str().unwrap())),
    );
    options
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Writes a file of a volume with the mode that the volume says, for the pod's group.
fn write(folder: &Path, name: &str, text: &str, volume: &Value) {
    let path = folder.join(name);
    let mode = volume["defaultMode"].as_u64().unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    let mode = u32::try_from(mode).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    chown(&path, Some(0), Some(GROUP)).unwrap();
}

/// A folder as a volume is handed to a pod with `fsGroup`: root's, and open to the group.
fn folder_for_group(path: &Path) {
    fs::create_dir(path).unwrap();
    chown(path, Some(0), Some(GROUP)).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o2775)).unwrap();
}
