use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The program, in a folder, with nothing taken from the environment of the test.
pub fn enliven(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_enliven"));
    command.current_dir(folder).args(arguments);
    for name in ["ENLIVEN_MANIFEST", "ENLIVEN_DATA", "ENLIVEN_LISTEN", "ENLIVEN_CHAIN_KEY", "ENLIVEN_ORACLE_KEYS"] {
        command.env_remove(name);
    }
    command
}

/// The document that a command prints with `--json`; the command must end as told.
pub fn json(folder: &Path, arguments: &[&str], succeeds: bool) -> Value {
    let output = enliven(folder, arguments).arg("--json").output().unwrap();
    assert_eq!(output.status.success(), succeeds, "{arguments:?}: {}", both(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", both(&output)))
}

/// A new starter collection in `folder/league` whose first epoch is at `start`.
pub fn starter(folder: &Path, start: &str) {
    json(folder, &["new", "league"], true);
    edit(&folder.join("league"), "start = \"2020-01-01\"", &format!("start = \"{start}\""));
}

/// Replaces the first occurrence of a text in a collection's manifest.
pub fn edit(folder: &Path, from: &str, to: &str) {
    let path = folder.join("enliven.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "the manifest has no `{from}`");
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
}

/// stdout and stderr.
pub fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
