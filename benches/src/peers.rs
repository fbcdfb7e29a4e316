//! Peers: each a program of its own, on one core.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Runs a script of `benches/peers` in an environment of its own that is made once, with `packages` in
/// it; it prints one JSON object.
///
/// # Panics
///
/// Where anything fails: a benchmark without its peer would say nothing.
pub fn run(script: &str, packages: &[&str], arguments: &[&Path]) -> Value {
    let venv = home().join("../target/bench-venv").join(script.trim_end_matches(".py"));
    let python = venv.join("bin/python");
    if !python.exists() {
        eprintln!("bench: installing {} into {}", packages.join(", "), venv.display());
        output(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    }
    output(
        Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages),
    );
    let script = home().join("peers").join(script);
    on_one_core(&python, &[&[script.as_path()][..], arguments].concat())
}

/// The same for a project of `benches/peers` in Rust; its program is named `peer`.
///
/// # Panics
///
/// Where anything fails.
pub fn run_project(project: &str, arguments: &[&Path]) -> Value {
    let manifest = home().join("peers").join(project).join("Cargo.toml");
    let target = home().join("../target").join(format!("bench-{project}"));
    eprintln!("bench: building {project} in {}", target.display());
    output(
        Command::new("cargo")
            .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
            .arg(manifest)
            .arg("--target-dir")
            .arg(&target),
    );
    on_one_core(&target.join("release/peer"), arguments)
}

fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn on_one_core(program: &Path, arguments: &[&Path]) -> Value {
    let printed = output(Command::new("taskset").args(["--cpu-list", "0"]).arg(program).args(arguments));
    serde_json::from_slice(&printed).expect("the peer prints JSON")
}

fn output(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not run: {error}"));
    assert!(output.status.success(), "{command:?} fails: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
