//! Peers in Python, in an environment of the bench's own.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a script of `benches/peers` in an environment that is made once, with `packages` in it; it
/// prints one JSON object.
///
/// # Panics
///
/// Where anything fails: a benchmark without its peer would say nothing.
pub fn run(script: &str, packages: &[&str], arguments: &[&Path]) -> serde_json::Value {
    let home = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let venv = home.join("../target/bench-venv");
    let python = venv.join("bin/python");
    if !python.exists() {
        eprintln!("bench: installing {} into target/bench-venv", packages.join(", "));
        output(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    }
    output(
        Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages),
    );
    let printed = output(Command::new(&python).arg(home.join("peers").join(script)).args(arguments));
    serde_json::from_slice(&printed).expect("the peer prints JSON")
}

fn output(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not run: {error}"));
    assert!(output.status.success(), "{command:?} fails: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
