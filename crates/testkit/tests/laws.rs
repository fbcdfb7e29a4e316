//! The laws of the house: who may import whom.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const BASE: [&str; 3] = ["enliven-database", "enliven-store", "enliven-content"];
const ROOMS: [&str; 8] = [
    "enliven-sources",
    "enliven-features",
    "enliven-models",
    "enliven-policy",
    "enliven-metadata",
    "enliven-provenance",
    "enliven-oracle",
    "enliven-chain",
];

/// Our packages and what of ours they import outside of tests.
fn imports() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let ours = |dependency: &&serde_json::Value| {
            dependency["kind"].is_null() && dependency["name"].as_str().unwrap().starts_with("enliven")
        };
        let names = package["dependencies"].as_array().unwrap().iter().filter(ours);
        let names = names.map(|dependency| dependency["name"].as_str().unwrap().to_string()).collect();
        found.insert(package["name"].as_str().unwrap().to_string(), names);
    }
    found
}

#[test]
fn the_base_imports_types_and_the_database() {
    let imports = imports();
    for name in ["enliven-types", "enliven-database"] {
        assert!(imports[name].is_empty(), "{name}");
    }
    for name in ["enliven-store", "enliven-content"] {
        assert_eq!(imports[name], ["enliven-database", "enliven-types"], "{name}");
    }
}

#[test]
fn no_room_imports_another() {
    let imports = imports();
    for room in ROOMS {
        for import in &imports[room] {
            let allowed = import == "enliven-types" || BASE.contains(&import.as_str());
            assert!(allowed, "{room} imports {import}");
        }
    }
}

#[test]
fn every_package_is_known_to_these_laws() {
    for name in imports().keys() {
        let app = [
            "enliven-types",
            "enliven-light",
            "enliven-engine",
            "enliven-server",
            "enliven",
            "enliven-testkit",
            "enliven-bench",
        ];
        let known = BASE.contains(&name.as_str()) || ROOMS.contains(&name.as_str()) || app.contains(&name.as_str());
        assert!(known, "{name} is in no floor; add it to the laws");
    }
}

/// `server` sees the engine and what it shows, never a pipeline room but the chain that it serves.
#[test]
fn the_server_reads_through_the_engine() {
    let allowed = ["enliven-types", "enliven-store", "enliven-content", "enliven-engine", "enliven-chain"];
    for import in &imports()["enliven-server"] {
        assert!(allowed.contains(&import.as_str()), "server imports {import}");
    }
}

/// Only the binary reads the environment; only the binary and the sources open files by name.
#[test]
fn configuration_is_read_in_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut wrong = Vec::new();
    visit(&root.join("crates"), &mut |path, text| {
        let place = path.strip_prefix(&root).unwrap().display().to_string();
        if !place.contains("/src/") || place.starts_with("crates/app/enliven/") {
            return;
        }
        if text.contains("std::env::var") || text.contains("env::args") {
            wrong.push(place);
        }
    });
    assert!(wrong.is_empty(), "these read the environment: {wrong:?}");
}

/// The pure rooms have no clock, network, disk, randomness or hash-map order.
#[test]
fn pure_rooms_are_pure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let banned = ["std::time", "std::net", "std::fs", "std::env", "HashMap", "HashSet", "rand::", "tokio"];
    let mut wrong = Vec::new();
    for room in ["features", "models", "policy", "metadata", "provenance"] {
        visit(&root.join("crates/pipeline").join(room).join("src"), &mut |path, text| {
            for word in banned {
                if text.contains(word) {
                    wrong.push(format!("{}: {word}", path.display()));
                }
            }
        });
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn visit(folder: &Path, see: &mut dyn FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, see);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            see(&path, &std::fs::read_to_string(&path).unwrap());
        }
    }
}
