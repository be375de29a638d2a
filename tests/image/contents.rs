//! What is in the image: the program, certificate authorities, and nothing that somebody who breaks in could use.

use std::{env::var, fs};

use serde_json::json;

use crate::{archive::Archive, repository};

const MEGABYTE: u64 = 1_000_000;

#[test]
fn it_runs_as_nobody_in_particular() {
    let image = Archive::open().config;
    assert_eq!(image["os"], "linux");
    let config = &image["config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], json!(["/tollgate"]));
    let command = json!(["serve", "--config", "/etc/tollgate/config.yaml"]);
    assert_eq!(config["Cmd"], command);
    assert_eq!(config["WorkingDir"], "/var/lib/tollgate");
    assert_eq!(config["StopSignal"], "SIGTERM");
    let ports = json!({ "8080/tcp": {}, "50051/tcp": {}, "9090/tcp": {} });
    assert_eq!(config["ExposedPorts"], ports);
    let environment = config["Env"].as_array().into_iter().flatten();
    let environment: Vec<_> = environment.filter_map(|one| one.as_str()).collect();
    assert!(
        environment.iter().all(|one| one.starts_with("PATH=")),
        "{environment:?}"
    );
    assert!(config["Volumes"].is_null(), "a volume nobody asked for");
}

#[test]
fn its_labels_say_what_it_is() {
    let image = Archive::open().config;
    let label = |name: &str| {
        let label = &image["config"]["Labels"][format!("org.opencontainers.image.{name}")];
        label.as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("licenses"), env!("CARGO_PKG_LICENSE"));
    assert_eq!(label("description"), env!("CARGO_PKG_DESCRIPTION"));
    assert_eq!(label("title"), "Tollgate");
    assert!(label("source").starts_with("https://"));
    let revision = label("revision");
    let is_commit = revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit());
    assert!(is_commit || revision == "unknown", "{revision}");
}

#[test]
fn nothing_else_is_in_it() {
    let archive = Archive::open();
    let entries = archive.entries();
    let listed: Vec<_> = entries
        .iter()
        .map(|entry| {
            let mode = &entry.mode;
            format!("{mode} {} /{}", entry.owner, entry.path)
        })
        .collect();
    let expected = [
        "drwxr-xr-x 0/0 /etc",
        "drwxr-xr-x 0/0 /etc/ssl",
        "drwxr-xr-x 0/0 /etc/ssl/certs",
        "-rw-r--r-- 0/0 /etc/ssl/certs/ca-certificates.crt",
        "drwxrwxrwt 0/0 /tmp",
        "-rwxr-xr-x 0/0 /tollgate",
        "drwxr-xr-x 0/0 /var",
        "drwxr-xr-x 0/0 /var/lib",
        "drwx------ 65532/65532 /var/lib/tollgate",
    ];
    assert_eq!(listed, expected, "{listed:#?}");
    let authorities = archive.read("etc/ssl/certs/ca-certificates.crt");
    let authorities = String::from_utf8(authorities).unwrap();
    assert!(authorities.matches("BEGIN CERTIFICATE").count() > 100);
}

#[test]
fn it_is_small() {
    let archive = Archive::open();
    let unpacked: u64 = archive.entries().iter().map(|entry| entry.size).sum();
    let layers = archive.layers();
    let travels: u64 = layers
        .iter()
        .map(|layer| fs::metadata(layer).unwrap().len())
        .sum();
    assert!(
        unpacked <= 20 * MEGABYTE,
        "{unpacked} bytes unpacked: does benches/send/profile.gz still fit? `make profile` records it anew"
    );
    assert!(travels <= 8 * MEGABYTE, "{travels} bytes compressed");
    assert!(layers.len() <= 2, "{} layers", layers.len());
}

#[test]
fn its_program_names_its_dependencies_and_no_folder_of_its_builder() {
    let program = Archive::open().read("tollgate");
    let has = |text: &str| {
        let text = text.as_bytes();
        program.windows(text.len()).any(|part| part == text)
    };
    // What `cargo auditable` puts there for scanners.
    assert!(has(".dep-v0"), "no list of dependencies");
    // Source files are named in panics; the folders they were in are not the user's business.
    assert!(has("/cargo/registry/src/"));
    assert!(!has(env!("CARGO_MANIFEST_DIR")));
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo says in this way where its home is"
    )]
    let home = var("CARGO_HOME").or_else(|_| var("HOME").map(|home| format!("{home}/.cargo")));
    let home = home.unwrap();
    assert!(!has(&format!("{home}/registry")), "{home} shows");
}

#[test]
fn the_dockerfile_builds_this_version_with_this_compiler() {
    let dockerfile = fs::read_to_string(repository("Dockerfile")).unwrap();
    let version = format!("ARG VERSION={}\n", env!("CARGO_PKG_VERSION"));
    assert!(dockerfile.contains(&version), "{version}");
    let toolchain = fs::read_to_string(repository("rust-toolchain.toml")).unwrap();
    let (_, channel) = toolchain.split_once("channel = \"").unwrap();
    let (channel, _) = channel.split_once('"').unwrap();
    assert!(
        dockerfile.contains(&format!("rust:{channel}-")),
        "{channel}"
    );
    let sent = fs::read_to_string(repository(".dockerignore")).unwrap();
    for needed in [".cargo/config.toml", "Cargo.lock", "benches"] {
        let line = format!("!{needed}");
        assert!(sent.lines().any(|one| one == line), "{line}");
    }
}
