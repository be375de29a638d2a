//! The house rules that a compiler cannot see (`ARCHITECTURE.md`), and what the documentation says, checked by an
//! ordinary test.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "architecture/documents.rs"]
mod documents;
#[path = "architecture/floors.rs"]
mod floors;
#[path = "architecture/lexer.rs"]
mod lexer;
#[path = "architecture/markdown.rs"]
mod markdown;
#[path = "architecture/names.rs"]
mod names;
#[path = "architecture/shape.rs"]
mod shape;
#[path = "architecture/source.rs"]
mod source;
#[path = "architecture/vendors.rs"]
mod vendors;
#[path = "architecture/walls.rs"]
mod walls;

use std::{
    fs,
    path::{Path, PathBuf},
};

use source::Source;

#[test]
fn the_product_keeps_the_house_rules() {
    let files = rust_files("src");
    let mut broken = Vec::new();
    for (file, text) in &files {
        let source = Source::new(file, text);
        broken.extend(shape::check(&source));
        broken.extend(shape::check_product(&source));
        broken.extend(floors::check(&source));
        broken.extend(walls::check(&source));
        broken.extend(vendors::check(&source));
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
    // An empty scan would find nothing wrong.
    let seen = |name: &str| files.iter().any(|(file, _)| file == name);
    assert!(seen("lib.rs") && seen("main.rs") && seen("domain/phone.rs"));
}

#[test]
fn tests_and_benches_keep_their_shape() {
    let mut broken = Vec::new();
    for folder in ["tests", "benches"] {
        for (file, text) in rust_files(folder) {
            broken.extend(shape::check(&Source::new(&file, &text)));
        }
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_module_of_the_map_was_scanned() {
    let files = rust_files("src");
    let (_, map) = files.iter().find(|(file, _)| file == "lib.rs").unwrap();
    let listed = map.lines().filter_map(|line| {
        let name = line.strip_prefix("pub mod ")?;
        name.strip_suffix(';')
    });
    for module in listed {
        let homes = [format!("{module}.rs"), format!("{module}/mod.rs")];
        assert!(
            files.iter().any(|(file, _)| homes.contains(file)),
            "{module}"
        );
    }
}

/// The Rust files below a folder of the package, by their path in it, and their texts.
fn rust_files(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    for path in walk(&root) {
        let inside = path.strip_prefix(&root).unwrap();
        let segments: Vec<_> = inside.iter().map(|part| part.to_str().unwrap()).collect();
        found.push((segments.join("/"), fs::read_to_string(&path).unwrap()));
    }
    found
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
